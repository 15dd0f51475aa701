import type { ClientBase } from 'pg';
import { integer } from '../shared/rows.ts';
import { send } from './session.ts';

const stripes = 1024;
const taken = new WeakMap<ClientBase, number>();

/**
 * The stripe of the books' counters that this connection alone moves for as long as it lives: no writer
 * waits for the counters of another.
 */
export async function takeStripe(client: ClientBase, lock: number): Promise<number> {
  const known = taken.get(client);
  if (known !== undefined) return known;
  const { rows } = await send(
    client,
    'SELECT n FROM generate_series(0, $2::int - 1) AS n WHERE pg_try_advisory_lock($1::int, n) LIMIT 1',
    [lock, stripes],
  );
  const stripe = integer(rows[0] ?? {}, 'n');
  taken.set(client, stripe);
  return stripe;
}
