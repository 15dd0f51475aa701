import type { Backlog, Book, QueueStats } from '@kapi/contract';
import { toBacklog, toBooks, toQueueStats, toRecount } from '../../shared/books.ts';
import { integer, text } from '../../shared/rows.ts';
import type { Connection } from '../connection.ts';

/** The balances as the counters say, which move in the transaction of what they count. */
export const books = (connection: Connection): readonly Book[] =>
  toBooks(
    new Map(
      connection
        .all('SELECT name, value FROM counters')
        .map((row) => [text(row, 'name'), integer(row, 'value')]),
    ),
  );

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
  const grouped = (sql: string): ReadonlyMap<string, number> =>
    new Map(connection.all(sql).map((row) => [String(row.part), integer(row, 'n')]));
  const total = (sql: string): number => integer(connection.get(sql) ?? {}, 'n');
  const own = grouped(
    `SELECT state = 'erased' AS part, count(*) AS n FROM envelope_keys JOIN messages USING (mid) GROUP BY state = 'erased'`,
  );
  return toRecount({
    envelopes: {
      total: total('SELECT count(*) AS n FROM envelope_keys'),
      byState: grouped('SELECT state AS part, count(*) AS n FROM envelopes GROUP BY state'),
    },
    items: {
      total: total('SELECT (SELECT count(*) FROM items) + (SELECT count(mid) FROM envelope_keys) AS n'),
      byKind: grouped('SELECT kind AS part, count(*) AS n FROM items GROUP BY kind'),
      own: { alive: own.get('0') ?? 0, erased: own.get('1') ?? 0 },
    },
    messages: {
      total: total('SELECT (SELECT count(mid) FROM item_keys) + (SELECT count(mid) FROM envelope_keys) AS n'),
      byState: grouped('SELECT state AS part, count(*) AS n FROM messages GROUP BY state'),
    },
    deliveries: {
      total: total('SELECT count(*) AS n FROM deliveries'),
      byState: grouped('SELECT state AS part, count(*) AS n FROM deliveries GROUP BY state'),
    },
  });
}

export function queueStats(connection: Connection, destination: string): QueueStats {
  const known = connection.get('SELECT did FROM destinations WHERE name = ?', destination);
  const did = known ? integer(known, 'did') : -1;
  const counters = connection
    .all('SELECT name, value FROM counters WHERE name GLOB ?', `delivery:${did}:*`)
    .map((row) => [text(row, 'name'), integer(row, 'value')] as const);
  const oldest = [0, 1, 2, 3].flatMap((priority) => {
    const row = connection.get(
      'SELECT created_at FROM deliveries INDEXED BY deliveries_ready WHERE did = ? AND priority = ? AND state = 0 ORDER BY id LIMIT 1',
      did,
      priority,
    );
    return row ? [integer(row, 'created_at')] : [];
  });
  return toQueueStats(destination, counters, oldest.length > 0 ? Math.min(...oldest) : undefined);
}

export const backlog = (connection: Connection): Backlog =>
  toBacklog(books(connection), {
    partsPending: integer(
      connection.get(`SELECT count(*) AS n FROM parts WHERE state IN ('pending', 'retrying')`) ?? {},
      'n',
    ),
    noticesPending: integer(connection.get('SELECT count(*) AS n FROM notices WHERE open = 1') ?? {}, 'n'),
  });
