import { type AdapterContext, codeOf } from '@kapi/contract';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Config, config as schema } from './config.ts';
import { reply } from './reply.ts';
import { startTokenEndpoint, type TokenEndpoint } from './testing/token-endpoint.ts';
import { accessToken, forgetToken } from './token.ts';

const clientSecret = 'uygulama-gizi-4417';
const refreshToken = 'yenileme-belirteci-9920';

let endpoint: TokenEndpoint;
beforeEach(async () => {
  endpoint = await startTokenEndpoint();
});
afterEach(async () => {
  vi.useRealTimers();
  await endpoint.stop();
});

type Oauth = NonNullable<Config['oauth2']>;
function settings(
  more: Partial<Oauth> = { clientSecret },
  other: Readonly<Record<string, unknown>> = {},
): Config {
  return schema.parse({
    address: 'sok@bursa.example',
    imapHost: 'imap.bursa.example',
    imapUser: 'sok',
    oauth2: { tokenUrl: endpoint.tokenUrl, clientId: 'kapi', ...more },
    ...other,
  });
}
const signal = new AbortController().signal;

describe('a token', () => {
  test.each([
    [
      'by client credentials',
      { clientSecret, scope: 'https://outlook.office365.com/.default' },
      {
        grant_type: 'client_credentials',
        client_id: 'kapi',
        client_secret: clientSecret,
        scope: 'https://outlook.office365.com/.default',
      },
    ],
    [
      'by a refresh token',
      { clientSecret, refreshToken },
      {
        grant_type: 'refresh_token',
        client_id: 'kapi',
        client_secret: clientSecret,
        refresh_token: refreshToken,
      },
    ],
    [
      'by a refresh token of a public application',
      { refreshToken },
      { grant_type: 'refresh_token', client_id: 'kapi', refresh_token: refreshToken },
    ],
  ])('is asked for %s', async (_name, oauth2, form) => {
    expect(await accessToken({ config: settings(oauth2), signal })).toBe('erisim-belirteci-1');
    expect(endpoint.asked).toEqual([form]);
  });

  test('is kept until a minute before its end, and one question serves all who ask at once', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const config = settings();
    const ask = () => accessToken({ config, signal });
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(Array(3).fill('erisim-belirteci-1'));
    vi.advanceTimersByTime(3539_000);
    expect(await ask()).toBe('erisim-belirteci-1');
    vi.advanceTimersByTime(1_000);
    expect(await ask()).toBe('erisim-belirteci-2');
  });

  test('without a time to live, refused, or forgotten is not used again', async () => {
    endpoint.more = {};
    const config = settings();
    expect(await accessToken({ config, signal })).toBe('erisim-belirteci-1');
    endpoint.more = { expires_in: '3600' };
    expect(await accessToken({ config, signal })).toBe('erisim-belirteci-2');
    expect(await accessToken({ config, signal }, true)).toBe('erisim-belirteci-3');
    forgetToken(config);
    expect(await accessToken({ config, signal })).toBe('erisim-belirteci-4');
  });

  test('that comes with a new refresh token is followed by one asked with it, or with the configured one', async () => {
    endpoint.more = { expires_in: 3600, refresh_token: 'yenisi' };
    const config = settings({ refreshToken });
    await accessToken({ config, signal });
    await accessToken({ config, signal }, true);
    endpoint.instead.push({ status: 400, body: { error: 'invalid_grant' } });
    await accessToken({ config, signal }, true);
    expect(endpoint.asked.map((form) => form.refresh_token)).toEqual([
      refreshToken,
      'yenisi',
      'yenisi',
      refreshToken,
    ]);
  });

  const description = `AADSTS7000215: Invalid client secret ${clientSecret} provided for +905321234567.`;
  test.each([
    [
      'refuses the secret',
      { status: 401, body: { error: 'invalid_client', error_description: description } },
      'config_invalid',
      /^oauth2\.clientId, oauth2\.clientSecret: 127\.0\.0\.1:\d+ refuses a token; expected .*, found HTTP 401, invalid_client, AADSTS7000215$/,
    ],
    [
      'refuses the grant',
      { status: 400, body: { error: 'invalid_grant' } },
      'config_invalid',
      /^oauth2\.refreshToken: /,
    ],
    [
      'refuses the scope',
      { status: 400, body: { error: 'invalid_scope' } },
      'config_invalid',
      /^oauth2\.scope: /,
    ],
    [
      'refuses without a word',
      { status: 403, body: 'hayır' },
      'config_invalid',
      /^oauth2: .* found HTTP 403$/,
    ],
    ['asks to slow down', { status: 429, retryAfter: '9' }, 'provider_throttled', /slow down/],
    ['fails', { status: 502 }, 'provider_unavailable', /gives no token \(HTTP 502\)/],
    [
      'answers something else',
      { status: 200, body: { id_token: 'x' } },
      'provider_unavailable',
      /gives no token \(HTTP 200\)/,
    ],
    ['hangs up', 'hang up', 'provider_unavailable', /does not answer \(ECONNRESET\)/],
  ] as const)(
    'from an endpoint that %s is a coded error without secrets',
    async (_name, answer, code, words) => {
      endpoint.instead.push(answer);
      const thrown: unknown = await accessToken({
        config: settings({ clientSecret, refreshToken }),
        signal,
      }).catch((error: unknown) => error);
      expect(codeOf(thrown)).toBe(code);
      expect((thrown as Error).message).toMatch(words);
      expect((thrown as { retryAfterMs?: number }).retryAfterMs).toBe(
        code === 'provider_throttled' ? 9000 : undefined,
      );
      const all = JSON.stringify(thrown, Object.getOwnPropertyNames(thrown));
      for (const secret of [clientSecret, refreshToken, '+90532']) expect(all).not.toContain(secret);
    },
  );
});

test.each([
  ['a password and a token', { imapPassword: 'parola' }, ['imapPassword']],
  ['neither', { oauth2: undefined }, ['imapPassword']],
  [
    'an endpoint in clear',
    { oauth2: { tokenUrl: 'http://giris.bursa.example/token', clientId: 'k', clientSecret } },
    ['oauth2', 'tokenUrl'],
  ],
  [
    'neither secret nor refresh token',
    { oauth2: { tokenUrl: 'https://giris.bursa.example', clientId: 'k' } },
    ['oauth2', 'clientSecret'],
  ],
])('a mailbox with %s is refused by the configuration', (_name, other, path) => {
  const raw = { ...settings(), ...other };
  const result = schema.safeParse(
    Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined)),
  );
  expect(result.error?.issues.map((issue) => issue.path)).toContainEqual(path);
});

describe('sending by SMTP with a token', () => {
  const heard: string[] = [];
  let server: SMTPServer;
  let mails: number;
  beforeEach(async () => {
    heard.length = 0;
    mails = 0;
    server = new SMTPServer({
      authMethods: ['XOAUTH2'],
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      logger: false,
      onAuth({ username, accessToken: token = '' }, _session, callback) {
        heard.push(`${username} ${token}`);
        const genuine = endpoint.given.includes(token) && !endpoint.revoked.has(token);
        callback(null, genuine ? { user: username } : { data: { status: '401', schemes: 'bearer' } });
      },
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
  });
  afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

  function context(config: Config) {
    const logs: unknown[] = [];
    const line = (...said: readonly unknown[]) => void logs.push(said);
    const made: AdapterContext<Config> = {
      account: 'eposta',
      config,
      signal,
      cursor: undefined,
      http: () => Promise.reject(new Error('no network')),
      log: { debug: line, info: line, warn: line, error: line },
      health: line,
    };
    return { made, logs };
  }
  const sending = (own: AdapterContext<Config>) =>
    reply
      .send({ idempotencyKey: 'n1', to: 'a@b.example', text: 'x', automatic: true, language: 'tr' }, own)
      .then(
        () => 'sent',
        (thrown: Error) => `${codeOf(thrown)}: ${thrown.message}`,
      );
  const account = () => {
    const address = server.server.address();
    const smtpPort = typeof address === 'object' && address !== null ? address.port : 0;
    const smtp = { smtpHost: '127.0.0.1', smtpSecurity: 'none-on-loopback', smtpUser: 'sok', smtpPort };
    return settings({ clientSecret }, { ...smtp, smtpTimeoutSeconds: 5 });
  };

  test('logs in with it, and asks for another where the server refuses the first', async () => {
    const { made } = context(account());
    expect(await sending(made)).toBe('sent');
    endpoint.revoked.add('erisim-belirteci-1');
    expect(await sending(made)).toBe('sent');
    expect(heard).toEqual(['sok erisim-belirteci-1', 'sok erisim-belirteci-1', 'sok erisim-belirteci-2']);
    expect(mails).toBe(2);
  });

  test('waits, and says why, where every token is refused; none is logged or told', async () => {
    for (const n of [1, 2, 3]) endpoint.revoked.add(`erisim-belirteci-${n}`);
    const { made, logs } = context(account());
    const said = await sending(made);
    expect(said).toMatch(
      /^provider_unavailable: 127\.0\.0\.1:\d+ refused the access token for sok: check smtpUser, oauth2\.scope, and that kapi may send as it$/,
    );
    expect(mails).toBe(0);
    expect(JSON.stringify(logs)).not.toContain('belirteci');
  });

  test('says nothing to the server where there is no token, and waits', async () => {
    endpoint.instead.push({ status: 401, body: { error: 'invalid_client' } });
    expect(await sending(context(account()).made)).toMatch(
      /^provider_unavailable: oauth2\.clientId, oauth2\.clientSecret: /,
    );
    expect(heard).toEqual([]);
  });
});
