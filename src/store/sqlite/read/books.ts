import type { Backlog, Book, QueueStats, Urgency } from '@kapi/contract';
import { urgencies } from '@kapi/contract';
import type { Connection } from '../connection.ts';
import { integer, text } from '../rows.ts';
import { deliveryStates } from '../write/deliveries.ts';

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

const add = (counts: Map<string, number>, name: string, by: number): void => {
  counts.set(name, (counts.get(name) ?? 0) + by);
};

/** The balances as the counters say, which move in the transaction of what they count. */
export function books(connection: Connection): readonly Book[] {
  const counters = new Map(
    connection
      .all('SELECT name, value FROM counters')
      .map((row) => [text(row, 'name'), integer(row, 'value')]),
  );
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

/** The same balances counted from the rows: total from the keys given out, parts from the states. */
export function recount(connection: Connection): readonly Book[] {
  // All counts see the same commit.
  connection.db.exec('BEGIN');
  try {
    return counted(connection);
  } finally {
    connection.db.exec('COMMIT');
  }
}

function counted(connection: Connection): readonly Book[] {
  const grouped = (sql: string): Map<string, number> =>
    new Map(connection.all(sql).map((row) => [String(row.part), integer(row, 'n')]));
  const total = (sql: string): number => integer(connection.get(sql) ?? {}, 'n');
  const itemNames: Readonly<Record<string, string>> = { message: 'messages', status: 'statuses' };
  const items = new Map(
    [...grouped('SELECT kind AS part, count(*) AS n FROM items GROUP BY kind')].map(([kind, n]) => [
      itemNames[kind] ?? kind,
      n,
    ]),
  );
  for (const [state, n] of grouped(
    `SELECT state AS part, count(*) AS n FROM envelope_keys JOIN messages USING (mid) GROUP BY state = 'erased'`,
  ))
    add(items, state === 'erased' ? 'erased' : 'messages', n);
  const deliveries = new Map<string, number>();
  for (const [state, n] of grouped('SELECT state AS part, count(*) AS n FROM deliveries GROUP BY state'))
    add(deliveries, deliveryPart(Number(state)), n);
  return [
    book(
      'envelope',
      total('SELECT count(*) AS n FROM envelope_keys'),
      parts.envelope,
      grouped('SELECT state AS part, count(*) AS n FROM envelopes GROUP BY state'),
    ),
    book(
      'item',
      total('SELECT (SELECT count(*) FROM items) + (SELECT count(mid) FROM envelope_keys) AS n'),
      parts.item,
      items,
    ),
    book(
      'message',
      total('SELECT (SELECT count(mid) FROM item_keys) + (SELECT count(mid) FROM envelope_keys) AS n'),
      parts.message,
      grouped('SELECT state AS part, count(*) AS n FROM messages GROUP BY state'),
    ),
    book('delivery', total('SELECT count(*) AS n FROM deliveries'), deliveryParts, deliveries),
  ];
}

export function queueStats(connection: Connection, destination: string): QueueStats {
  const known = connection.get('SELECT did FROM destinations WHERE name = ?', destination);
  const did = known ? integer(known, 'did') : -1;
  const byState = new Map<string, number>();
  const byUrgency: Record<Urgency, number> = { emergency: 0, today: 0, urgent: 0, normal: 0 };
  for (const row of connection.all(
    'SELECT name, value FROM counters WHERE name GLOB ?',
    `delivery:${did}:*`,
  )) {
    const [, , state = '', priority = ''] = text(row, 'name').split(':');
    const name = deliveryStates[Number(state)] ?? '';
    add(byState, name, integer(row, 'value'));
    const urgency = urgencies[Number(priority)];
    if (urgency && deliveryPart(Number(state)) === 'pending') byUrgency[urgency] += integer(row, 'value');
  }
  const oldest = [0, 1, 2, 3].flatMap((priority) => {
    const row = connection.get(
      'SELECT created_at FROM deliveries INDEXED BY deliveries_ready WHERE did = ? AND priority = ? AND state = 0 ORDER BY id LIMIT 1',
      did,
      priority,
    );
    return row ? [integer(row, 'created_at')] : [];
  });
  return {
    destination,
    ready: (byState.get('ready') ?? 0) + (byState.get('waiting') ?? 0),
    behind: byState.get('behind') ?? 0,
    claimed: byState.get('claimed') ?? 0,
    delivered: byState.get('delivered') ?? 0,
    dead: byState.get('dead') ?? 0,
    erased: byState.get('erased') ?? 0,
    ...(oldest.length > 0 && { oldestReadyAt: Math.min(...oldest) }),
    byUrgency,
  };
}

export function backlog(connection: Connection): Backlog {
  const all = books(connection);
  const part = (unit: Book['unit'], name: string): number =>
    all.find((one) => one.unit === unit)?.parts[name] ?? 0;
  const count = (sql: string): number => integer(connection.get(sql) ?? {}, 'n');
  return {
    unread: part('envelope', 'unread'),
    settling: part('message', 'settling'),
    partsPending: count(`SELECT count(*) AS n FROM parts WHERE state IN ('pending', 'retrying')`),
    deliveriesPending: part('delivery', 'pending'),
    noticesPending: count('SELECT count(*) AS n FROM notices WHERE open = 1'),
  };
}
