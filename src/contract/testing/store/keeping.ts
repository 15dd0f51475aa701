import { expect, it } from 'vitest';
import type { OpenStore } from '../store.ts';
import {
  claimAt,
  claimOne,
  distant,
  entranceEntry,
  idOf,
  noon,
  queue,
  recordStep,
  sampleEntry,
  sampleRecord,
  saveOne,
  settlement,
} from './samples.ts';

/** Records, clocks, leases, numbers, uploads, PINs, lists. */
export function keepingRows(open: OpenStore): void {
  it('a save on an old version changes nothing and says which version stands', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, recordStep(1, 2));
    expect(
      await saveOne(store, [
        { do: 'put-timer', timer: { id: 't', kind: 'k', dueAt: 0 } },
        ...recordStep(1, 2),
      ]),
    ).toEqual({
      result: 'conflict',
      recordId: idOf('re', 1),
      version: 2,
    });
    expect(await store.pipeline.claim('timer', claimAt())).toEqual([]);
  });

  it('one bad save of many fails alone', async () => {
    const { store } = await open();
    const outcomes = await store.pipeline.save([
      { changes: recordStep(1) },
      { changes: [...recordStep(2), { do: 'replay-envelope', id: 'unknown', at: 0 }] },
      { changes: recordStep(3) },
    ]);
    expect(outcomes.map(({ result }) => result)).toEqual(['saved', 'failed', 'saved']);
    expect((await store.reader.records({ limit: 10, order: 'oldest' })).items.map(({ id }) => id)).toEqual([
      idOf('re', 1),
      idOf('re', 3),
    ]);
  });

  it('a stale token writes nothing at all', async () => {
    const { store } = await open();
    await store.pipeline.accept([sampleEntry(1)]);
    const work = await claimOne(store, 'read');
    await claimOne(store, 'read', { now: distant + 60_000 });
    expect(await saveOne(store, recordStep(1), settlement('read', work))).toEqual({ result: 'stale' });
    expect(await store.reader.record({ id: idOf('re', 1) })).toBeUndefined();
  });

  it('gives a timer once it is due, with its record; set anew within its own save it stays', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const timer = { id: 'late:1', kind: 'deadline-warn', recordId: idOf('re', 1), dueAt: noon };
    await saveOne(store, [{ do: 'put-timer', timer }]);
    expect(await store.pipeline.claim('timer', claimAt({ now: noon - 1 }))).toEqual([]);
    const work = await claimOne(store, 'timer', { now: noon });
    expect(work).toMatchObject({ timer, record: { id: idOf('re', 1) } });
    await saveOne(
      store,
      [{ do: 'put-timer', timer: { ...timer, dueAt: noon + 5000 } }],
      settlement('timer', work),
    );
    const again = await claimOne(store, 'timer', { now: noon + 5000 });
    await store.pipeline.settle([settlement('timer', again)]);
    expect(await store.pipeline.claim('timer', claimAt())).toEqual([]);
    await saveOne(store, [
      { do: 'put-timer', timer },
      { do: 'drop-timer', id: timer.id },
    ]);
    expect(await store.pipeline.claim('timer', claimAt())).toEqual([]);
  });

  it('gives out each serial once, to however many ask at once', async () => {
    const opened = await open();
    const blocks = await Promise.all(
      Array.from({ length: 50 }, () => opened.store.pipeline.reserveNumbers('SOK', 2026, 7)),
    );
    const store = await opened.reopen();
    blocks.push(await store.pipeline.reserveNumbers('SOK', 2026, 7));
    const serials = blocks.flatMap(({ first, count }) => Array.from({ length: count }, (_, n) => first + n));
    expect(new Set(serials).size).toBe(51 * 7);
    expect(Math.min(...serials)).toBe(1);
    expect(await store.pipeline.reserveNumbers('SOK', 2027, 1)).toEqual({ first: 1, count: 1 });
  });

  it('one holder has an account at a time, and the fence grows with each new one', async () => {
    const { store } = await open();
    const { timers } = store;
    const first = await timers.hold('imap', 'a', 1000, noon);
    expect(await timers.hold('imap', 'b', 1000, noon + 999)).toBeUndefined();
    expect(await timers.hold('imap', 'a', 1000, noon + 999)).toEqual(first);
    const second = await timers.hold('imap', 'b', 1000, noon + 2000);
    expect(second?.fence).toBeGreaterThan(first?.fence ?? 0);
    await timers.release('imap', 'a');
    expect(await timers.hold('imap', 'a', 1000, noon + 2001)).toBeUndefined();
    await timers.release('imap', 'b');
    expect((await timers.hold('imap', 'a', 1000, noon + 2002))?.fence).toBeGreaterThan(second?.fence ?? 0);
  });

  const upload = {
    id: 'up_1',
    owner: 'key:1',
    name: 'foto.jpg',
    mediaType: 'image/jpeg',
    bytes: 3,
    sha256: 'ab',
    blobId: 'b',
    createdAt: noon,
  };

  it('an upload is used by its owner for one record', async () => {
    const { store } = await open();
    await saveOne(store, [{ do: 'put-upload', upload }, ...recordStep(1), ...recordStep(2)]);
    expect(await store.reader.upload('up_1')).toEqual(upload);
    const use = (owner: string, n: number) =>
      saveOne(store, [{ do: 'use-upload', id: 'up_1', owner, recordId: idOf('re', n) }]);
    expect(await use('key:2', 1)).toMatchObject({ result: 'failed', code: 'unknown_upload' });
    expect(await use('key:1', 1)).toEqual({ result: 'saved' });
    expect(await use('key:1', 1)).toEqual({ result: 'saved' });
    expect(await use('key:1', 2)).toMatchObject({ result: 'failed', code: 'unknown_upload' });
  });

  it('uploads that no message named are gone when their time is up, those in a record and younger ones stay', async () => {
    const { store } = await open();
    const made = (id: string, createdAt: number) => ({ ...upload, id, blobId: id, createdAt });
    await saveOne(store, [
      ...[made('up_old', noon), made('up_used', noon), made('up_young', noon + 1)].map((each) => ({
        do: 'put-upload' as const,
        upload: each,
      })),
      ...recordStep(1),
      { do: 'use-upload', id: 'up_used', owner: upload.owner, recordId: idOf('re', 1) },
    ]);
    expect(await saveOne(store, [{ do: 'expire-uploads', before: noon + 1 }])).toEqual({ result: 'saved' });
    expect(await store.reader.upload('up_old')).toBeUndefined();
    expect(await store.reader.upload('up_used')).toBeDefined();
    expect(await store.reader.upload('up_young')).toBeDefined();
    expect(
      await saveOne(store, [
        { do: 'use-upload', id: 'up_old', owner: upload.owner, recordId: idOf('re', 1) },
      ]),
    ).toMatchObject({ result: 'failed', code: 'unknown_upload' });
  });

  it('five wrong PINs lock a record for an hour, a right one clears the count', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const attempt = (hit: boolean, at: number) =>
      saveOne(store, [{ do: 'pin-attempt', recordId: idOf('re', 1), hit, at }]);
    const pin = async () => (await store.reader.record({ id: idOf('re', 1) }))?.pin;
    for (let n = 0; n < 4; n += 1) await attempt(false, noon);
    expect(await pin()).toEqual({ wrong: 4 });
    await attempt(true, noon);
    expect(await pin()).toEqual({ wrong: 0 });
    for (let n = 0; n < 5; n += 1) await attempt(false, noon);
    expect(await pin()).toEqual({ wrong: 5, lockedUntil: noon + 3600_000 });
    await attempt(true, noon + 10);
    expect(await pin()).toEqual({ wrong: 5, lockedUntil: noon + 3600_000 });
    await attempt(false, noon + 3600_000);
    expect(await pin()).toEqual({ wrong: 1 });
  });

  it('finds a record by id, number and lookup, and after a change by its new lookups only', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const byPhone = async (value: string) =>
      (await store.reader.records({ limit: 10, lookups: [{ kind: 'phone', value }] })).items.length;
    expect((await store.reader.record({ number: sampleRecord(1).number }))?.record).toEqual(sampleRecord(1));
    expect(await byPhone('+905321234567')).toBe(1);
    await saveOne(
      store,
      recordStep(1, 2, { record: { citizen: { ...sampleRecord(1).citizen, phones: ['+905550000000'] } } }),
    );
    expect(await byPhone('+905321234567')).toBe(0);
    expect(await byPhone('+905550000000')).toBe(1);
    expect((await store.reader.record({ id: idOf('re', 1) }))?.events).toMatchObject([
      { sequence: 1, data: {} },
      { sequence: 2, data: { internalNote: 'not 2' } },
    ]);
  });

  it('pages through records without loss or repeat, newest or oldest first', async () => {
    const { store } = await open();
    await store.pipeline.accept(Array.from({ length: 25 }, (_, n) => entranceEntry(n + 1)));
    for (const order of ['newest', 'oldest'] as const) {
      const ids: string[] = [];
      for (let cursor: string | undefined, more = true; more; ) {
        const page = await store.reader.records({
          limit: 10,
          order,
          ...(cursor !== undefined && { cursor }),
        });
        ids.push(...page.items.map(({ id }) => id));
        cursor = page.next;
        more = cursor !== undefined;
      }
      const expected = Array.from({ length: 25 }, (_, n) => idOf('re', n + 1));
      expect(ids).toEqual(order === 'oldest' ? expected : expected.reverse());
    }
  });

  it.each([
    { query: { status: ['closed' as const] }, numbers: [2] },
    { query: { unit: ['park'] }, numbers: [1] },
    { query: { openOnly: true }, numbers: [1, 2] },
    { query: { receivedFrom: noon + 2 }, numbers: [2, 3] },
    { query: { receivedTo: noon + 2 }, numbers: [1] },
    { query: { urgency: ['today' as const], channel: ['sms' as const] }, numbers: [3] },
  ])('filters records by $query', async ({ query, numbers }) => {
    const { store } = await open();
    await store.pipeline.accept([
      entranceEntry(1, { record: { route: { unit: 'park', mode: 'manual', history: [] } } }),
      entranceEntry(2, { record: { status: 'closed' } }),
      entranceEntry(3, { record: { anonymity: 'confidential', urgency: 'today' } }),
    ]);
    const { items } = await store.reader.records({ limit: 10, order: 'oldest', ...query });
    expect(items.map(({ id }) => id)).toEqual(numbers.map((n) => idOf('re', n)));
  });

  it('lists records whose promise is unmet and soon due, soonest first', async () => {
    const { store } = await open();
    await store.pipeline.accept([
      entranceEntry(2),
      entranceEntry(1),
      entranceEntry(3, { record: { deadlines: [] } }),
    ]);
    const due = noon + 48 * 3600_000;
    expect((await store.reader.lateRecords(due + 2, { limit: 10 })).items.map(({ id }) => id)).toEqual([
      idOf('re', 1),
    ]);
    expect((await store.reader.lateRecords(due + 10, { limit: 10 })).items.map(({ id }) => id)).toEqual([
      idOf('re', 1),
      idOf('re', 2),
    ]);
  });

  it('streams events by commit position from anywhere', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
    await saveOne(store, recordStep(1, 2));
    const all = await store.reader.stream(0, 10);
    expect(all.events.map(({ recordId, sequence, record }) => [recordId, sequence, record.version])).toEqual([
      [idOf('re', 1), 1, 1],
      [idOf('re', 2), 1, 1],
      [idOf('re', 1), 2, 2],
    ]);
    const middle = all.events[1]?.position ?? 0;
    expect((await store.reader.stream(middle, 10)).events.map(({ position }) => position)).toEqual([
      all.newest,
    ]);
    expect(all.oldest).toBe(all.events[0]?.position);
  });

  it('says how much waits at each stage', async () => {
    const { store } = await open();
    await store.pipeline.accept([
      sampleEntry(1, { parts: [{ key: 'p', kind: 'media', wait: 'needed' }] }),
      entranceEntry(2),
    ]);
    expect(await store.reader.backlog()).toEqual({
      unread: 1,
      settling: 0,
      partsPending: 1,
      deliveriesPending: 1,
      noticesPending: 0,
    });
    expect(await store.reader.queue(queue)).toMatchObject({
      destination: queue,
      ready: 1,
      behind: 0,
      dead: 0,
    });
    expect(await store.reader.queue('unknown')).toMatchObject({ ready: 0, delivered: 0 });
  });

  it('the audit chain holds, in order', async () => {
    const { store } = await open();
    for (let n = 1; n <= 3; n += 1)
      await saveOne(store, [
        {
          do: 'audit',
          at: noon + n,
          actor: 'key:1',
          action: 'revealed',
          subject: `SOK-${n}`,
          detail: 'reason',
        },
      ]);
    expect((await store.reader.audit({ limit: 2 })).items).toMatchObject([{ sequence: 1 }, { sequence: 2 }]);
    const whole = await store.reader.verifyAudit();
    expect(whole).toEqual({ rows: 3, last: { sequence: 3, hash: expect.any(String) } });
    const first = await store.reader.verifyAudit({ max: 2 });
    expect(first).toMatchObject({ rows: 2, last: { sequence: 2 } });
    const after = first.last ?? { sequence: 0, hash: '' };
    expect(await store.reader.verifyAudit({ after, max: 2 })).toEqual({ rows: 1, last: whole.last });
    expect(await store.reader.verifyAudit({ after: { ...after, hash: 'ff' } })).toEqual({
      rows: 0,
      brokenAt: 2,
    });
    expect(await store.reader.verifyAudit({ after: { ...after, sequence: 9 } })).toMatchObject({
      brokenAt: 9,
    });
  });
}
