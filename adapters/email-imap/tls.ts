import { readFile } from 'node:fs/promises';
import { type ConnectionOptions, getCACertificates } from 'node:tls';
import { ConfigError } from '@kapi/contract';
import type { Config } from './config.ts';

/** TLS of every connection of an account: IMAP, SMTP and the token endpoint. */

/**
 * Certificates are verified, always: no option turns it off. `caFile` is trusted beside the authorities
 * that Node trusts, `NODE_EXTRA_CA_CERTS` among them.
 * @throws ConfigError where `caFile` holds no certificate
 */
export async function tlsOptions({ caFile }: Config): Promise<ConnectionOptions> {
  const verified = { rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const;
  if (caFile === undefined) return verified;
  const own = await readFile(caFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw wrongFile(caFile, error.code ?? 'a file that cannot be read');
  });
  if (!/-----BEGIN CERTIFICATE-----/.test(own)) throw wrongFile(caFile, 'a file without certificates');
  return { ...verified, ca: [...getCACertificates('default'), own] };
}

const wrongFile = (path: string, found: string): ConfigError =>
  new ConfigError(
    'config_invalid',
    `caFile: expected a PEM file with certificates at ${path}, found ${found}`,
  );

/** Codes of OpenSSL and Node, in words. https://nodejs.org/docs/latest-v24.x/api/tls.html#x509-certificate-error-codes */
const problems: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate has been revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself and not in caFile',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an authority that is not trusted here: name it by caFile',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is of an authority that is not trusted here: name it by caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is of an authority that is not trusted here: name it by caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is of an authority that is not trusted here, or it does not send the certificates between: name the authority by caFile',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on this port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS on this port',
};

interface TlsFailure {
  readonly code?: unknown;
  /** nodemailer: the code before its own. */
  readonly originalCode?: unknown;
  /** imapflow: STARTTLS failed. */
  readonly tlsFailed?: unknown;
  readonly cert?: { readonly subjectaltname?: unknown };
}

/** What is wrong with the TLS of a peer, as the end of a sentence about it; undefined for anything else. */
export function tlsProblem(thrown: unknown): string | undefined {
  const { code, originalCode, tlsFailed, cert } = (thrown ?? {}) as TlsFailure;
  const found = [originalCode, code].find(
    (one) => typeof one === 'string' && one !== 'ESOCKET' && one !== 'ETLS',
  );
  const name = typeof found === 'string' ? found : undefined;
  if (name !== undefined && Object.hasOwn(problems, name)) {
    const names = typeof cert?.subjectaltname === 'string' ? `, ${cert.subjectaltname.slice(0, 200)}` : '';
    return `${problems[name]}${name === 'ERR_TLS_CERT_ALTNAME_INVALID' ? names : ''} (${name})`;
  }
  if (name !== undefined && /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO)/.test(name))
    return `no TLS connection comes about (${name})`;
  return tlsFailed === true || code === 'ETLS' ? 'it offers no STARTTLS, or breaks it off' : undefined;
}
