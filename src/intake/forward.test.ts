import { type Destination, type OutgoingEvent, RejectedError, TransientError } from '@kapi/contract';
import {
  type ManualClock,
  type MemoryDeliveries,
  manualClock,
  memoryDeliveries,
  testEvent,
} from '@kapi/contract/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Forward, type ForwardFact, type ForwardOptions, startForward } from './forward.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const failing = () => new TransientError('destination_unavailable', 'the receiver answered 500');
const gone = () => new TransientError('destination_gone', 'the receiver answered 410');
const refusing = () => new RejectedError('destination_rejected', 'the receiver answered 422');
const hang = () => new Promise<never>(() => undefined);

describe('forward stage', () => {
  let clock: ManualClock;
  let store: MemoryDeliveries;
  let forward: Forward | undefined;
  let facts: ForwardFact[];
  let logged: string[];

  beforeEach(() => {
    clock = manualClock();
    store = memoryDeliveries(clock.now);
    facts = [];
    logged = [];
  });
  afterEach(() => forward?.stop(0));

  /** A destination that takes events, or does what `behave` does; remembers every try. */
  function destination(
    behave: (event: OutgoingEvent, signal: AbortSignal) => Promise<void> | void = () => undefined,
    more: Partial<Destination> = {},
  ) {
    const tried: { readonly event: OutgoingEvent; readonly at: number }[] = [];
    const taken: string[] = [];
    let busy = 0;
    let busiest = 0;
    const made: Destination = {
      kind: 'test',
      concurrency: 4,
      retryScheduleMs: [5_000, 5 * minuteMs, 30 * minuteMs],
      async send(event, { signal }) {
        tried.push({ event, at: clock.now() });
        busy += 1;
        busiest = Math.max(busiest, busy);
        try {
          await behave(event, signal);
          taken.push(event.id);
        } finally {
          busy -= 1;
        }
      },
      ...more,
    };
    return { made, tried, taken, busiest: () => busiest };
  }

  function start(destinations: Record<string, Destination>, more: Partial<ForwardOptions> = {}): Forward {
    const say = (fields: unknown, message: string) => logged.push(`${message} ${JSON.stringify(fields)}`);
    forward = startForward({
      pipeline: { ...unusedPipeline, ...store.pipeline },
      watch: store.watch,
      destinations: new Map(Object.entries(destinations)),
      clock,
      monotonic: clock.now,
      log: { debug: say, info: say, warn: say, error: say },
      http: () => Promise.reject(new Error('unused')),
      observe: (fact) => facts.push(fact),
      random: () => 0.5,
      ...more,
    });
    return forward;
  }

  const states = (name: string) =>
    store.rows.filter((row) => row.destination === name).map(({ state }) => state);
  const allDelivered = () => store.rows.every(({ state }) => state === 'delivered');

  it('delivers every event, in order per record, with the bytes it was given', async () => {
    const web = destination();
    start({ web: web.made });
    for (const sequence of [1, 2, 3])
      for (const record of [1, 2]) store.put('web', record, testEvent(record, sequence));
    await clock.until(allDelivered);
    for (const record of [1, 2]) {
      const ids = [1, 2, 3].map((sequence) => testEvent(record, sequence).id);
      expect(web.taken.filter((id) => ids.includes(id))).toEqual(ids);
    }
    expect(web.tried[0]?.event).toEqual(testEvent(1, 1));
    expect(facts.filter(({ fact }) => fact === 'delivered')).toHaveLength(6);
  });

  it('sends at most as many at once as the destination takes, and never two of one record', async () => {
    const open = new Set<string>();
    const web = destination(
      async (event, signal) => {
        expect(open.has(event.subject)).toBe(false);
        open.add(event.subject);
        await clock.sleep(1_000, signal);
        open.delete(event.subject);
      },
      { concurrency: 3 },
    );
    for (const record of [1, 2, 3, 4, 5]) {
      for (const sequence of [1, 2]) store.put('web', record, testEvent(record, sequence));
    }
    start({ web: web.made });
    await clock.until(allDelivered);
    expect(web.busiest()).toBe(3);
    expect(web.tried).toHaveLength(10);
  });

  it('sends an emergency before everything that waits', async () => {
    const web = destination(undefined, { concurrency: 1 });
    for (const record of [1, 2, 3]) store.put('web', record, testEvent(record, 1));
    store.put('web', 4, testEvent(4, 1), 'emergency');
    start({ web: web.made });
    await clock.until(allDelivered);
    expect(web.taken[0]).toBe(testEvent(4, 1).id);
  });

  it('lets a hanging destination slow no other, cuts its sends off and tries again', async () => {
    const stuck = destination(hang, { concurrency: 1, timeoutMs: 15_000 });
    const web = destination();
    start({ stuck: stuck.made, web: web.made });
    store.put('stuck', 1, testEvent(1, 1));
    for (const record of [1, 2, 3]) store.put('web', record, testEvent(record, 1));
    await clock.advance(1_000);
    expect(states('web')).toEqual(['delivered', 'delivered', 'delivered']);
    expect(stuck.tried).toHaveLength(1);
    await clock.until(() => stuck.tried.length === 2);
    expect(stuck.tried[1]?.event).toEqual({ ...testEvent(1, 1), attempt: 2 });
    expect((stuck.tried[1]?.at ?? 0) - (stuck.tried[0]?.at ?? 0)).toBe(15_000 + 5_000);
  });

  it('tries again by the schedule, its last step for ever', async () => {
    const web = destination(() => Promise.reject(failing()));
    store.put('web', 1, testEvent(1, 1));
    start({ web: web.made }, { breaker: { failuresInRow: 100, windowMinimum: 100 } });
    await clock.until(() => web.tried.length === 5, minuteMs);
    const waits = web.tried.slice(1).map(({ at }, index) => at - (web.tried[index]?.at ?? 0));
    expect(waits).toEqual([5_000, 5 * minuteMs, 30 * minuteMs, 30 * minuteMs]);
    expect(web.tried.map(({ event }) => event.attempt)).toEqual([1, 2, 3, 4, 5]);
  });

  it('waits as long as the other side asks, with everything for it', async () => {
    let answers = 0;
    const web = destination(
      () => {
        answers += 1;
        if (answers === 1)
          throw new TransientError('destination_unavailable', '429', { retryAfterMs: 10 * minuteMs });
      },
      { concurrency: 1 },
    );
    for (const record of [1, 2]) store.put('web', record, testEvent(record, 1));
    start({ web: web.made });
    await clock.advance(9 * minuteMs);
    expect(web.tried).toHaveLength(1);
    await clock.until(allDelivered);
    expect(Math.min(...web.tried.slice(1).map(({ at }) => at - (web.tried[0]?.at ?? 0)))).toBe(10 * minuteMs);
  });

  it('keeps its times when the machine’s clock is set back an hour', async () => {
    let answers = 0;
    let setBackMs = 0;
    const web = destination(() => (answers++ === 0 ? Promise.reject(failing()) : undefined));
    store.put('web', 1, testEvent(1, 1));
    start({ web: web.made }, { clock: { ...clock, now: () => clock.now() - setBackMs } });
    await clock.advance(1_000);
    setBackMs = hourMs;
    await clock.advance(6_000);
    expect(web.taken).toEqual([testEvent(1, 1).id]);
  });

  it('makes a refused event dead, with the code, and goes on with the next of its record', async () => {
    const web = destination((event) => {
      if (event.sequence === 1) throw refusing();
    });
    for (const sequence of [1, 2]) store.put('web', 1, testEvent(1, sequence));
    start({ web: web.made });
    await clock.until(() => states('web').join() === 'dead,delivered');
    expect(store.rows[0]?.reason).toBe('destination_rejected: RejectedError: the receiver answered 422');
    expect(facts).toContainEqual({
      fact: 'dead',
      destination: 'web',
      code: 'destination_rejected',
      subject: testEvent(1, 1).subject,
    });
    expect(web.tried).toHaveLength(2);
  });

  it('makes a delivery dead after 14 days of trying, not before', async () => {
    const web = destination(() => Promise.reject(failing()));
    store.put('web', 1, testEvent(1, 1));
    start({ web: web.made }, { pollMs: 5 * minuteMs });
    await clock.advance(13.9 * dayMs);
    expect(states('web')).toEqual(['open']);
    await clock.until(() => states('web')[0] === 'dead', hourMs, 48);
    expect(store.rows[0]?.reason).toContain('horizon: ');
  });

  it('claims nothing for a destination that is down but a probe each half minute, and spends no attempts', async () => {
    let down = true;
    const web = destination(() => (down ? Promise.reject(failing()) : undefined));
    for (let record = 1; record <= 40; record++) {
      for (const sequence of [1, 2]) store.put('web', record, testEvent(record, sequence));
    }
    const running = start({ web: web.made });
    await clock.advance(dayMs);
    expect(running.states()[0]).toMatchObject({
      name: 'web',
      state: 'open',
      lastError: { code: 'destination_unavailable' },
    });
    expect(web.tried.length).toBeLessThanOrEqual(8 + dayMs / 30_000);
    expect(Math.max(...store.rows.map(({ attempt }) => attempt))).toBeLessThanOrEqual(2);
    expect(states('web')).not.toContain('dead');
    down = false;
    const upAt = clock.now();
    await clock.until(() => web.taken.length > 0);
    expect(clock.now() - upAt).toBeLessThanOrEqual(31_000);
    await clock.until(allDelivered, minuteMs, 60);
    for (let record = 1; record <= 40; record++) {
      const ids = [testEvent(record, 1).id, testEvent(record, 2).id];
      expect(web.taken.filter((id) => ids.includes(id))).toEqual(ids);
    }
    expect(facts.filter(({ fact }) => fact === 'state').map((fact) => 'state' in fact && fact.state)).toEqual(
      ['open', 'closed'],
    );
  });

  it('is not kept down by events that always fail, though they are the oldest', async () => {
    const poison = new Set([1, 2, 3, 4, 5, 6].map((record) => testEvent(record, 1).id));
    const web = destination((event) => (poison.has(event.id) ? Promise.reject(failing()) : undefined), {
      concurrency: 1,
    });
    for (let record = 1; record <= 12; record++) store.put('web', record, testEvent(record, 1));
    start({ web: web.made });
    await clock.until(
      () => states('web').filter((state) => state === 'delivered').length === 6,
      minuteMs,
      60,
    );
    expect(states('web').slice(0, 6)).not.toContain('dead');
  });

  it('pauses a destination that asks not to be called, says so, and looks again each hour', async () => {
    let closedDown = true;
    const web = destination(() => (closedDown ? Promise.reject(gone()) : undefined), { concurrency: 1 });
    for (const record of [1, 2]) store.put('web', record, testEvent(record, 1));
    const running = start({ web: web.made });
    await clock.advance(59 * minuteMs);
    expect(web.tried).toHaveLength(1);
    expect(running.states()[0]?.state).toBe('paused');
    expect(facts).toContainEqual({ fact: 'state', destination: 'web', state: 'paused' });
    await clock.advance(2 * minuteMs);
    expect(web.tried).toHaveLength(2);
    closedDown = false;
    await clock.until(allDelivered, minuteMs, 180);
    expect(running.states()[0]?.state).toBe('closed');
    expect(store.rows.map(({ attempt }) => attempt)).toEqual([1, 1]);
  });

  it('resumes a paused destination at once when told to', async () => {
    let closedDown = true;
    const web = destination(() => (closedDown ? Promise.reject(gone()) : undefined), { concurrency: 1 });
    for (const record of [1, 2]) store.put('web', record, testEvent(record, 1));
    const running = start({ web: web.made });
    await clock.advance(minuteMs);
    closedDown = false;
    expect(running.resume('web')).toBe(true);
    expect(running.resume('nobody')).toBe(false);
    await clock.until(() => web.taken.length === 1, 1_000, 2);
  });

  it('takes anything else thrown for our bug: retried, logged, and without personal data', async () => {
    let thrown = false;
    const web = destination(() => {
      if (thrown) return;
      thrown = true;
      throw new TypeError('cannot read 10000000146 of ayse@example.org');
    });
    store.put('web', 1, testEvent(1, 1));
    start({ web: web.made });
    await clock.advance(1_000);
    expect(store.rows[0]?.reason).toBe('TypeError: cannot read *********46 of a***@example.org');
    expect(logged.join()).toContain('failed unexpectedly');
    expect(logged.join()).not.toMatch(/10000000146|ayse@/);
    await clock.until(allDelivered);
  });

  it('goes on when the store did not answer', async () => {
    const web = destination();
    let failures = 3;
    store.put('web', 1, testEvent(1, 1));
    start(
      { web: web.made },
      {
        pipeline: {
          ...unusedPipeline,
          ...store.pipeline,
          async claim(stage, options) {
            if (failures-- > 0) throw new TransientError('store_unavailable', 'the disk is full');
            return store.pipeline.claim(stage, options);
          },
        },
      },
    );
    await clock.until(allDelivered);
    expect(logged.filter((line) => line.includes('the disk is full'))).toHaveLength(3);
  });

  it('sends again under the same id what was sent but could not be settled', async () => {
    const web = destination();
    let failures = 1;
    store.put('web', 1, testEvent(1, 1));
    start(
      { web: web.made },
      {
        pipeline: {
          ...unusedPipeline,
          ...store.pipeline,
          async settle(settlements) {
            if (failures-- > 0) throw new TransientError('store_unavailable', 'the disk is full');
            return store.pipeline.settle(settlements);
          },
        },
      },
    );
    await clock.until(allDelivered);
    expect(web.tried.map(({ event }) => event.id)).toEqual([testEvent(1, 1).id, testEvent(1, 1).id]);
    expect(facts.filter(({ fact }) => fact === 'delivered')).toHaveLength(1);
  });

  it('stops after the sends in flight have ended, claims no more, and closes the destination', async () => {
    let finish: () => void = () => undefined;
    let closed = false;
    const web = destination(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      {
        concurrency: 1,
        close: async () => {
          closed = true;
        },
      },
    );
    for (const record of [1, 2]) store.put('web', record, testEvent(record, 1));
    const running = start({ web: web.made });
    await clock.until(() => web.tried.length === 1);
    const stopped = running.stop(5_000);
    finish();
    await stopped;
    expect(states('web')).toEqual(['delivered', 'open']);
    expect(closed).toBe(true);
    await clock.advance(minuteMs);
    expect(web.tried).toHaveLength(1);
  });

  it('puts back what does not end in time, without spending an attempt', async () => {
    const web = destination(
      (_event, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(failing()));
        }),
    );
    store.put('web', 1, testEvent(1, 1));
    const running = start({ web: web.made });
    await clock.until(() => web.tried.length === 1);
    await running.stop(0);
    expect(store.rows[0]).toMatchObject({
      state: 'open',
      attempt: 0,
      leasedUntil: 0,
      reason: 'the gateway stopped',
    });
  });
});

const never = () => Promise.reject(new Error('the forward stage claims and settles'));
const unusedPipeline = { accept: never, save: never, reserveNumbers: never };
