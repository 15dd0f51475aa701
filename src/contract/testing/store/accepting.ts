import { expect, it } from 'vitest';
import type { OpenStore } from '../store.ts';
import {
  account,
  claimAt,
  claimOne,
  entranceEntry,
  idOf,
  recordStep,
  sampleEntry,
  settlement,
} from './samples.ts';

/** Promises 1 to 3: what is accepted is kept, once, and each item for itself. */
export function acceptingRows(open: OpenStore): void {
  it('accepts an envelope and gives the very bytes to the read stage', async () => {
    const { store } = await open();
    const entry = sampleEntry(1);
    expect(await store.pipeline.accept([entry])).toEqual([{ result: 'accepted', envelopeId: idOf('en', 1) }]);
    const work = await claimOne(store, 'read');
    expect({ ...work.envelope, body: Buffer.from(work.envelope.body).toString() }).toEqual({
      ...entry.envelope,
      body: Buffer.from(entry.envelope.body).toString(),
    });
    expect(work).toMatchObject({ attempt: 1, parts: [] });
  });

  it('keeps a body of a megabyte whole', async () => {
    const { store } = await open();
    const body = Buffer.alloc(1024 * 1024, 'çukur ');
    await store.pipeline.accept([sampleEntry(1, { envelope: { ...sampleEntry(1).envelope, body } })]);
    const work = await claimOne(store, 'read');
    expect(Buffer.from(work.envelope.body).equals(body)).toBe(true);
    const kept = await store.reader.envelope(idOf('en', 1));
    expect(Buffer.from(kept?.envelope.body ?? []).equals(body)).toBe(true);
  });

  it.each([
    { what: 'the same content', contentHash: 'hash-1', sameContent: true },
    { what: 'other content', contentHash: 'other', sameContent: false },
  ])('recognises a repeated key with $what and stores nothing', async ({ contentHash, sameContent }) => {
    const { store } = await open();
    await store.pipeline.accept([sampleEntry(1)]);
    const again = { ...sampleEntry(2), key: 'key-1', contentHash };
    expect(await store.pipeline.accept([again])).toEqual([
      { result: 'repeated', envelopeId: idOf('en', 1), sameContent },
    ]);
    expect(await store.pipeline.claim('read', claimAt())).toHaveLength(1);
  });

  it('answers a repeat at an entrance with the record it made', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const [outcome] = await store.pipeline.accept([entranceEntry(1)]);
    expect(outcome).toMatchObject({
      result: 'repeated',
      sameContent: true,
      record: { id: idOf('re', 1), trackingPin: '402913' },
    });
    expect(await store.pipeline.claim('read', claimAt())).toEqual([]);
  });

  it('keeps the same key of two accounts apart', async () => {
    const { store } = await open();
    const other = sampleEntry(2, {
      key: 'key-1',
      envelope: { ...sampleEntry(2).envelope, account: 'sms-other' },
    });
    const outcomes = await store.pipeline.accept([sampleEntry(1), other]);
    expect(outcomes.map(({ result }) => result)).toEqual(['accepted', 'accepted']);
  });

  it('accepts one of a thousand simultaneous submissions of one key', async () => {
    const { store } = await open();
    const outcomes = await Promise.all(
      Array.from({ length: 1000 }, (_, n) =>
        store.pipeline.accept([{ ...entranceEntry(n + 1), key: 'same', contentHash: 'same' }]),
      ),
    );
    const results = outcomes.flat().map(({ result }) => result);
    expect(results.filter((result) => result === 'accepted')).toHaveLength(1);
    expect(results.filter((result) => result === 'repeated')).toHaveLength(999);
    expect((await store.reader.records({ limit: 10 })).items).toHaveLength(1);
  });

  it('lets one bad entry of a batch fail alone and leaves no trace of it', async () => {
    const { store } = await open();
    const bad = sampleEntry(2, {
      changes: [...recordStep(2), { do: 'use-upload', id: 'up_x', owner: 'key:1', recordId: idOf('re', 2) }],
    });
    const outcomes = await store.pipeline.accept([entranceEntry(1), bad, entranceEntry(3)]);
    expect(outcomes.map(({ result }) => result)).toEqual(['accepted', 'failed', 'accepted']);
    expect(outcomes[1]).toMatchObject({ code: 'unknown_upload' });
    expect(await store.reader.record({ id: idOf('re', 2) })).toBeUndefined();
    expect(await store.pipeline.accept([entranceEntry(2)])).toMatchObject([{ result: 'accepted' }]);
    expect(await store.reader.recount()).toEqual(await store.reader.books());
  });

  it('moves the cursor of a pull source with its envelopes, and not past one that failed', async () => {
    const { store } = await open();
    const bad = sampleEntry(2, {
      cursor: '2',
      changes: [{ do: 'use-upload', id: 'up_x', owner: 'o', recordId: idOf('re', 9) }],
    });
    await store.pipeline.accept([sampleEntry(1, { cursor: '1' }), bad, sampleEntry(3, { cursor: '3' })]);
    expect(await store.reader.cursor(account)).toBe('1');
    await store.pipeline.accept([sampleEntry(1, { cursor: '4' })]);
    expect(await store.reader.cursor(account)).toBe('4');
    await store.pipeline.save([{ changes: [{ do: 'put-cursor', account, cursor: '5' }] }]);
    expect(await store.reader.cursor(account)).toBe('5');
  });

  it('gives what looks urgent to read and to fetch before all that waits, oldest first among equals', async () => {
    const { store } = await open();
    const ref = { key: 'photo', kind: 'media', wait: 'needed', mediaType: 'image/jpeg' } as const;
    await store.pipeline.accept([
      sampleEntry(1, { parts: [ref] }),
      sampleEntry(2, { parts: [ref] }),
      sampleEntry(3, { parts: [ref], urgent: true }),
    ]);
    for (const stage of ['read', 'fetch'] as const) {
      const works = await store.pipeline.claim(stage, claimAt());
      expect(works.map(({ envelope }) => envelope.id)).toEqual([3, 1, 2].map((n) => idOf('en', n)));
    }
  });

  it('keeps everything over a restart', async () => {
    const opened = await open();
    await opened.store.pipeline.accept([sampleEntry(1, { cursor: 'c' }), entranceEntry(2)]);
    const before = await opened.store.reader.record({ id: idOf('re', 2) });
    const store = await opened.reopen();
    expect(await store.reader.record({ id: idOf('re', 2) })).toEqual(before);
    expect(await store.reader.cursor(account)).toBe('c');
    expect(await store.pipeline.accept([sampleEntry(1)])).toMatchObject([{ result: 'repeated' }]);
    expect(await store.pipeline.claim('read', claimAt())).toHaveLength(1);
  });

  it('tells watchers after the commit what became claimable', async () => {
    const { store } = await open();
    const hints: string[] = [];
    const stop = store.watch((hint) => hints.push(...hint.stages, ...hint.destinations));
    await store.pipeline.accept([sampleEntry(1), entranceEntry(2)]);
    expect(new Set(hints)).toEqual(new Set(['read', 'forward', 'coordination']));
    stop();
    hints.length = 0;
    await store.pipeline.accept([sampleEntry(3)]);
    expect(hints).toEqual([]);
  });

  it('gives part rows to fetch, and the envelope again with what came of them', async () => {
    const { store } = await open();
    const ref = {
      key: 'photo',
      kind: 'media',
      wait: 'needed',
      name: 'foto.jpg',
      source: 'https://media.example/1',
    } as const;
    await store.pipeline.accept([sampleEntry(1, { parts: [ref] })]);
    const read = await claimOne(store, 'read');
    expect(read.parts).toEqual([{ ...ref, state: 'pending' }]);
    await store.pipeline.settle([
      settlement('read', read, {
        end: 'retry',
        at: claimAt().now + 3600_000,
        reason: 'parts',
        countAttempt: false,
      }),
    ]);
    expect(await store.pipeline.claim('read', claimAt())).toEqual([]);
    const fetch = await claimOne(store, 'fetch');
    expect(fetch.ref).toEqual(ref);
    const blob = { id: 'b1', mediaType: 'image/jpeg', bytes: 3, sha256: 'ab' };
    await store.pipeline.save([
      {
        work: settlement('fetch', fetch),
        changes: [{ do: 'put-part', envelopeId: idOf('en', 1), part: { ...ref, state: 'stored', blob } }],
      },
    ]);
    expect(await claimOne(store, 'read')).toMatchObject({
      attempt: 1,
      parts: [{ ...ref, state: 'stored', blob }],
    });
    expect(await store.pipeline.claim('fetch', claimAt())).toEqual([]);
  });

  it.each([
    { ending: { end: 'retry', at: 0, reason: 'busy' }, state: 'retrying', claimable: 1 },
    {
      ending: { end: 'parked', code: 'media_expired', detail: '', state: 'expired' },
      state: 'expired',
      claimable: 0,
    },
    { ending: { end: 'parked', code: 'media_refused', detail: '' }, state: 'refused', claimable: 0 },
  ] as const)(
    'a fetch that ends as $ending.end leaves the part $state',
    async ({ ending, state, claimable }) => {
      const { store } = await open();
      await store.pipeline.accept([
        sampleEntry(1, { parts: [{ key: 'p', kind: 'media', wait: 'optional' }] }),
      ]);
      await store.pipeline.settle([settlement('fetch', await claimOne(store, 'fetch'), ending)]);
      expect((await store.reader.envelope(idOf('en', 1)))?.parts).toMatchObject([{ key: 'p', state }]);
      expect(await store.pipeline.claim('fetch', claimAt())).toHaveLength(claimable);
    },
  );

  it('claims only for the accounts asked for', async () => {
    const { store } = await open();
    await store.pipeline.accept([sampleEntry(1)]);
    expect(await store.pipeline.claim('read', claimAt({ accounts: ['other'] }))).toEqual([]);
    expect(await store.pipeline.claim('read', claimAt({ accounts: ['other', account] }))).toHaveLength(1);
  });

  it('parks an envelope in quarantine with its reason, and a replay brings it back', async () => {
    const { store } = await open();
    await store.pipeline.accept([sampleEntry(1)]);
    await store.pipeline.settle([
      settlement('read', await claimOne(store, 'read'), {
        end: 'parked',
        code: 'payload_unreadable',
        detail: 'not JSON',
      }),
    ]);
    expect((await store.reader.quarantine({ limit: 10 })).items).toMatchObject([
      { what: 'envelope', envelopeId: idOf('en', 1), code: 'payload_unreadable', detail: 'not JSON' },
    ]);
    await store.pipeline.save([{ changes: [{ do: 'replay-envelope', id: idOf('en', 1), at: 0 }] }]);
    expect((await store.reader.quarantine({ limit: 10 })).items).toEqual([]);
    expect(await claimOne(store, 'read')).toMatchObject({ attempt: 1 });
  });

  it('finds envelopes to replay in order of arrival, those of entrances left out', async () => {
    const { store } = await open();
    await store.pipeline.accept([sampleEntry(1), entranceEntry(2), sampleEntry(3)]);
    const first = await store.reader.envelopesSince(0, { limit: 1 });
    expect(first.items).toEqual([idOf('en', 1)]);
    const second = await store.reader.envelopesSince(0, {
      limit: 1,
      ...(first.next !== undefined && { cursor: first.next }),
    });
    expect(second).toEqual({ items: [idOf('en', 3)] });
    expect(
      await store.pipeline.save([{ changes: [{ do: 'replay-envelope', id: idOf('en', 2), at: 0 }] }]),
    ).toMatchObject([{ result: 'failed', code: 'invalid_request' }]);
  });
}
