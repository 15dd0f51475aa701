import { expect, it } from 'vitest';
import type { OpenStore } from '../store.ts';
import { entranceEntry, idOf, noon, saveOne } from './samples.ts';

/** What people are given to work with: API keys, call-backs. */
export function peopleRows(open: OpenStore): void {
  it('knows an API key by its hash until it is revoked, and says when that was', async () => {
    const { store } = await open();
    const key = {
      id: 'k1',
      name: 'Çağrı merkezi',
      scopes: ['intake' as const],
      account: 'cagri-153',
      createdAt: noon,
      rateLimited: true,
    };
    await saveOne(store, [{ do: 'put-api-key', key, hash: 'aa' }]);
    expect(await store.reader.apiKey('aa')).toEqual(key);
    expect(await store.reader.apiKey('bb')).toBeUndefined();
    await saveOne(store, [{ do: 'revoke-api-key', id: 'k1', at: noon + 1 }]);
    expect(await store.reader.apiKey('aa')).toEqual({ ...key, revokedAt: noon + 1 });
    expect(await store.reader.apiKeys()).toHaveLength(1);
  });

  it('remembers the account a key is bound to, and that it is bound to none', async () => {
    const { store } = await open();
    const made = { name: 'x', scopes: ['intake' as const], createdAt: noon, rateLimited: true };
    await saveOne(store, [
      { do: 'put-api-key', key: { ...made, id: 'k1', account: 'cagri-153' }, hash: 'aa' },
      { do: 'put-api-key', key: { ...made, id: 'k2' }, hash: 'bb' },
    ]);
    expect(await store.reader.apiKey('aa')).toEqual({ ...made, id: 'k1', account: 'cagri-153' });
    expect(await store.reader.apiKey('bb')).toEqual({ ...made, id: 'k2' });
  });

  it('remembers the queues a key is bound to, and leaves it to its maker to say in the audit chain who made it', async () => {
    const { store } = await open();
    const key = {
      id: 'k1',
      name: 'Koordinasyon',
      scopes: ['queue' as const],
      account: 'api',
      queues: ['coordination', 'archive.second'],
      createdAt: noon,
      rateLimited: true,
    };
    await saveOne(store, [{ do: 'put-api-key', key, hash: 'aa' }]);
    expect(await store.reader.apiKey('aa')).toEqual(key);
    expect(await store.reader.apiKeys()).toEqual([key]);
    await saveOne(store, [{ do: 'revoke-api-key', id: 'k1', at: noon + 1 }]);
    expect((await store.reader.audit({ limit: 10 })).items).toEqual([]);
  });

  it('lists call-backs until they are closed', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const callback = {
      id: 'c1',
      recordId: idOf('re', 1),
      reason: 'no channel reached',
      phone: '+905321234567',
      tells: [{ eventId: 'ev-1', reason: 'answer-failed' }],
      createdAt: noon,
    };
    const loose = {
      id: 'c2',
      reason: 'abandoned call',
      phone: '+905550000000',
      tells: [],
      createdAt: noon + 1,
    };
    await saveOne(store, [
      { do: 'put-callback', callback },
      { do: 'put-callback', callback: loose },
    ]);
    expect((await store.reader.callbacks({ limit: 10, open: true })).items).toEqual([callback, loose]);
    const close = (id: string, told: string[]) =>
      saveOne(store, [{ do: 'close-callback', id, told, by: 'clerk', at: noon + 2 }]);
    await close('c1', ['ev-1']);
    expect((await store.reader.callbacks({ limit: 10, open: true })).items).toEqual([loose]);
    expect((await store.reader.record({ id: idOf('re', 1) }))?.callbacks).toEqual([
      {
        ...callback,
        tells: [{ eventId: 'ev-1', reason: 'answer-failed', toldAt: noon + 2 }],
        closedAt: noon + 2,
        closedBy: 'clerk',
      },
    ]);
    await close('c2', []);
    expect((await store.reader.callbacks({ limit: 10, open: true })).items).toEqual([]);
    expect(await close('c3', [])).toMatchObject({ result: 'failed', code: 'not_found' });
  });

  it('a record has one open call-back, which tells all there is and stays open until all of it is told', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
    const put = (id: string, record: number, eventId: string, phone?: string) =>
      saveOne(store, [
        {
          do: 'put-callback',
          callback: {
            id,
            recordId: idOf('re', record),
            reason: `of ${eventId}`,
            ...(phone !== undefined && { phone }),
            tells: [{ eventId, reason: `of ${eventId}` }],
            createdAt: noon,
          },
        },
      ]);
    const listed = async () => (await store.reader.callbacks({ limit: 10, open: true })).items;
    await put('c1', 1, 'ev-1', '+905321234567');
    await put('c2', 2, 'ev-9');
    await put('c3', 1, 'ev-2');
    await put('c4', 1, 'ev-2');
    expect(await listed()).toMatchObject([
      {
        id: 'c1',
        reason: 'of ev-2',
        phone: '+905321234567',
        tells: [
          { eventId: 'ev-1', reason: 'of ev-1' },
          { eventId: 'ev-2', reason: 'of ev-2' },
        ],
      },
      { id: 'c2', tells: [{ eventId: 'ev-9' }] },
    ]);
    const close = (told: string[], at: number) =>
      saveOne(store, [{ do: 'close-callback', id: 'c1', told, by: 'clerk', at }]);
    await close(['ev-1'], noon + 1);
    expect(await listed()).toMatchObject([
      { id: 'c1', tells: [{ eventId: 'ev-1', toldAt: noon + 1 }, { eventId: 'ev-2' }] },
      { id: 'c2' },
    ]);
    await close(['ev-1', 'ev-2'], noon + 2);
    expect((await listed()).map(({ id }) => id)).toEqual(['c2']);
    await put('c5', 1, 'ev-3');
    expect((await listed()).map(({ id }) => id).sort()).toEqual(['c2', 'c5']);
    expect((await store.reader.record({ id: idOf('re', 1) }))?.callbacks).toMatchObject([
      { id: 'c1', closedAt: noon + 2, tells: [{ toldAt: noon + 1 }, { toldAt: noon + 2 }] },
      { id: 'c5' },
    ]);
  });
}
