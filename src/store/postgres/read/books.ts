import type { Backlog, Book, QueueStats } from '@kapi/contract';
import { toBacklog, toBooks, toQueueStats, toRecount } from '../../shared/books.ts';
import { integer, maybeInteger, text } from '../../shared/rows.ts';
import { first, numberOf, type Queries } from '../session.ts';

/** The balances as the counters say, which move in the transaction of what they count. */
export const books = async (queries: Queries): Promise<readonly Book[]> =>
  toBooks(await counters(queries, '%'));

/** Sums over the stripes. */
const counters = async (queries: Queries, like: string): Promise<ReadonlyMap<string, number>> =>
  new Map(
    (
      await queries.all(
        'SELECT name, sum(value)::bigint AS value FROM counters WHERE name LIKE $1 GROUP BY name',
        [like],
      )
    ).map((row) => [text(row, 'name'), integer(row, 'value')]),
  );

/** The same balances counted from the rows; `queries` see one moment. */
export async function recount(queries: Queries): Promise<readonly Book[]> {
  const grouped = async (sql: string): Promise<ReadonlyMap<string, number>> =>
    new Map((await queries.all(sql)).map((row) => [String(row.part), integer(row, 'n')]));
  const total = (sql: string): Promise<number> => numberOf(queries, sql);
  const own = await grouped(
    `SELECT state = 'erased' AS part, count(*) AS n FROM envelope_keys JOIN messages USING (mid) GROUP BY 1`,
  );
  return toRecount({
    envelopes: {
      total: await total('SELECT count(*) AS n FROM envelope_keys'),
      byState: await grouped('SELECT state AS part, count(*) AS n FROM envelopes GROUP BY state'),
    },
    items: {
      total: await total('SELECT (SELECT count(*) FROM items) + (SELECT count(mid) FROM envelope_keys) AS n'),
      byKind: await grouped('SELECT kind AS part, count(*) AS n FROM items GROUP BY kind'),
      own: { alive: own.get('false') ?? 0, erased: own.get('true') ?? 0 },
    },
    messages: {
      total: await total(
        'SELECT (SELECT count(mid) FROM item_keys) + (SELECT count(mid) FROM envelope_keys) AS n',
      ),
      byState: await grouped('SELECT state AS part, count(*) AS n FROM messages GROUP BY state'),
    },
    deliveries: {
      total: await total('SELECT count(*) AS n FROM deliveries'),
      byState: await grouped('SELECT state AS part, count(*) AS n FROM deliveries GROUP BY state'),
    },
  });
}

export async function queueStats(queries: Queries, destination: string): Promise<QueueStats> {
  const row = await first(queries, 'SELECT did FROM destinations WHERE name = $1', [destination]);
  const did = row ? integer(row, 'did') : -1;
  const oldest = await Promise.all(
    [0, 1, 2, 3].map((priority) =>
      first(
        queries,
        'SELECT created_at FROM deliveries WHERE did = $1 AND priority = $2 AND state = 0 ORDER BY id LIMIT 1',
        [did, priority],
      ),
    ),
  );
  const moments = oldest.flatMap((found) => (found ? (maybeInteger(found, 'created_at') ?? []) : []));
  return toQueueStats(
    destination,
    await counters(queries, `delivery:${did}:%`),
    moments.length > 0 ? Math.min(...moments) : undefined,
  );
}

export const backlog = async (queries: Queries): Promise<Backlog> =>
  toBacklog(await books(queries), {
    partsPending: await numberOf(
      queries,
      `SELECT count(*) AS n FROM parts WHERE state IN ('pending', 'retrying')`,
    ),
    noticesPending: await numberOf(queries, 'SELECT count(*) AS n FROM notices WHERE open = 1'),
  });
