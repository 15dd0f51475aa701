import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Destination, DestinationContext, OutgoingEvent } from '../destination.ts';
import { codeOf, kindOfError } from '../errors.ts';

/** What the other side can do to a sender. */
export const counterpartModes = [
  'ok',
  'failing',
  'hanging',
  'reset',
  'taken-then-reset',
  'slow',
  'gone',
  'throttled',
  'refusing',
] as const;
export type CounterpartMode = (typeof counterpartModes)[number];

/** `either`: the event was taken, but the answer was lost; the sender may know or may try again. */
type Outcome = 'delivered' | 'transient' | 'throttled' | 'gone' | 'rejected' | 'either';

const outcomes: Readonly<Record<CounterpartMode, Outcome>> = {
  ok: 'delivered',
  failing: 'transient',
  hanging: 'transient',
  reset: 'transient',
  'taken-then-reset': 'either',
  slow: 'delivered',
  gone: 'gone',
  throttled: 'throttled',
  refusing: 'rejected',
};

/** The other side, on loopback. */
export interface Counterpart {
  /**
   * A destination that sends here and waits so long for an answer. `untrusted`: over TLS whose
   * certificate nobody vouches for.
   */
  create(link: 'trusted' | 'untrusted', timeoutMs: number): Destination;
  mode(mode: CounterpartMode): void | Promise<void>;
  /** Events that arrived whole, in order; `taken` where the other side has it for good. */
  readonly seen: readonly { readonly id: string; readonly body: Uint8Array; readonly taken: boolean }[];
  /** Resolves once `seen` holds all that arrived so far, where that has to be asked for. */
  settled?(): Promise<void>;
  readonly secrets: readonly string[];
  openConnections(): number;
  close(): Promise<void>;
}

export interface DestinationHarness {
  /** Every mode is answered: false where the protocol has no such thing. `throttled` asks for 7 seconds. */
  readonly modes: Readonly<Record<CounterpartMode, boolean>>;
  /** How long a destination waits for an answer; 600 where absent. Longer where a real server has to sync. */
  readonly timeoutMs?: number;
  start(): Promise<Counterpart>;
}

/** The contract kit of a destination: what each owes whatever its protocol. */
export function testDestination(kind: string, harness: DestinationHarness): void {
  describe(`${kind}: a destination`, () => {
    let counterpart: Counterpart;
    let destination: Destination;
    let logged: unknown[];
    const opened: Destination[] = [];

    const open = (link: 'trusted' | 'untrusted', timeoutMs = harness.timeoutMs ?? 600): Destination => {
      const made = counterpart.create(link, timeoutMs);
      opened.push(made);
      return made;
    };
    const context = (signal: AbortSignal = new AbortController().signal): DestinationContext => {
      const log = (fields: unknown, message: string) => logged.push(fields, message);
      return {
        signal,
        log: { debug: log, info: log, warn: log, error: log },
        http: () => Promise.reject(new Error('a destination has its own connection')),
      };
    };
    const attempt = async (event: OutgoingEvent, by = destination): Promise<unknown> =>
      by.send(event, context()).then(
        () => undefined,
        (error: unknown) => error ?? 'thrown nothing',
      );

    beforeEach(async () => {
      logged = [];
      counterpart = await harness.start();
      destination = open('trusted');
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((made) => made.close?.()));
      await counterpart.close();
    });

    it('names its kind, its concurrency and a schedule that never shrinks', () => {
      expect(destination.kind).toBe(kind);
      expect(destination.concurrency).toBeGreaterThan(0);
      expect(destination.retryScheduleMs.length).toBeGreaterThan(0);
      expect(destination.retryScheduleMs).toEqual(destination.retryScheduleMs.toSorted((a, b) => a - b));
    });

    for (const mode of counterpartModes.filter((each) => harness.modes[each])) {
      it(`makes of a counterpart that is ${mode}: ${outcomes[mode]}`, async () => {
        await counterpart.mode(mode);
        const error = await attempt(testEvent(1, 1));
        const outcome = toOutcome(error);
        if (outcomes[mode] === 'either') expect(['delivered', 'transient']).toContain(outcome);
        else expect(outcome, inspect(error)).toBe(outcomes[mode]);
        await counterpart.settled?.();
        if (outcome === 'delivered') expect(counterpart.seen.some(({ taken }) => taken)).toBe(true);
        expectNoSecret([error, logged]);
      });
    }

    it('does not trust a certificate that nobody vouches for', async () => {
      const error = await attempt(testEvent(1, 1), open('untrusted'));
      expect(toOutcome(error), inspect(error)).toBe('transient');
      await counterpart.settled?.();
      expect(counterpart.seen).toEqual([]);
      expectNoSecret([error, logged]);
    });

    it('finds nobody there: transient', async () => {
      await counterpart.close();
      expect(toOutcome(await attempt(testEvent(1, 1)))).toBe('transient');
    });

    it('sends the same bytes under the same id on every try', async () => {
      const event = testEvent(1, 1);
      const trying: CounterpartMode[] = ['failing', 'taken-then-reset', 'slow', 'ok', 'ok'];
      for (const mode of trying.filter((each) => harness.modes[each])) {
        await counterpart.mode(mode);
        await attempt(event);
      }
      await counterpart.settled?.();
      expect(counterpart.seen.length).toBeGreaterThan(1);
      for (const { id, body } of counterpart.seen) {
        expect(id).toBe(event.id);
        expect(Buffer.from(body).equals(event.body)).toBe(true);
      }
    });

    it('is down for long, then drained: every event taken, in order per record', async () => {
      const records = [1, 2, 3].map((record) => [1, 2, 3, 4].map((sequence) => testEvent(record, sequence)));
      const trouble: CounterpartMode[] = ['failing', 'reset', 'throttled'];
      const down = trouble.filter((each) => harness.modes[each]);
      for (let round = 0; round < 9; round++) {
        await counterpart.mode(down[round % down.length] ?? 'failing');
        const errors = await Promise.all(records.map(([first]) => first && attempt(first)));
        for (const error of errors) expect(kindOfError(error)).toBe('transient');
      }
      await counterpart.mode('ok');
      await Promise.all(
        records.map(async (events) => {
          for (const event of events) expect(await attempt(event)).toBeUndefined();
        }),
      );
      await counterpart.settled?.();
      const taken = counterpart.seen.filter((each) => each.taken).map(({ id }) => id);
      for (const events of records) {
        const ids = events.map(({ id }) => id);
        expect(taken.filter((id) => ids.includes(id))).toEqual(ids);
      }
    });

    it('gives up at once when its signal aborts', async () => {
      await counterpart.mode('hanging');
      const stop = new AbortController();
      // Patient for longer than a test may take: only the signal can end it.
      const sending = open('trusted', 60_000).send(testEvent(1, 1), context(stop.signal));
      const ended = expect(sending).rejects.toSatisfy((error) => kindOfError(error) === 'transient');
      await vi.waitFor(() => expect(counterpart.openConnections()).toBeGreaterThan(0), { timeout: 5_000 });
      stop.abort();
      await ended;
      await vi.waitFor(() => expect(counterpart.openConnections()).toBe(0), { timeout: 5_000 });
    });

    it('closes every connection when it is closed', async () => {
      await Promise.all([1, 2, 3].map((record) => attempt(testEvent(record, 1))));
      await destination.close?.();
      await vi.waitFor(() => expect(counterpart.openConnections()).toBe(0), { timeout: 5_000 });
    });

    it('can be probed without an event arriving, where it has a probe', async () => {
      for (const [link, ok] of [
        ['trusted', true],
        ['untrusted', false],
      ] as const) {
        const probed = await open(link).probe?.(context());
        if (probed === undefined) continue;
        expect(probed.ok, probed.detail).toBe(ok);
        expectNoSecret([probed, logged]);
      }
      await counterpart.settled?.();
      expect(counterpart.seen).toEqual([]);
    });

    function expectNoSecret(said: unknown): void {
      const text = inspect(said, {
        depth: 12,
        showHidden: true,
        maxStringLength: null,
        maxArrayLength: null,
      });
      expect(counterpart.secrets.length).toBeGreaterThan(0);
      for (const secret of counterpart.secrets) expect(text).not.toContain(secret);
    }
  });
}

function toOutcome(error: unknown): Outcome | 'bug' {
  if (error === undefined) return 'delivered';
  if (codeOf(error) === 'destination_gone') return 'gone';
  const kind = kindOfError(error);
  if (kind === 'rejected') return 'rejected';
  if (kind !== 'transient') return 'bug';
  const asked = error instanceof Object && 'retryAfterMs' in error ? error.retryAfterMs : undefined;
  return asked === 7_000 ? 'throttled' : 'transient';
}

/** A masked event of record number `record`; the same arguments give the same bytes. */
export function testEvent(record: number, sequence: number): OutgoingEvent {
  const id = `0198a000-0000-7000-8000-${String(record * 1000 + sequence).padStart(12, '0')}`;
  const subject = `SOK-26-${String(record).padStart(7, '0')}-0`;
  const time = `2026-11-22T09:14:${String(sequence).padStart(2, '0')}.000+03:00`;
  const body = {
    specversion: '1.0',
    id,
    type: 'kapi.record.received.v1',
    source: 'kapi/bursa',
    subject,
    sequence,
    time,
    datacontenttype: 'application/json',
    data: {
      number: subject,
      subject: 'Çukur – Görükle',
      body: 'Şu sokakta çukur var.\nİğne ğüşöç 🕳️',
      event: { name: 'received' },
    },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return { id, type: body.type, subject, sequence, time, profile: 'masked', body: bytes, attempt: 1 };
}
