import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AccountHealth, type AdapterContext, kindOfError } from '@kapi/contract';
import { SMTPServer } from 'smtp-server';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Config, config as schema } from '../../adapters/email-imap/config.ts';
import { probe } from '../../adapters/email-imap/connection.ts';
import { pull } from '../../adapters/email-imap/pull.ts';
import { reply } from '../../adapters/email-imap/reply.ts';
import { type Certificate, type Certificates, makeCertificates } from '../support/certificates.ts';
import { type Dovecot, missingDovecot, startDovecot } from '../support/dovecot.ts';

const missing = missingDovecot();

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

const health: AccountHealth[] = [];
function context(settings: Readonly<Record<string, unknown>>): AdapterContext<Config> {
  const silent = () => undefined;
  health.length = 0;
  return {
    account: 'eposta',
    config: schema.parse({
      address: 'sok@bursa.example',
      imapHost: '127.0.0.1',
      imapUser: 'sok',
      imapPassword: 'gizli',
      smtpTimeoutSeconds: 5,
      ...settings,
    }),
    signal: new AbortController().signal,
    cursor: undefined,
    http: () => Promise.reject(new Error('no network')),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    health: (state) => void health.push(state),
  };
}

type Shown = keyof Omit<Certificates, 'ca' | 'remove'>;
/** What a server shows, whether our authority is named, and what is wrong; undefined: nothing is. */
const rows: readonly (readonly [shown: Shown, trusted: boolean, problem: RegExp | undefined])[] = [
  ['good', true, undefined],
  [
    'good',
    false,
    /an authority that is not trusted here.*caFile \((?:UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)\)/,
  ],
  [
    'selfSigned',
    true,
    /its certificate is signed by itself and not in caFile \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
  ],
  ['expired', true, /its certificate has expired \(CERT_HAS_EXPIRED\)/],
  [
    'otherName',
    true,
    /its certificate is for another name, DNS:imap\.bursa\.example \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
  ],
];
const named = rows.map(([shown, trusted, problem]) => {
  const authority = trusted ? 'with our authority named' : 'without our authority';
  return [`${shown} ${authority} is ${problem ? 'refused' : 'taken'}`, shown, trusted, problem] as const;
});
const caOf = (trusted: boolean) => (trusted ? { caFile: certificates.ca } : {});

describe.skipIf(missing !== undefined)(`IMAP over TLS, to Dovecot${missing ? `: ${missing}` : ''}`, () => {
  let dovecot: Dovecot;
  afterEach(() => dovecot.stop());
  const start = async (certificate?: Certificate) => {
    dovecot = await startDovecot(certificate && { certificate });
  };

  describe.each(['tls', 'starttls'])('%s', (imapSecurity) => {
    test.each(named)('a certificate that is %s', async (_name, shown, trusted, problem) => {
      await start(certificates[shown]);
      const imapPort = imapSecurity === 'tls' ? dovecot.tlsPort : dovecot.port;
      const own = context({ imapSecurity, imapPort, ...caOf(trusted) });
      const { ok, detail } = await probe(own);
      if (problem === undefined)
        return expect({ ok, detail }).toEqual({ ok: true, detail: 'INBOX: 0 mails, 0 unread' });
      expect(ok).toBe(false);
      expect(detail).toMatch(problem);
      const thrown: unknown = await pull
        .open(own)
        [Symbol.asyncIterator]()
        .next()
        .catch((error: unknown) => error);
      expect(kindOfError(thrown)).toBe('transient');
      expect(String(thrown)).toMatch(problem);
      expect(health.at(-1)).toMatchObject({ state: 'failing', detail: expect.stringMatching(problem) });
    });
  });

  test('the environment switches verification off no more than the configuration', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    await start(certificates.selfSigned);
    const { ok } = await probe(context({ imapPort: dovecot.tlsPort }));
    vi.unstubAllEnvs();
    expect(ok).toBe(false);
  });

  test('a server without STARTTLS is not talked to in clear', async () => {
    await start();
    const { detail } = await probe(context({ imapSecurity: 'starttls', imapPort: dovecot.port }));
    expect(detail).toMatch(/it offers no STARTTLS/);
  });

  test('a port that speaks no TLS is named as such', async () => {
    await start();
    const { detail } = await probe(context({ imapSecurity: 'tls', imapPort: dovecot.port }));
    expect(detail).toMatch(/it does not speak TLS on this port \(ERR_SSL/);
  });

  test.each([
    ['is not there', () => join(certificates.ca, '..', 'yok.pem'), /found ENOENT/],
    [
      'holds no certificate',
      () => {
        const path = join(certificates.ca, '..', 'bos.pem');
        writeFileSync(path, 'sertifika değil');
        return path;
      },
      /found a file without certificates/,
    ],
  ])('a caFile that %s is a mistake of the configuration', async (_name, path, found) => {
    await start(certificates.good);
    const own = context({ imapPort: dovecot.tlsPort, caFile: path() });
    const thrown: unknown = await pull
      .open(own)
      [Symbol.asyncIterator]()
      .next()
      .catch((error: unknown) => error);
    expect(kindOfError(thrown)).toBe('config');
    expect(String(thrown)).toMatch(/caFile: expected a PEM file with certificates at /);
    expect(String(thrown)).toMatch(found);
  });
});

describe.each(['tls', 'starttls'])('SMTP by %s', (smtpSecurity) => {
  test.each(named)('a certificate that is %s', async (_name, shown, trusted, problem) => {
    let mails = 0;
    const server = new SMTPServer({
      secure: smtpSecurity === 'tls',
      cert: readFileSync(certificates[shown].cert),
      key: readFileSync(certificates[shown].key),
      disabledCommands: ['AUTH'],
      logger: false,
      onData(stream, _session, callback) {
        stream.resume();
        stream.on('end', () => {
          mails += 1;
          callback();
        });
      },
    });
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.server.address();
    const smtpPort = typeof address === 'object' && address !== null ? address.port : 0;
    const own = context({ smtpHost: '127.0.0.1', smtpPort, smtpSecurity, ...caOf(trusted) });
    const draft = {
      idempotencyKey: 'n1',
      to: 'a@b.example',
      text: 'x',
      automatic: false,
      language: 'tr',
    } as const;
    const thrown: unknown = await reply.send(draft, own).then(
      () => undefined,
      (error: unknown) => error,
    );
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(mails).toBe(problem === undefined ? 1 : 0);
    if (problem === undefined) return expect(thrown).toBeUndefined();
    expect(kindOfError(thrown)).toBe('transient');
    expect(String(thrown)).toMatch(problem);
  });
});

test('no key of the configuration switches verification off', () => {
  const keys = Object.keys(schema.shape).filter((key) => /tls|ssl|secur|verif|reject|insecure|ca/i.test(key));
  expect(keys).toEqual(['imapSecurity', 'caFile', 'smtpSecurity']);
  expect(schema.shape.imapSecurity.unwrap().options).toEqual(['tls', 'starttls', 'none-on-loopback']);
});
