import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  /** The authority that signed the first three. */
  readonly ca: string;
  /** For 127.0.0.1, valid. */
  readonly good: Certificate;
  /** For 127.0.0.1, over since yesterday. */
  readonly expired: Certificate;
  /** Valid, for `imap.bursa.example`. */
  readonly otherName: Certificate;
  /** For 127.0.0.1, signed by itself. */
  readonly selfSigned: Certificate;
  /** Removes the files. */
  remove(): void;
}

/** A certificate authority of the test's own, and what servers show; made by openssl, in a folder of its own. */
export function makeCertificates(): Certificates {
  const home = mkdtempSync(join(tmpdir(), 'kapi-certificates-'));
  const at = (name: string) => join(home, name);
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', [...args], { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const root = [
    '-x509',
    '-days',
    '2',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=Kapi deneme otoritesi',
  ];
  openssl('req', ...curve, ...root);
  const signed = (name: string, san: string, days: number): Certificate => {
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(at(`${name}.ext`), `subjectAltName=${san}\n`);
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
    openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-days', String(days), '-out', `${name}.pem`);
    return { cert: at(`${name}.pem`), key: at(`${name}.key`) };
  };
  const own = ['-x509', '-days', '2', '-keyout', 'self.key', '-out', 'self.pem', '-subj', '/CN=self'];
  openssl('req', ...curve, ...own, '-addext', 'subjectAltName=IP:127.0.0.1');
  return {
    ca: at('ca.pem'),
    good: signed('good', 'IP:127.0.0.1', 2),
    expired: signed('expired', 'IP:127.0.0.1', -1),
    otherName: signed('other', 'DNS:imap.bursa.example', 2),
    selfSigned: { cert: at('self.pem'), key: at('self.key') },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
