import { type Backlog, type Book, type QueueStats, type Urgency, urgencies } from '@kapi/contract';
import { deliveryStates } from './deliveries.ts';

const parts = {
  envelope: ['unread', 'read', 'quarantined', 'erased'],
  item: ['messages', 'statuses', 'ignored', 'repeated', 'failed', 'erased'],
  message: ['settling', 'in-record', 'not-a-case', 'erased'],
} as const;
const deliveryParts = ['delivered', 'pending', 'dead', 'erased'] as const;

/** Where a delivery state stands in its book. */
const deliveryPart = (state: number): (typeof deliveryParts)[number] => {
  const name = deliveryStates[state];
  return name === 'delivered' || name === 'dead' || name === 'erased' ? name : 'pending';
};

const book = (
  unit: Book['unit'],
  total: number,
  names: readonly string[],
  counts: ReadonlyMap<string, number>,
): Book => ({
  unit,
  total,
  parts: Object.fromEntries(names.map((name) => [name, counts.get(name) ?? 0])),
});

/** Adds to one of some counts. */
export const add = (counts: Map<string, number>, name: string, by: number): void => {
  counts.set(name, (counts.get(name) ?? 0) + by);
};

/** The balances, from counters by name. */
export function toBooks(counters: ReadonlyMap<string, number>): readonly Book[] {
  const deliveries = new Map<string, number>();
  for (const [name, value] of counters) {
    const state = /^delivery:\d+:(\d):\d$/.exec(name)?.[1];
    if (state !== undefined) add(deliveries, deliveryPart(Number(state)), value);
  }
  const plain = (['envelope', 'item', 'message'] as const).map((unit) =>
    book(
      unit,
      counters.get(`${unit}.total`) ?? 0,
      parts[unit],
      new Map(parts[unit].map((name) => [name, counters.get(`${unit}.${name}`) ?? 0])),
    ),
  );
  return [...plain, book('delivery', counters.get('delivery.total') ?? 0, deliveryParts, deliveries)];
}

/** What an engine counts row by row for a recount: totals from the keys given out, parts from the states. */
export interface RowCounts {
  readonly envelopes: { readonly total: number; readonly byState: ReadonlyMap<string, number> };
  readonly items: {
    readonly total: number;
    readonly byKind: ReadonlyMap<string, number>;
    /** Those without a row of their own: messages of entrances. */
    readonly own: { readonly alive: number; readonly erased: number };
  };
  readonly messages: { readonly total: number; readonly byState: ReadonlyMap<string, number> };
  readonly deliveries: { readonly total: number; readonly byState: ReadonlyMap<string, number> };
}

const itemNames: Readonly<Record<string, string>> = { message: 'messages', status: 'statuses' };

export function toRecount({ envelopes, items, messages, deliveries }: RowCounts): readonly Book[] {
  const counted = new Map([...items.byKind].map(([kind, n]) => [itemNames[kind] ?? kind, n]));
  add(counted, 'messages', items.own.alive);
  add(counted, 'erased', items.own.erased);
  const byPart = new Map<string, number>();
  for (const [state, n] of deliveries.byState) add(byPart, deliveryPart(Number(state)), n);
  return [
    book('envelope', envelopes.total, parts.envelope, envelopes.byState),
    book('item', items.total, parts.item, counted),
    book('message', messages.total, parts.message, messages.byState),
    book('delivery', deliveries.total, deliveryParts, byPart),
  ];
}

/** Statistics of a queue from its delivery counters and the oldest of what is ready. */
export function toQueueStats(
  destination: string,
  counters: Iterable<readonly [name: string, value: number]>,
  oldestReadyAt: number | undefined,
): QueueStats {
  const byState = new Map<string, number>();
  const byUrgency: Record<Urgency, number> = { emergency: 0, today: 0, urgent: 0, normal: 0 };
  for (const [name, value] of counters) {
    const [, , state = '', priority = ''] = name.split(':');
    add(byState, deliveryStates[Number(state)] ?? '', value);
    const urgency = urgencies[Number(priority)];
    if (urgency && deliveryPart(Number(state)) === 'pending') byUrgency[urgency] += value;
  }
  return {
    destination,
    ready: (byState.get('ready') ?? 0) + (byState.get('waiting') ?? 0),
    behind: byState.get('behind') ?? 0,
    claimed: byState.get('claimed') ?? 0,
    delivered: byState.get('delivered') ?? 0,
    dead: byState.get('dead') ?? 0,
    erased: byState.get('erased') ?? 0,
    ...(oldestReadyAt !== undefined && { oldestReadyAt }),
    byUrgency,
  };
}

/** What waits, from the books and two counts of rows. */
export function toBacklog(
  books: readonly Book[],
  rows: Pick<Backlog, 'partsPending' | 'noticesPending'>,
): Backlog {
  const part = (unit: Book['unit'], name: string): number =>
    books.find((one) => one.unit === unit)?.parts[name] ?? 0;
  return {
    unread: part('envelope', 'unread'),
    settling: part('message', 'settling'),
    deliveriesPending: part('delivery', 'pending'),
    ...rows,
  };
}
