import type { AccountHealth, AdapterContext, PullBatch } from '@kapi/contract';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { config as schema } from './config.ts';
import { pull } from './pull.ts';
import { type ImapServer, type Lies, startImapServer } from './testing/imap-server.ts';

const mail = (n: number, size = 10) =>
  Buffer.from(
    `From: v${n}@posta.example\r\nSubject: ${n}\r\nMessage-ID: <m${n}@posta.example>\r\nDate: Sun, 22 Nov 2026 09:14:03 +0300\r\n\r\n${'a'.repeat(size)}\r\n`,
  );

let server: ImapServer;
afterEach(() => server?.stop());

async function start(count: number, lies: Lies = {}) {
  server = await startImapServer(
    Array.from({ length: count }, (_, n) => mail(n)),
    lies,
  );
  return server;
}

function context(more: Readonly<Record<string, unknown>> = {}, cursor?: string) {
  const abort = new AbortController();
  const health: AccountHealth[] = [];
  const silent = () => undefined;
  const made: AdapterContext<ReturnType<typeof schema.parse>> = {
    account: 'eposta',
    config: schema.parse({
      address: 'sok@bursa.example',
      imapHost: '127.0.0.1',
      imapPort: server.port,
      imapSecurity: 'none-on-loopback',
      imapUser: 'sok',
      imapPassword: 'parola-parola',
      backlog: 'all',
      ...more,
    }),
    signal: abort.signal,
    cursor,
    http: () => Promise.reject(new Error('no network')),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    health: (state) => health.push(state),
  };
  return { made, abort, health };
}

/** Reads like the core, opening again after each failure, until `count` different mails are in. */
async function drain(count: number, more: Readonly<Record<string, unknown>> = {}) {
  const keys = new Set<string>();
  const codes: unknown[] = [];
  let cursor: string | undefined;
  while (keys.size < count) {
    const { made, abort } = context(more, cursor);
    try {
      for await (const batch of pull.open(made)) {
        for (const { key } of batch.envelopes) keys.add(key);
        cursor = batch.cursor ?? cursor;
        await batch.settle(batch.envelopes.map(() => 'stored'));
        if (keys.size >= count) break;
      }
    } catch (thrown) {
      codes.push((thrown as { code?: unknown }).code);
    }
    abort.abort();
  }
  return { keys, codes };
}

test('a mail that the store did not take is offered again, read or not, and holds up no other', async () => {
  await start(3);
  const { made, abort } = context({ pollSeconds: 1 });
  const offered: number[][] = [];
  const cursors: unknown[] = [];
  for await (const batch of pull.open(made)) {
    const uids = batch.envelopes.map(({ headers }) => Number(headers['x-kapi-uid']));
    offered.push(uids);
    cursors.push(JSON.parse(batch.cursor ?? '{}'));
    server.mails[1]?.flags.add('\\Seen');
    await batch.settle(uids.map((uid) => (uid === 2 && offered.length < 3 ? 'left' : 'stored')));
    if (offered.length === 2) server.deliver(mail(9));
    if (offered.length === 3) break;
  }
  abort.abort();
  expect(offered).toEqual([[1, 2, 3], [2], [2, 4]]);
  expect(cursors.at(-1)).toMatchObject({ folders: { INBOX: { lastUid: 4 } } });
});

describe('a server that', () => {
  const faults: readonly { name: string; lies: Lies }[] = [
    { name: 'hangs up in the middle of a body', lies: { dropAfterBytes: 120 } },
    { name: 'hangs up at the mark', lies: { dropAtStore: true } },
    { name: 'tells a wrong size', lies: { wrongSize: 7 } },
    { name: 'counts UIDNEXT backwards', lies: { uidNextBackwards: true } },
  ];
  test.each(faults)('$name loses no mail and doubles none', async ({ lies }) => {
    await start(70, lies);
    const { keys } = await drain(70);
    expect(keys.size).toBe(70);
    const seen = () => server.mails.filter(({ flags }) => flags.has('\\Seen')).length;
    if (seen() < 70) {
      // What was stored but not marked is marked by the next connection.
      const { made, abort } = context(
        {},
        JSON.stringify({
          since: '2026-11-22T00:00:00.000Z',
          folders: { INBOX: { uidValidity: String(server.uidValidity), lastUid: 70 } },
        }),
      );
      for await (const batch of pull.open(made)) {
        await batch.settle(batch.envelopes.map(() => 'stored'));
        if (seen() === 70) break;
      }
      abort.abort();
    }
    expect(seen()).toBe(70);
  });

  test('refuses the login ends the source as transient and says why', async () => {
    await start(0, { refuseLogin: true });
    const { made, health } = context();
    await expect(pull.open(made)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'provider_unavailable',
    });
    expect(health.at(-1)).toEqual({
      state: 'failing',
      detail: `127.0.0.1:${server.port} refused the login of sok: check imapUser and imapPassword`,
    });
  });

  test('never speaks is left at once when the signal aborts', async () => {
    await start(0, { mute: true });
    const { made, abort } = context();
    const next = pull.open(made)[Symbol.asyncIterator]().next();
    await vi.waitFor(() => expect(server.connections()).toBe(1));
    abort.abort();
    expect((await next.catch(() => ({ done: true }))).done).toBe(true);
  });
});

test('IDLE wakes the source: a mail that comes while it waits is read although the poll is a minute away', async () => {
  await start(1);
  const { made, abort } = context({ pollSeconds: 60 });
  const source = pull.open(made)[Symbol.asyncIterator]();
  const first = await source.next();
  await first.value?.settle(['stored']);
  const second = source.next();
  await vi.waitFor(() => expect(server.idling()).toBe(1), 5_000);
  server.deliver(mail(2));
  expect(((await second).value as PullBatch).envelopes).toHaveLength(1);
  abort.abort();
  await source.return?.();
});

test('without a word from the server the poll still finds new mail', async () => {
  await start(1);
  const { made, abort } = context({ pollSeconds: 1 });
  const source = pull.open(made)[Symbol.asyncIterator]();
  const first = await source.next();
  await first.value?.settle(['stored']);
  const second = source.next();
  await vi.waitFor(() => expect(server.idling()).toBe(1), 5_000);
  server.mails.push({ raw: mail(9), uid: 9, flags: new Set(), internalDate: '22-Nov-2026 09:20:00 +0300' });
  expect(((await second).value as PullBatch).envelopes).toHaveLength(1);
  abort.abort();
  await source.return?.();
});

test('a mail far larger than the server said is stored as its beginning, and holds up no other', async () => {
  server = await startImapServer([mail(1), mail(2, 3 * 1024 * 1024), mail(3)], { wrongSize: 7 });
  const { made, abort } = context({ maxBytes: 65_536 });
  const taken: { uid: string | undefined; bytes: number; size: string | undefined }[] = [];
  for await (const batch of pull.open(made)) {
    for (const { headers, body } of batch.envelopes)
      taken.push({ uid: headers['x-kapi-uid'], bytes: body.length, size: headers['x-kapi-too-large'] });
    await batch.settle(batch.envelopes.map(() => 'stored'));
    if (taken.length === 3) break;
  }
  abort.abort();
  expect(taken.map(({ uid }) => uid)).toEqual(['1', '2', '3']);
  expect(taken[1]).toEqual({ uid: '2', bytes: 65_536, size: '65537' });
  expect(server.stores.filter(({ flag }) => flag === '\\Flagged').map(({ uid }) => uid)).toEqual([2]);
});

test('batches stay within 50 mails and 8 MiB', async () => {
  server = await startImapServer([
    ...Array.from({ length: 60 }, (_, n) => mail(n)),
    ...Array.from({ length: 4 }, (_, n) => mail(100 + n, 3 * 1024 * 1024)),
  ]);
  const { made, abort } = context();
  const sizes: number[] = [];
  let mails = 0;
  for await (const batch of pull.open(made)) {
    sizes.push(batch.envelopes.reduce((sum, { body }) => sum + body.length, 0));
    expect(batch.envelopes.length).toBeLessThanOrEqual(50);
    mails += batch.envelopes.length;
    await batch.settle(batch.envelopes.map(() => 'stored'));
    if (mails === 64) break;
  }
  abort.abort();
  expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * 1024 * 1024);
});

test('plain connections to another machine are refused by the configuration', () => {
  const result = schema.safeParse({
    address: 'sok@bursa.example',
    imapHost: 'imap.bursa.example',
    imapSecurity: 'none-on-loopback',
    imapUser: 'sok',
    imapPassword: 'parola-parola',
  });
  expect(result.error?.issues[0]?.path).toEqual(['imapSecurity']);
});
