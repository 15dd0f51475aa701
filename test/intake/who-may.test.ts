import { codeOf, type Scope, scopes } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Accounts } from '../../src/compose/accounts.ts';
import { createGateway } from '../../src/compose/gateway.ts';
import { keptMediaTypes } from '../../src/compose/house.ts';
import { createOperations } from '../../src/intake/operations.ts';
import { PinLocks } from '../../src/intake/pin-locks.ts';
import { track } from '../../src/intake/track.ts';
import { upload } from '../../src/intake/upload.ts';
import { createMetrics } from '../../src/platform/index.ts';
import { serve } from '../support/api.ts';
import { chatAdapter } from '../support/chat-adapter.ts';
import { actor, openTown, quietPorts, silent, type Town } from '../support/town.ts';

let town: Town;
beforeEach(async () => {
  town = await openTown();
});
afterEach(() => town.close());

describe('a key', () => {
  const operations = () => createOperations(town.house, quietPorts);

  it.each(scopes.filter((scope) => scope !== 'admin'))('without %s makes none that has it', async (scope) => {
    const admin = actor({ scopes: new Set<Scope>(scopes.filter((other) => other !== scope)) });
    await expect(operations().createKey({ name: 'x', scopes: [scope] }, admin)).rejects.toMatchObject({
      code: 'forbidden',
      extra: { scope },
    });
    expect(await town.house.reader.apiKeys()).toEqual([]);
    await operations().createKey({ name: 'x', scopes: ['admin'] }, admin);
    const { items } = await town.house.reader.audit({ limit: 10 });
    expect(items).toContainEqual(
      expect.objectContaining({ actor: 'key:test', action: 'create-key', detail: 'admin' }),
    );
  });

  it.each([
    { name: 'none at all', wish: { scopes: ['queue'] }, code: 'forbidden' },
    {
      name: 'a wider one',
      wish: { scopes: ['queue'], queues: ['coordination', 'archive'] },
      code: 'forbidden',
    },
    { name: 'its own', wish: { scopes: ['queue'], queues: ['coordination'] }, code: undefined },
    { name: 'none, without the scope', wish: { scopes: ['intake'] }, code: undefined },
  ] as const)('bound to a queue makes no key that is bound less: $name', async ({ wish, code }) => {
    const made = operations().createKey({ name: 'x', ...wish }, actor({ queues: new Set(['coordination']) }));
    expect(await made.then(() => undefined, codeOf)).toBe(code);
  });

  it('is bound to queues that exist', async () => {
    const made = operations().createKey({ name: 'x', scopes: ['queue'], queues: ['kordinasyon'] }, actor());
    await expect(made).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [expect.objectContaining({ pointer: '/queues/0' })],
    });
  });

  it('made, revoked, and a record erased stand in the audit chain once each, with who did it', async () => {
    const { number } = await town.say({}, 'k1');
    const wish = { name: 'x', scopes: ['queue'], queues: ['coordination'] } as const;
    const { id } = await operations().createKey(wish, actor());
    expect(await town.house.reader.apiKeys()).toMatchObject([{ id, queues: ['coordination'] }]);
    await operations().revokeKey(id, actor());
    await operations().erase({ number }, 'istek', actor());
    const { items } = await town.house.reader.audit({ limit: 10 });
    expect(items.map(({ actor: who, action, detail }) => [who, action, detail])).toEqual([
      ['key:test', 'create-key', 'queue queue:coordination'],
      ['key:test', 'revoke-key', ''],
      ['key:test', 'erased', 'istek'],
    ]);
  });

  it.each(['chat', 'yok'])('belongs to no account but an entrance: not to «%s»', async (account) => {
    const made = operations().createKey({ name: 'x', scopes: ['intake'], account }, actor());
    await expect(made).rejects.toMatchObject({ code: 'unknown_account' });
  });

  it.each([
    ['one of its own, as the default', ['intake'], 'cagri-153', undefined, 202],
    ['one of its own, by name', ['intake'], 'cagri-153', 'cagri-153', 202],
    ['another', ['intake', 'records:join'], 'cagri-153', 'api', 403],
    ['one that does not exist', ['intake'], 'cagri-153', 'yok', 403],
    ['another, and is an admin key', ['intake', 'admin'], 'cagri-153', 'api', 202],
    ['any, where it names none', ['intake'], undefined, 'cagri-153', 202],
    ['the default, where it names none', ['intake'], undefined, undefined, 202],
  ] as const)('hands messages in to an account: %s', async (_name, granted, of, account, status) => {
    const api = await serve(town);
    const key = await api.key(granted, of);
    const message = { sourceId: 'm1', channel: 'phone', text: 'Su yok', ...(account && { account }) };
    const answer = await api.post('/v1/messages', message, key);
    await api.close();
    expect(answer.status).toBe(status);
    if (status === 202) expect((await town.records())[0]?.record.account).toBe(account ?? of ?? 'api');
    else expect(answer.body).toMatchObject({ code: 'wrong_account', errors: [{ pointer: '/account' }] });
  });

  it('hands nothing in under the account of a provider, whose keys it could use up', async () => {
    await expect(town.say({ account: 'chat' }, 'm1')).rejects.toMatchObject({ code: 'unknown_account' });
    await town.deliver('e1', [{ key: 'm1', text: 'su yok', at: new Date(town.clock.now()).toISOString() }]);
    await town.work(11 * 60_000);
    expect((await town.records()).map(({ record }) => record.account)).toEqual(['chat']);
  });
});

describe('an upload', () => {
  const limits = { maxBytes: 1000, mediaTypes: keptMediaTypes };
  const file = (mediaType: string, hex: string) => ({
    name: 'dosya',
    mediaType,
    content: (async function* () {
      yield Buffer.from(hex, 'hex');
    })(),
  });

  it.each([
    ['image/png', '89504e470d0a1a0a0000000d494844520000000100000001', 'image/png'],
    ['application/octet-stream', '89504e470d0a1a0a0000000d494844520000000100000001', 'image/png'],
    ['text/plain; charset=utf-8', '6d657268616261', 'text/plain'],
  ])('claimed to be %s is kept as what its bytes are', async (claimed, hex, mediaType) => {
    expect(await upload(town.house, file(claimed, hex), actor(), limits)).toMatchObject({ mediaType });
  });

  it.each([
    ['image/png', '4d5a90000300000004000000ffff0000b8000000000000004000000000000000'],
    ['image/png', '3c68746d6c3e'],
    ['text/html', '3c68746d6c3e'],
    ['text/plain', '504b030414000000000000000000000000000000'],
  ])('claimed to be %s whose bytes are not taken is refused, and none is stored', async (claimed, hex) => {
    await expect(upload(town.house, file(claimed, hex), actor(), limits)).rejects.toMatchObject({
      code: 'unsupported_media_type',
    });
  });

  it('is usable for a day, by its maker alone', async () => {
    const { id } = await upload(town.house, file('text/plain', '6d657268616261'), actor(), limits);
    const other = town.say({ attachments: [{ upload: id }] }, 'k1', { name: 'key:other' });
    await expect(other).rejects.toMatchObject({ code: 'unknown_upload' });
    town.clock.advance(24 * 3600_000 + 1);
    const late = town.say({ attachments: [{ upload: id }] }, 'k1');
    await expect(late).rejects.toMatchObject({ code: 'unknown_upload' });
  });

  it('named by an address is called by its path alone: behind that may stand a signature', async () => {
    await town.say({ attachments: [{ url: 'https://dosya.example/a/foto.png?imza=gizli' }] }, 'k1');
    const [view] = await town.records();
    expect(view?.record.attachments.map(({ name }) => name)).toEqual(['foto.png']);
  });
});

describe('a call of a provider', () => {
  it('is counted under its account whether taken or refused, and under no name of a stranger’s making', async () => {
    const accounts = new Accounts({
      registry: { 'chat-test': async () => ({ adapter: chatAdapter(true) }) },
      http: () => Promise.reject(new Error('no network')),
      log: () => silent,
    });
    await accounts.load({
      accounts: [
        {
          id: 'chat',
          adapter: 'chat-test',
          enabled: true,
          name: 'Sohbet',
          partsWaitSeconds: 0,
          settle: { quietSeconds: 60, maxSeconds: 600 },
          joinHours: 24,
          promise: true,
          sendNotices: true,
          settings: { token: 'gizli-anahtar' },
        },
      ],
    });
    const metrics = createMetrics({ process: false });
    const { providers } = createGateway(town.house, {
      accounts,
      metrics,
      parsers: { parse: () => Promise.reject(new Error('no parser')) },
      queues: [],
      operations: quietPorts,
      observe: () => undefined,
      leaseKey: new Uint8Array(32),
    });
    const push = (account: string, token: string) =>
      providers
        .push('chat-test', account, {
          method: 'POST',
          target: '/',
          publicUrl: 'http://127.0.0.1/',
          query: new URLSearchParams({ id: 'e1', token }),
          headers: {},
          body: Buffer.from('{"items":[]}'),
          remoteAddress: '127.0.0.1',
        })
        .catch(() => undefined);
    await push('chat', 'gizli-anahtar');
    await push('chat', 'yanlis');
    await push('Zümrüt', 'yanlis');
    const counted = (await metrics.render()).split('\n').filter((line) => line.startsWith('kapi_envelopes'));
    expect(counted).toEqual([
      'kapi_envelopes_total{adapter="chat-test",account="chat",result="accepted"} 1',
      'kapi_envelopes_total{adapter="chat-test",account="chat",result="refused"} 1',
    ]);
  });
});

describe('the lock of the tracking page', () => {
  const wrong = { code: 'not_found' };
  const code = (thrown: unknown) => (thrown instanceof Error && 'code' in thrown ? thrown.code : thrown);

  it('answers the same for a number that no record has, and opens after an hour', async () => {
    const { number, trackingPin = '' } = await town.say({}, 'k1');
    const typed = trackingPin === '000000' ? '000001' : '000000';
    const guesses = async (tried: string, locks: PinLocks) => {
      const codes: unknown[] = [];
      for (let guess = 0; guess < 7; guess++)
        codes.push(code(await track(town.house, locks, tried, typed).catch((error: unknown) => error)));
      town.clock.advance(3600_000 + 1);
      codes.push(code(await track(town.house, locks, tried, typed).catch((error: unknown) => error)));
      return codes;
    };
    const known = await guesses(number, new PinLocks());
    expect(known).toEqual([...Array<string>(5).fill('not_found'), 'locked', 'locked', 'not_found']);
    expect(await guesses('SOK-26-0000577-5', new PinLocks())).toEqual(known);
  });

  it('counts guesses that come at once one by one', async () => {
    const { number, trackingPin = '' } = await town.say({}, 'k1');
    const locks = new PinLocks();
    const typed = trackingPin === '000000' ? '000001' : '000000';
    const pins = [...Array<string>(5).fill(typed), trackingPin];
    const all = await Promise.allSettled(pins.map((pin) => track(town.house, locks, number, pin)));
    expect(all.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'locked' } });
  });

  it('remembers a bounded count of unknown numbers, the newest', () => {
    const locks = new PinLocks(2);
    for (const number of ['a', 'b', 'c']) for (let guess = 0; guess < 5; guess++) locks.wrong(number, 0);
    expect(['a', 'b', 'c'].map((number) => locks.isLocked(number, 1))).toEqual([false, true, true]);
  });

  it('says nothing of a number whose check digit is wrong', async () => {
    for (let guess = 0; guess < 7; guess++)
      await expect(track(town.house, new PinLocks(), 'SOK-26-0000001-0', '000000')).rejects.toMatchObject(
        wrong,
      );
  });
});
