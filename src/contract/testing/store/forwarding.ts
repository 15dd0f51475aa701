import { expect, it } from 'vitest';
import type { Urgency } from '../../../record/index.ts';
import type { CloudEvent } from '../../cloud-event.ts';
import type { ForwardWork, Store } from '../../store.ts';
import type { OpenStore } from '../store.ts';
import {
  claimAt,
  claimOne,
  distant,
  entranceEntry,
  idOf,
  queue,
  recordStep,
  sampleRecord,
  saveOne,
  settlement,
} from './samples.ts';

const claim = (store: Store, over = {}): Promise<readonly ForwardWork[]> =>
  store.pipeline.claim('forward', claimAt({ destination: queue, ...over }));
const subjects = (works: readonly ForwardWork[]): string[] =>
  works.map(({ event }) => `${event.recordId.slice(-1)}/${event.sequence}`);
const done = (store: Store, work: ForwardWork): Promise<unknown> =>
  store.pipeline.settle([settlement('forward', work)]);

/** Promises 5 and 12: every event reaches each of its destinations, in order, the urgent first. */
export function forwardingRows(open: OpenStore): void {
  it('renders an event once and gives the same bytes on every attempt, also after the record moved on', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const first = await claimOne(store, 'forward');
    const event: CloudEvent = JSON.parse(Buffer.from(first.body).toString());
    expect(event).toMatchObject({
      id: first.event.id,
      type: 'kapi.record.received.v1',
      subject: sampleRecord(1).number,
      sequence: 1,
      data: { body: 'Sokakta çukur var 1' },
    });
    expect(JSON.stringify(event)).not.toContain('402913');
    await store.pipeline.settle([settlement('forward', first, { end: 'retry', at: 0, reason: 'HTTP 503' })]);
    await saveOne(store, recordStep(1, 2, { record: { body: 'başka' } }));
    const second = await claimOne(store, 'forward');
    expect(second).toMatchObject({
      attempt: 2,
      id: first.id,
      type: 'kapi.record.received.v1',
      urgency: 'normal',
    });
    expect(Buffer.from(second.body).equals(Buffer.from(first.body))).toBe(true);
  });

  it('keeps the events of a record in order per destination, one outstanding at a time', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1, { to: [queue, 'partner'] })]);
    await saveOne(store, recordStep(1, 2, { to: [queue, 'partner'] }));
    await saveOne(store, recordStep(1, 3, { to: [queue] }));
    const first = await claim(store);
    expect(subjects(first)).toEqual(['1/1']);
    expect(await claim(store)).toEqual([]);
    expect(subjects(await claim(store, { destination: 'partner' }))).toEqual(['1/1']);
    for (const work of first) await done(store, work);
    const second = await claim(store);
    expect(subjects(second)).toEqual(['1/2']);
    for (const work of second) await done(store, work);
    expect(subjects(await claim(store))).toEqual(['1/3']);
    expect(await store.reader.queue('partner')).toMatchObject({ claimed: 1, behind: 1 });
  });

  it('a dead delivery lets the next one through, is listed, and can be sent again', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, recordStep(1, 2));
    const work = await claimOne(store, 'forward');
    await store.pipeline.settle([
      settlement('forward', work, { end: 'parked', code: 'destination_rejected', detail: 'HTTP 422' }),
    ]);
    const second = await claim(store);
    expect(subjects(second)).toEqual(['1/2']);
    const [letter] = (await store.reader.deadLetters({ limit: 10, destination: queue })).items;
    expect(letter).toMatchObject({
      what: 'delivery',
      sequence: 1,
      attempts: 1,
      code: 'destination_rejected',
      detail: 'HTTP 422',
    });
    await saveOne(store, [{ do: 'resend-delivery', at: distant, ...(letter && { id: letter.id }) }]);
    expect(await claim(store)).toEqual([]);
    for (const next of second) await done(store, next);
    const again = await claim(store);
    expect(again).toMatchObject([{ id: work.id, attempt: 1 }]);
    expect((await store.reader.deadLetters({ limit: 10 })).items).toEqual([]);
  });

  it('resends all dead letters of a destination and of no other', async () => {
    const { store } = await open();
    for (const n of [1, 2, 3])
      await store.pipeline.accept([entranceEntry(n, { to: [n === 3 ? 'partner' : queue] })]);
    for (const destination of [queue, 'partner'])
      for (const work of await claim(store, { destination }))
        await store.pipeline.settle([
          settlement('forward', work, { end: 'parked', code: 'destination_rejected', detail: '' }),
        ]);
    const outcome = await saveOne(store, [{ do: 'resend-delivery', destination: queue, at: distant }]);
    expect(outcome).toEqual({ result: 'saved', reached: { deliveries: 2 } });
    expect(subjects(await claim(store))).toEqual(['1/1', '2/1']);
    expect(await claim(store, { destination: 'partner' })).toEqual([]);
  });

  it('tells each event with the record it led to, and the bytes that were claimed', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const { number } = sampleRecord(1);
    const first = (await store.reader.history(number, 'full'))[0];
    expect(first).toMatchObject({ event: { sequence: 1 }, record: { version: 1, urgency: 'normal' } });
    expect(first?.body).toBeUndefined();
    const [work] = await claim(store);
    await saveOne(store, recordStep(1, 2, { record: { urgency: 'emergency' } }));
    const both = await store.reader.history(number, work?.profile ?? 'full');
    expect(both).toMatchObject([
      { event: { sequence: 1 }, record: { version: 1, urgency: 'normal' } },
      { event: { sequence: 2 }, record: { version: 2, urgency: 'emergency' } },
    ]);
    expect(Buffer.from(both[0]?.body ?? []).toString()).toBe(Buffer.from(work?.body ?? []).toString());
    expect(both[1]?.body).toBeUndefined();
    expect(await store.reader.history('SOK-26-9999999-9', 'full')).toEqual([]);
  });

  it('gives the most urgent first and the oldest of these', async () => {
    const { store } = await open();
    const urgencies: readonly Urgency[] = ['normal', 'urgent', 'normal', 'emergency', 'today', 'emergency'];
    for (const [index, urgency] of urgencies.entries())
      await store.pipeline.accept([entranceEntry(index + 1, { record: { urgency } })]);
    expect(subjects(await claim(store))).toEqual(['4/1', '6/1', '5/1', '2/1', '1/1', '3/1']);
  });

  it('a record that turns urgent takes its waiting events along', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
    await saveOne(store, recordStep(2, 2, { record: { urgency: 'emergency' } }));
    expect(subjects(await claim(store))).toEqual(['2/1', '1/1']);
    expect((await store.reader.queue(queue)).byUrgency).toEqual({
      emergency: 2,
      today: 0,
      urgent: 0,
      normal: 1,
    });
  });

  it.each([
    { filter: { urgency: ['urgent' as const] }, expected: ['2/1'] },
    { filter: { unit: ['fen-isleri'] }, expected: ['1/1'] },
    { filter: { topic: ['TM01'] }, expected: ['3/1'] },
    { filter: { channel: ['email' as const] }, expected: ['2/1'] },
    { filter: { urgency: [], unit: [] }, expected: ['2/1', '1/1', '3/1'] },
  ])('claims only what the filter $filter names', async ({ filter, expected }) => {
    const { store } = await open();
    await store.pipeline.accept([
      entranceEntry(1, { record: { route: { unit: 'fen-isleri', mode: 'automatic', history: [] } } }),
      entranceEntry(2, { record: { urgency: 'urgent', channel: 'email' } }),
      entranceEntry(3, { record: { topic: { code: 'TM01', candidates: [] } } }),
    ]);
    expect(subjects(await claim(store, { filter }))).toEqual(expected);
  });

  it('an expired lease makes the delivery claimable again; the old token then changes nothing', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const first = await claimOne(store, 'forward');
    expect(await claim(store, { now: distant + 59_999 })).toEqual([]);
    const second = await claimOne(store, 'forward', { now: distant + 60_000 });
    expect(second.attempt).toBe(2);
    expect(second.token).toBeGreaterThan(first.token);
    expect(await store.pipeline.settle([settlement('forward', first)])).toEqual([{ result: 'stale' }]);
    expect(await store.pipeline.settle([settlement('forward', second)])).toEqual([{ result: 'saved' }]);
    expect(await store.pipeline.settle([settlement('forward', second)])).toEqual([{ result: 'stale' }]);
    expect(await store.reader.queue(queue)).toMatchObject({ delivered: 1, ready: 0, claimed: 0 });
  });

  it('after a restart what the process had in hand is free at once, what a reader outside holds is not', async () => {
    const opened = await open();
    await opened.store.pipeline.accept([
      entranceEntry(1, { to: ['webhook'] }),
      entranceEntry(2, { to: [queue] }),
    ]);
    const own = await claimOne(opened.store, 'forward', { destination: 'webhook' });
    await claimOne(opened.store, 'forward', { destination: queue, actor: 'key:centre' });
    const store = await opened.reopen();
    const again = await claimOne(store, 'forward', { destination: 'webhook' });
    expect(again).toMatchObject({ id: own.id, attempt: 2 });
    expect(await store.pipeline.settle([settlement('forward', own)])).toEqual([{ result: 'stale' }]);
    expect(await store.pipeline.claim('forward', claimAt({ destination: queue }))).toEqual([]);
    expect(await store.reader.recount()).toEqual(await store.reader.books());
  });

  it('an extended lease lasts to its new end', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const work = await claimOne(store, 'forward');
    await store.pipeline.settle([settlement('forward', work, { end: 'extend', until: distant + 300_000 })]);
    expect(await claim(store, { now: distant + 299_999 })).toEqual([]);
    expect(await claim(store, { now: distant + 300_000 })).toHaveLength(1);
  });

  it('a retry waits for its moment and counts as an attempt only where it is somebody’s fault', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const retry = { end: 'retry' as const, at: distant + 1000, reason: 'throttled' };
    await store.pipeline.settle([
      settlement('forward', await claimOne(store, 'forward'), { ...retry, countAttempt: false }),
    ]);
    expect(await claim(store, { now: distant + 999 })).toEqual([]);
    const again = await claimOne(store, 'forward', { now: distant + 1000 });
    expect(again.attempt).toBe(1);
    await store.pipeline.settle([settlement('forward', again, retry)]);
    expect((await claimOne(store, 'forward', { now: distant + 1000 })).attempt).toBe(2);
  });

  it('never claims one delivery twice at once', async () => {
    const { store } = await open();
    await store.pipeline.accept(Array.from({ length: 50 }, (_, n) => entranceEntry(n + 1)));
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim(store, { max: 10 })));
    const ids = claims.flat().map(({ id }) => id);
    expect(ids).toHaveLength(50);
    expect(new Set(ids).size).toBe(50);
  });

  it('writes who claimed what into the audit chain, one row a claim', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
    await claim(store, { actor: 'key:centre' });
    await claim(store, { actor: 'key:centre' });
    const rows = (await store.reader.audit({ limit: 10 })).items;
    expect(rows).toMatchObject([
      { sequence: 1, actor: 'key:centre', action: 'queue-claimed', subject: queue },
    ]);
    expect(rows[0]?.detail.split(' ')).toHaveLength(2);
  });

  it('events of a record are unique by sequence and by key', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    expect(await saveOne(store, recordStep(1, 2, { key: 'k' }))).toEqual({ result: 'saved' });
    expect(await saveOne(store, recordStep(1, 3, { key: 'k' }))).toEqual({
      result: 'exists',
      what: 'event-key',
    });
    expect(await saveOne(store, recordStep(1, 2).slice(1))).toMatchObject({ result: 'exists' });
    expect((await store.reader.record({ id: idOf('re', 1) }))?.record.version).toBe(2);
  });
}
