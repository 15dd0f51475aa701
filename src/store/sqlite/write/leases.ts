import { integer, text } from '../../shared/rows.ts';
import { moveDelivery } from './deliveries.ts';
import type { Writing } from './writing.ts';

/** A block of serials; what is not used of it is never given out again. */
export function reserveNumbers(
  w: Writing,
  prefix: string,
  year: number,
  count: number,
): { first: number; count: number } {
  const row = w.connection.get(
    `INSERT INTO number_blocks (prefix, year, next) VALUES (?1, ?2, 1 + ?3)
     ON CONFLICT DO UPDATE SET next = next + ?3 RETURNING next`,
    prefix,
    year,
    count,
  );
  if (!row) throw new Error('A block of numbers was not reserved.');
  return { first: integer(row, 'next') - count, count };
}

/** One holder per account; the fence grows with each change of holder. */
export function hold(
  w: Writing,
  { account, holder, ttlMs, now }: { account: string; holder: string; ttlMs: number; now: number },
): { fence: number } | undefined {
  const row = w.connection.get('SELECT holder, fence, until FROM leases WHERE account = ?', account);
  const same = row && text(row, 'holder') === holder;
  const live = row && integer(row, 'until') > now;
  if (live && !same) return undefined;
  const fence = live ? integer(row, 'fence') : (row ? integer(row, 'fence') : 0) + 1;
  w.connection.run(
    `INSERT INTO leases (account, holder, fence, until) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET holder = excluded.holder, fence = excluded.fence, until = excluded.until`,
    account,
    holder,
    fence,
    now + ttlMs,
  );
  return { fence };
}

export function release(w: Writing, account: string, holder: string): undefined {
  w.connection.run('UPDATE leases SET until = 0 WHERE account = ? AND holder = ?', account, holder);
  return undefined;
}

/** How far an account's source has been read. */
export function putCursor(w: Writing, account: string, cursor: string): void {
  w.connection.run(
    'INSERT INTO cursors (account, cursor) VALUES (?, ?) ON CONFLICT DO UPDATE SET cursor = excluded.cursor',
    account,
    cursor,
  );
}

const claimable = [
  `envelopes SET lease_until = 0 WHERE state = 'unread'`,
  `parts SET lease_until = 0 WHERE state IN ('pending', 'retrying')`,
  'conversations SET lease_until = 0 WHERE due_at IS NOT NULL',
  'notices SET lease_until = 0 WHERE open = 1',
  'timers SET lease_until = 0 WHERE code IS NULL',
];

/**
 * At the start: a data folder has one process at a time, so whoever held an account or worked on a row
 * before is gone, and what it had in hand need not wait for its lease. Attempts stay counted. Deliveries
 * that readers of queues took are left alone: those live on elsewhere.
 */
export function freeClaims(w: Writing): void {
  w.begin();
  w.connection.run('BEGIN IMMEDIATE');
  w.connection.run('UPDATE leases SET until = 0');
  for (const rows of claimable) w.connection.run(`UPDATE ${rows} AND lease_until > 0`);
  w.item(() => {
    for (const row of w.connection.all(
      'SELECT id, did, priority, state FROM deliveries WHERE state = 3 AND outside = 0',
    ))
      moveDelivery(w, row, 'ready');
  });
  w.writeCounters();
  w.connection.run('COMMIT');
}
