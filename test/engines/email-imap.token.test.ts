import { type AccountHealth, type AdapterContext, codeOf } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Config, config as schema } from '../../adapters/email-imap/config.ts';
import { probe } from '../../adapters/email-imap/connection.ts';
import { pull } from '../../adapters/email-imap/pull.ts';
import { startTokenEndpoint, type TokenEndpoint } from '../../adapters/email-imap/testing/token-endpoint.ts';
import { type Dovecot, missingDovecot, startDovecot } from '../support/dovecot.ts';

const missing = missingDovecot();

describe.skipIf(missing !== undefined)(
  `email-imap by access token, to Dovecot with XOAUTH2${missing === undefined ? '' : `: ${missing}`}`,
  () => {
    let endpoint: TokenEndpoint;
    let dovecot: Dovecot;
    const said: AccountHealth[] = [];
    const logs: unknown[] = [];
    beforeEach(async () => {
      said.length = 0;
      endpoint = await startTokenEndpoint();
      dovecot = await startDovecot({ introspectionUrl: endpoint.introspectionUrl });
    });
    afterEach(async () => {
      await dovecot.stop();
      await endpoint.stop();
    });

    function context(settings: Readonly<Record<string, unknown>> = {}): AdapterContext<Config> {
      const line = (...words: readonly unknown[]) => void logs.push(words);
      const config = schema.parse({
        address: 'sok@bursa.example',
        imapHost: '127.0.0.1',
        imapPort: dovecot.port,
        imapSecurity: 'none-on-loopback',
        imapUser: 'sok',
        oauth2: { tokenUrl: endpoint.tokenUrl, clientId: 'kapi', clientSecret: 'uygulama-gizi-4417' },
        ...settings,
      });
      return {
        account: 'eposta',
        config,
        signal: new AbortController().signal,
        cursor: undefined,
        http: () => Promise.reject(new Error('no network')),
        log: { debug: line, info: line, warn: line, error: line },
        health: (state) => void said.push(state),
      };
    }

    test('reads the mailbox', async () => {
      expect(await probe(context())).toEqual({ ok: true, detail: 'INBOX: 0 mails, 0 unread' });
      expect(endpoint.asked).toHaveLength(1);
    });

    test('a refused token is said in words, and the next connection has another', async () => {
      endpoint.revoked.add('erisim-belirteci-1');
      const own = context();
      const thrown: unknown = await pull
        .open(own)
        [Symbol.asyncIterator]()
        .next()
        .catch((error: unknown) => error);
      expect(codeOf(thrown)).toBe('provider_unavailable');
      expect(said.at(-1)?.detail).toBe(
        `127.0.0.1:${dovecot.port} refused the access token for sok: check imapUser, oauth2.scope, and that kapi may read this mailbox`,
      );
      const source = pull.open(own)[Symbol.asyncIterator]();
      expect((await source.next()).value?.envelopes).toEqual([]);
      await source.return?.();
      expect(endpoint.given).toHaveLength(2);
      expect(JSON.stringify([said, logs, String(thrown)])).not.toMatch(/belirteci|4417/);
    });

    test('a token that the endpoint refuses names the key of the configuration', async () => {
      endpoint.instead.push({ status: 401, body: { error: 'invalid_client' } });
      const thrown: unknown = await pull
        .open(context())
        [Symbol.asyncIterator]()
        .next()
        .catch((error: unknown) => error);
      expect(codeOf(thrown)).toBe('config_invalid');
      expect(said.at(-1)?.detail).toMatch(
        /^oauth2\.clientId, oauth2\.clientSecret: .* found HTTP 401, invalid_client$/,
      );
    });

    test('a server that takes no token is named as such', async () => {
      await dovecot.stop();
      dovecot = await startDovecot();
      const { ok, detail } = await probe(context({ imapPort: dovecot.port }));
      expect(ok).toBe(false);
      expect(detail).toMatch(
        /takes no access token \(it offers neither XOAUTH2 nor OAUTHBEARER\): use imapPassword$/,
      );
    });
  },
);
