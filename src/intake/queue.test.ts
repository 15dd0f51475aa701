import type { ClaimRequest, OutgoingEvent, Scope } from '@kapi/contract';
import { claimRequest, codeOf, promiseClock, recordSchema, toCloudEvent, toInstant } from '@kapi/contract';
import {
  type ManualClock,
  type MemoryDeliveries,
  manualClock,
  memoryDeliveries,
  testEvent,
} from '@kapi/contract/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryFact } from './forward.ts';
import type { Actor, Queue } from './gateway.ts';
import { toLease } from './lease.ts';
import { createQueue } from './queue.ts';

const actor = (...scopes: Scope[]): Actor => ({
  name: 'key:centre',
  scopes: new Set(scopes),
  account: 'api',
});
const reader = actor('queue', 'records:reveal');
const leaseKey = new Uint8Array(32).fill(7);
const never = () => Promise.reject(new Error('a queue claims and settles'));

describe('queue', () => {
  let clock: ManualClock;
  let store: MemoryDeliveries;
  let queue: Queue;
  let facts: DeliveryFact[];

  beforeEach(() => {
    facts = [];
    clock = manualClock();
    store = memoryDeliveries(clock.now);
    queue = createQueue({
      pipeline: { accept: never, save: never, reserveNumbers: never, ...store.pipeline },
      reader: store.reader,
      watch: store.watch,
      clock,
      monotonic: clock.now,
      leaseKey,
      queues: ['coordination', 'archive.second'],
      observe: (fact) => facts.push(fact),
    });
  });

  const claim = (request: Partial<ClaimRequest> = {}, by = reader, signal?: AbortSignal) =>
    queue.claim(claimRequest.parse(request), by, signal);
  const ids = (items: readonly { readonly event: { readonly id: string } }[]) =>
    items.map(({ event }) => event.id);
  const idOf = (record: number, sequence: number) => testEvent(record, sequence).id;
  const codeFrom = (work: Promise<unknown>) => work.then(() => undefined, codeOf);

  it('hands out the most urgent first, then the oldest, one event of a record at a time', async () => {
    store.put('coordination', 1, testEvent(1, 1));
    await clock.advance(10);
    store.put('coordination', 1, testEvent(1, 2));
    store.put('coordination', 2, testEvent(2, 1));
    store.put('coordination', 3, testEvent(3, 1), 'emergency');
    const { items } = await claim({ max: 2 });
    expect(ids(items)).toEqual([idOf(3, 1), idOf(1, 1)]);
    expect(items[0]?.event).toEqual(JSON.parse(Buffer.from(testEvent(3, 1).body).toString()));
    expect(items.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(ids((await claim()).items)).toEqual([idOf(2, 1)]);
    expect(await queue.ack([items[1]?.lease ?? ''], reader)).toEqual({ acked: 1, expired: [] });
    expect(ids((await claim()).items)).toEqual([idOf(1, 2)]);
    expect(store.actors).toEqual(['key:centre', 'key:centre', 'key:centre']);
  });

  it('filters as asked', async () => {
    store.put('coordination', 1, testEvent(1, 1));
    store.put('coordination', 2, testEvent(2, 1), 'urgent');
    expect(ids((await claim({ filter: { urgency: ['urgent'] } })).items)).toEqual([idOf(2, 1)]);
  });

  it('keeps queues apart, and knows no others', async () => {
    store.put('archive.second', 1, testEvent(1, 1));
    expect((await claim()).items).toEqual([]);
    const { items } = await claim({ queue: 'archive.second' });
    expect(
      await queue.ack(
        items.map(({ lease }) => lease),
        reader,
      ),
    ).toEqual({ acked: 1, expired: [] });
    expect(await codeFrom(claim({ queue: 'webhook' }))).toBe('not_found');
    expect((await queue.stats(reader)).map(({ destination, delivered }) => [destination, delivered])).toEqual(
      [
        ['coordination', 0],
        ['archive.second', 1],
      ],
    );
  });

  describe('of a key bound to another queue', () => {
    const bound: Actor = { ...reader, name: 'key:bound', queues: new Set(['archive.second']) };
    const own: Actor = { ...bound, queues: new Set(['coordination']) };

    it('gives it nothing, not even the name of a queue', async () => {
      store.put('coordination', 1, testEvent(1, 1));
      expect(await codeFrom(claim({}, bound))).toBe('forbidden');
      expect(await codeFrom(claim({ queue: 'none' }, bound))).toBe('forbidden');
      expect((await queue.stats(bound)).map(({ destination }) => destination)).toEqual(['archive.second']);
      expect(store.rows[0]?.attempt).toBe(0);
      expect((await claim({}, own)).items).toHaveLength(1);
    });

    const verbs: readonly [string, (lease: string, by: Actor) => Promise<unknown>, unknown][] = [
      ['ack', (lease, by) => queue.ack([lease], by).then(({ acked }) => acked), 0],
      ['nack', (lease, by) => codeFrom(queue.nack(lease, '', 0, by)), 'lease_expired'],
      ['extend', (lease, by) => codeFrom(queue.extend(lease, 60, by)), 'lease_expired'],
    ];
    it.each(verbs)('takes its %s of a lease for one that had ended', async (_name, verb, refused) => {
      store.put('coordination', 1, testEvent(1, 1));
      const [lease = ''] = (await claim()).items.map((item) => item.lease);
      expect(await verb(lease, bound)).toBe(refused);
      expect(store.rows[0]?.state).toBe('open');
      expect(await verb(lease, own)).not.toBe(refused);
    });
  });

  it('wakes a waiting reader by the commit that brings it something', async () => {
    const claiming = claim({ waitSeconds: 20 });
    await clock.advance(300);
    store.put('coordination', 1, testEvent(1, 1));
    expect(ids((await claiming).items)).toEqual([idOf(1, 1)]);
    expect(clock.now()).toBe(manualClock().now() + 300);
  });

  it('wakes a waiting reader when a retry is due, which no commit tells', async () => {
    store.put('coordination', 1, testEvent(1, 1));
    const { items } = await claim();
    await queue.nack(items[0]?.lease ?? '', 'busy', 5, reader);
    const claiming = claim({ waitSeconds: 20 });
    await clock.advance(4_000);
    expect(store.rows[0]?.attempt).toBe(1);
    await clock.advance(2_000);
    expect((await claiming).items[0]?.attempt).toBe(2);
  });

  it('answers empty when the wait is over', async () => {
    const claiming = claim({ waitSeconds: 20 });
    await clock.advance(20_000);
    expect(await claiming).toEqual({ items: [] });
  });

  it('hands nothing to a reader that has gone', async () => {
    const gone = new AbortController();
    const claiming = claim({ waitSeconds: 20 }, reader, gone.signal);
    await clock.advance(1_500);
    store.put('coordination', 1, testEvent(1, 1));
    gone.abort();
    expect(await claiming).toEqual({ items: [] });
    expect((await claim()).items[0]?.attempt).toBe(1);
  });

  it('gives an event to one of many readers', async () => {
    const claiming = Promise.all(Array.from({ length: 20 }, () => claim({ waitSeconds: 5, max: 1 })));
    await clock.advance(100);
    for (const record of [1, 2, 3]) store.put('coordination', record, testEvent(record, 1));
    await clock.advance(6_000);
    const got = (await claiming).flatMap(({ items }) => ids(items));
    expect(got.toSorted()).toEqual([idOf(1, 1), idOf(2, 1), idOf(3, 1)]);
  });

  it('ends a lease after its time: the next reader gets the event, the first one’s ack counts for nothing', async () => {
    store.put('coordination', 1, testEvent(1, 1));
    const first = await claim({ leaseSeconds: 10 });
    await clock.advance(9_000);
    expect((await claim()).items).toEqual([]);
    await clock.advance(2_000);
    const second = await claim({ leaseSeconds: 10 });
    expect(second.items[0]?.attempt).toBe(2);
    const lease = first.items[0]?.lease ?? '';
    expect(await queue.ack([lease], reader)).toEqual({ acked: 0, expired: [lease] });
    expect(await codeFrom(queue.nack(lease, 'late', 0, reader))).toBe('lease_expired');
    expect(await codeFrom(queue.extend(lease, 60, reader))).toBe('lease_expired');
    expect(await queue.ack([second.items[0]?.lease ?? ''], reader)).toEqual({ acked: 1, expired: [] });
  });

  it('lengthens a lease from now', async () => {
    store.put('coordination', 1, testEvent(1, 1));
    const { items } = await claim({ leaseSeconds: 10 });
    await clock.advance(9_000);
    await queue.extend(items[0]?.lease ?? '', 30, reader);
    await clock.advance(29_000);
    expect((await claim()).items).toEqual([]);
    expect((await queue.ack([items[0]?.lease ?? ''], reader)).acked).toBe(1);
  });

  const spoilt: readonly [string, (lease: string) => string][] = [
    ['nothing', () => ''],
    ['a word', () => 'coordination'],
    ['its body without the mark', (lease) => lease.slice(0, -17)],
    ['another mark', (lease) => lease.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
    ['another delivery', (lease) => lease.replace('1-1', '2-1')],
    ['another token', (lease) => lease.replace(/\.1\.1\./, '.2.1.')],
    ['another attempt', (lease) => lease.replace(/\.1\.1\./, '.1.2.')],
    [
      'one of another house',
      () =>
        toLease(
          { destination: 'coordination', id: 'coordination-1-1', token: 1, attempt: 1 },
          new Uint8Array(32),
        ),
    ],
    [
      'one of a queue that is none',
      () => toLease({ destination: 'webhook', id: 'coordination-1-1', token: 1, attempt: 1 }, leaseKey),
    ],
  ];
  it.each(spoilt)('takes %s for no lease', async (_name, spoil) => {
    store.put('coordination', 1, testEvent(1, 1));
    store.put('coordination', 2, testEvent(2, 1));
    const { items } = await claim();
    const lease = spoil(items[0]?.lease ?? '');
    expect(await queue.ack([lease], reader)).toEqual({ acked: 0, expired: [lease] });
    expect(await codeFrom(queue.nack(lease, '', 0, reader))).toBe('lease_expired');
    expect(store.rows.map(({ state }) => state)).toEqual(['open', 'open']);
  });

  it('acks what stands and names what does not, each for itself, a repeated lease once', async () => {
    for (const record of [1, 2]) store.put('coordination', record, testEvent(record, 1));
    const [first = '', second = ''] = (await claim()).items.map(({ lease }) => lease);
    expect(await queue.ack([first, 'nonsense', second], reader)).toEqual({ acked: 2, expired: ['nonsense'] });
    expect(await queue.ack([first], reader)).toEqual({ acked: 0, expired: [first] });
    const delivered = { fact: 'delivered', destination: 'coordination', attempt: 1 };
    expect(facts).toEqual([delivered, delivered]);
  });

  it('makes an event dead at its twentieth nack, masking what the reader said', async () => {
    store.put('coordination', 1, testEvent(1, 1));
    for (let attempt = 1; attempt <= 20; attempt++) {
      expect(store.rows[0]?.state).toBe('open');
      const { items } = await claim();
      expect(items[0]?.attempt).toBe(attempt);
      await queue.nack(items[0]?.lease ?? '', 'cannot read 10000000146', 0, reader);
    }
    expect(store.rows[0]).toMatchObject({
      state: 'dead',
      reason:
        'attempts_exhausted: handed out 20 times without an ack; the last reader said: cannot read *********46',
    });
    expect(facts).toHaveLength(20);
    expect(facts[0]).toEqual({ fact: 'retried', destination: 'coordination', code: 'nacked', attempt: 1 });
    expect(facts[19]).toEqual({ fact: 'dead', destination: 'coordination', code: 'attempts_exhausted' });
  });

  it('makes an event dead after twenty leases that ended, and hands out the next in the same claim', async () => {
    for (const sequence of [1, 2]) store.put('coordination', 1, testEvent(1, sequence));
    for (let attempt = 1; attempt <= 20; attempt++) {
      expect(ids((await claim({ leaseSeconds: 5 })).items)).toEqual([idOf(1, 1)]);
      await clock.advance(6_000);
    }
    expect(ids((await claim()).items)).toEqual([idOf(1, 2)]);
    expect(store.rows.map(({ state }) => state)).toEqual(['dead', 'open']);
    expect(facts).toEqual([{ fact: 'dead', destination: 'coordination', code: 'attempts_exhausted' }]);
  });

  it('parks an event whose bytes cannot be read back, alone', async () => {
    store.put('coordination', 1, {
      ...testEvent(1, 1),
      body: new TextEncoder().encode('{"specversion":"1.0"'),
    });
    store.put('coordination', 2, testEvent(2, 1));
    expect(ids((await claim()).items)).toEqual([idOf(2, 1)]);
    expect(store.rows.map(({ state }) => state)).toEqual(['dead', 'open']);
    expect(facts).toEqual([{ fact: 'dead', destination: 'coordination', code: 'internal' }]);
  });

  it('tells watchers of new events, each position once', async () => {
    let calls = 0;
    const unwatch = queue.watch(() => {
      calls += 1;
    });
    store.put('coordination', 1, testEvent(1, 1));
    const { items } = await claim();
    await queue.ack([items[0]?.lease ?? ''], reader);
    expect(calls).toBe(1);
    unwatch();
    store.put('coordination', 2, testEvent(2, 1));
    expect(calls).toBe(1);
  });

  describe('shows in full only to keys that may reveal', () => {
    const at = Date.parse('2026-11-22T06:14:03Z');
    const record = recordSchema.parse({
      schema: 'sok/1',
      id: '0198a000-0000-7000-8000-000000000001',
      version: 1,
      number: 'SOK-26-0001234-9',
      trackingPin: '402913',
      trackingToken: 'token',
      kind: 'complaint',
      applicationType: 'complaint',
      legalTrack: 'service',
      channel: 'phone',
      account: 'cagri-153',
      origin: 'citizen',
      createdBy: 'key:centre',
      receivedAt: toInstant(at),
      occurredAt: toInstant(at),
      citizen: {
        type: 'person',
        name: 'Ayşe Yılmaz',
        tckn: '10000000146',
        tcknStatus: 'valid',
        phones: ['+905321234567'],
        emails: [],
        handles: [],
        needs: [],
      },
      anonymity: 'open',
      body: 'Ben 10000000146, çukur var',
      owner: 'unknown',
      route: { mode: 'automatic', history: [] },
      urgency: 'normal',
      confidentiality: 'none',
      deadlines: [promiseClock(at)],
      status: 'queued',
      missing: [],
      messages: [],
      attachments: [],
      links: { related: [] },
      privacy: {},
      findings: {},
      extra: {},
    });
    const event = {
      id: idOf(1, 1),
      recordId: 'record-1',
      name: 'received',
      sequence: 1,
      version: 1,
      at: toInstant(at),
      actor: 'test',
      data: {},
    } as const;
    const full = toCloudEvent(event, record, 'full', 'bursa');
    const outgoing = (body: unknown): OutgoingEvent => ({
      ...testEvent(1, 1),
      time: event.at,
      subject: record.number,
      profile: 'full',
      body: new TextEncoder().encode(JSON.stringify(body)),
    });

    it('with records:reveal: as it is', async () => {
      store.put('coordination', 1, outgoing(full));
      expect((await claim()).items[0]?.event).toEqual(JSON.parse(JSON.stringify(full)));
    });

    it('without: exactly the masked profile', async () => {
      store.put('coordination', 1, outgoing(full));
      const { items } = await claim({}, actor('queue'));
      const masked = toCloudEvent(event, record, 'masked', 'bursa');
      expect(JSON.parse(JSON.stringify(items[0]?.event))).toEqual(JSON.parse(JSON.stringify(masked)));
      expect(JSON.stringify(items)).not.toMatch(/10000000146|Yılmaz|905321234567/);
    });

    it('without, of what is no whole record: number and name of the event alone', async () => {
      store.put('coordination', 1, outgoing({ ...full, data: { citizen: { name: 'Ayşe Yılmaz' } } }));
      const { items } = await claim({}, actor('queue'));
      expect(items[0]?.event.data).toEqual({ number: 'SOK-26-0001234-9', event: { name: 'received' } });
    });
  });
});
