import type { Urgency } from '../../record/index.ts';
import type { OutgoingEvent } from '../destination.ts';
import type { ForwardWork, Pipeline, Reader, SaveOutcome, Settlement, Store } from '../store.ts';

interface Row {
  readonly destination: string;
  readonly recordId: string;
  readonly work: Omit<ForwardWork, 'token' | 'attempt'>;
  state: 'open' | 'delivered' | 'dead';
  dueAt: number;
  leasedUntil: number;
  token: number;
  attempt: number;
  reason: string;
}

/** The deliveries of a store, in memory: for unit tests of what claims and settles them. */
export interface MemoryDeliveries {
  readonly pipeline: Pick<Pipeline, 'claim' | 'settle'>;
  readonly reader: Pick<Reader, 'queue'>;
  readonly watch: Store['watch'];
  readonly rows: readonly Readonly<Row>[];
  /** Who claimed, in order. */
  readonly actors: readonly string[];
  put(destination: string, record: number, event: OutgoingEvent, urgency?: Urgency): void;
}

const ranks: readonly Urgency[] = ['emergency', 'today', 'urgent', 'normal'];

/** @param now the clock that deliveries are written by */
export function memoryDeliveries(now: () => number): MemoryDeliveries {
  const rows: Row[] = [];
  const actors: string[] = [];
  const listeners = new Set<Parameters<Store['watch']>[0]>();
  let position = 0;

  function hint(destinations: readonly string[]): void {
    for (const listener of listeners) listener({ stages: ['forward'], destinations, position });
  }

  /** Behind an earlier open delivery of the same record and destination. */
  const behind = (row: Row): boolean =>
    rows.some(
      (other) =>
        other.state === 'open' &&
        other.destination === row.destination &&
        other.recordId === row.recordId &&
        other.work.event.sequence < row.work.event.sequence,
    );

  const pipeline: Pick<Pipeline, 'claim' | 'settle'> = {
    async claim(stage, options) {
      if (stage !== 'forward') throw new Error('memory deliveries know the forward stage alone');
      if (options.actor !== undefined) actors.push(options.actor);
      const wanted = options.filter?.urgency;
      const due = rows
        .filter((row) => row.state === 'open' && row.destination === options.destination)
        .filter((row) => row.dueAt <= options.now && row.leasedUntil <= options.now && !behind(row))
        .filter((row) => wanted === undefined || wanted.includes(row.work.urgency))
        .toSorted(
          (a, b) => ranks.indexOf(a.work.urgency) - ranks.indexOf(b.work.urgency) || a.dueAt - b.dueAt,
        )
        .slice(0, options.max);
      return due.map((row) => {
        row.leasedUntil = options.now + options.leaseMs;
        row.token += 1;
        row.attempt += 1;
        return { ...row.work, token: row.token, attempt: row.attempt };
      }) as never;
    },

    async settle(settlements) {
      const outcomes = settlements.map(apply);
      hint([...new Set(rows.map(({ destination }) => destination))]);
      return outcomes;
    },
  };

  function apply({ id, token, ending }: Settlement): SaveOutcome {
    const row = rows.find(({ work }) => work.id === id);
    if (row?.state !== 'open' || row.token !== token || row.leasedUntil <= now()) return { result: 'stale' };
    if (ending.end === 'extend') row.leasedUntil = ending.until;
    else row.leasedUntil = 0;
    if (ending.end === 'done') row.state = 'delivered';
    if (ending.end === 'parked') {
      row.state = 'dead';
      row.reason = `${ending.code}: ${ending.detail}`;
    }
    if (ending.end === 'retry') {
      row.dueAt = ending.at;
      row.reason = ending.reason;
      if (ending.countAttempt === false) row.attempt -= 1;
    }
    return { result: 'saved' };
  }

  return {
    pipeline,
    reader: {
      async queue(destination) {
        const mine = rows.filter((row) => row.destination === destination);
        const count = (test: (row: Row) => boolean) => mine.filter(test).length;
        const ready = mine.filter((row) => row.state === 'open' && !behind(row));
        const of = (urgency: Urgency) => ready.filter(({ work }) => work.urgency === urgency).length;
        return {
          destination,
          ready: ready.length,
          behind: count((row) => row.state === 'open' && behind(row)),
          claimed: count((row) => row.leasedUntil > now()),
          delivered: count((row) => row.state === 'delivered'),
          dead: count((row) => row.state === 'dead'),
          erased: 0,
          byUrgency: {
            emergency: of('emergency'),
            today: of('today'),
            urgent: of('urgent'),
            normal: of('normal'),
          },
        };
      },
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    rows,
    actors,
    put(destination, record, event, urgency = 'normal') {
      const recordId = `record-${record}`;
      const { id, type, subject, sequence, time, profile, body } = event;
      rows.push({
        destination,
        recordId,
        work: {
          id: `${destination}-${record}-${sequence}`,
          destination,
          profile,
          event: {
            id,
            recordId,
            name: 'received',
            sequence,
            version: sequence,
            at: time,
            actor: 'test',
            data: {},
          },
          body,
          subject,
          type,
          createdAt: now(),
          urgency,
        },
        state: 'open',
        dueAt: now(),
        leasedUntil: 0,
        token: 0,
        attempt: 0,
        reason: '',
      });
      position += 1;
      hint([destination]);
    },
  };
}
