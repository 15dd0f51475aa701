import { integer } from '../../shared/rows.ts';
import { first, type Queries } from '../session.ts';
import type { Writing } from './writing.ts';

// Each of these is one statement, and a transaction by itself: nobody waits for a group's commit.

/** A block of serials; what is not used of it is never given out again. */
export async function reserveNumbers(
  queries: Queries,
  prefix: string,
  year: number,
  count: number,
): Promise<{ first: number; count: number }> {
  const row = await first(
    queries,
    `INSERT INTO number_blocks AS b (prefix, year, next) VALUES ($1, $2, 1 + $3::bigint)
     ON CONFLICT (prefix, year) DO UPDATE SET next = b.next + $3 RETURNING next`,
    [prefix, year, count],
  );
  return { first: integer(row ?? {}, 'next') - count, count };
}

/** One holder per account; the fence grows with each change of holder. */
export async function hold(
  queries: Queries,
  worker: number,
  { account, holder, ttlMs, now }: { account: string; holder: string; ttlMs: number; now: number },
): Promise<{ fence: number } | undefined> {
  const row = await first(
    queries,
    `INSERT INTO leases AS l (account, holder, fence, until, worker) VALUES ($1, $2, 1, $3, $5)
     ON CONFLICT (account) DO UPDATE SET
       fence = CASE WHEN l.until > $4 THEN l.fence ELSE l.fence + 1 END,
       holder = excluded.holder, until = excluded.until, worker = excluded.worker
     WHERE l.until <= $4 OR l.holder = $2
     RETURNING fence`,
    [account, holder, now + ttlMs, now, worker],
  );
  return row && { fence: integer(row, 'fence') };
}

export async function release(queries: Queries, account: string, holder: string): Promise<undefined> {
  await queries.all('UPDATE leases SET until = 0 WHERE account = $1 AND holder = $2', [account, holder]);
  return undefined;
}

/** How far an account's source has been read. */
export const putCursor = (w: Writing, account: string, cursor: string): void =>
  w.send(
    'INSERT INTO cursors (account, cursor) VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET cursor = excluded.cursor',
    [account, cursor],
  );

const claimable = [
  `envelopes SET lease_until = 0 WHERE state = 'unread'`,
  `parts SET lease_until = 0 WHERE state IN ('pending', 'retrying')`,
  'conversations SET lease_until = 0 WHERE due_at IS NOT NULL',
  'notices SET lease_until = 0 WHERE open = 1',
  'timers SET lease_until = 0 WHERE code IS NULL',
];

/**
 * What processes that are gone had in hand need not wait for its lease; `alive` are those that are not.
 * Attempts stay counted. Deliveries that readers of queues took are left alone: those live on elsewhere.
 */
export async function freeClaims(w: Writing, alive: readonly number[]): Promise<void> {
  w.send('UPDATE leases SET until = 0 WHERE until > 0 AND worker <> ALL($1::bigint[])', [alive]);
  for (const rows of claimable)
    w.send(`UPDATE ${rows} AND lease_until > 0 AND worker <> ALL($1::bigint[])`, [alive]);
  const freed = await w.all(
    `UPDATE deliveries SET state = 0, due_at = 0, lease_until = 0, token = token + 1
     WHERE state = 3 AND worker <> 0 AND worker <> ALL($1::bigint[]) RETURNING did, priority`,
    [alive],
  );
  for (const row of freed) {
    w.count(`delivery:${integer(row, 'did')}:3:${integer(row, 'priority')}`, -1);
    w.count(`delivery:${integer(row, 'did')}:0:${integer(row, 'priority')}`, 1);
  }
}
