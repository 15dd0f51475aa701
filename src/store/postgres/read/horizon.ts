import { setTimeout as delay } from 'node:timers/promises';
import { text } from '../../shared/rows.ts';
import { first, numberOf, type Queries } from '../session.ts';

const mostMs = 1000;
const stepMs = 3;

/**
 * The position up to which the stream is final. Positions are given out before their commits, so a higher
 * one may be seen while a lower one is still on its way. Whoever was given one so far has a transaction
 * number already: once all transactions of this database that have one now are over, nothing at or below
 * the position given out last can appear any more.
 */
export class Horizon {
  readonly #queries: Queries;
  #final = 0;

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  async final(): Promise<number> {
    const given = await numberOf(
      this.#queries,
      'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM positions',
    );
    // After the position, never before: who is given one later may be missing here.
    const row = await first(this.#queries, 'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next');
    const next = text(row ?? {}, 'next');
    for (const until = performance.now() + mostMs; performance.now() < until; await delay(stepMs)) {
      if ((await numberOf(this.#queries, writingSql, [next])) > 0) continue;
      this.#final = Math.max(this.#final, given);
      break;
    }
    return this.#final;
  }
}

/** Transactions of this database with a number below the given one; a number holds its own lock until its end is visible. */
const writingSql = `SELECT count(*) AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND a.datname = current_database()
    AND (($1::bigint - l.transactionid::text::bigint) & 4294967295) BETWEEN 1 AND 2147483648`;
