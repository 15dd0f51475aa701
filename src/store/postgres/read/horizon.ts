import { setTimeout as delay } from 'node:timers/promises';
import { text } from '../../shared/rows.ts';
import { numberOf, type Queries } from '../session.ts';

const mostMs = 1000;
const stepMs = 3;

/**
 * The position up to which the stream is final. Positions are given out before their commits, so a higher
 * one may be seen while a lower one is still on its way. Whoever was given one so far holds the lock of its
 * transaction number until its end is visible: once all who hold one now are over, nothing at or below the
 * position given out last can appear any more. The locks are asked for and not a snapshot, whose upper bound
 * leaves out transactions that began before the last one that ended.
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
    let writing = await this.#writing();
    const before = new Set(writing);
    for (const until = performance.now() + mostMs; writing.length > 0; ) {
      if (performance.now() > until) return this.#final;
      await delay(stepMs);
      writing = (await this.#writing()).filter((xid) => before.has(xid));
    }
    this.#final = Math.max(this.#final, given);
    return this.#final;
  }

  async #writing(): Promise<readonly string[]> {
    return (await this.#queries.all(writingSql)).map((row) => text(row, 'xid'));
  }
}

/** Numbers of the transactions of this database that are writing. */
const writingSql = `SELECT l.transactionid::text AS xid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND a.datname = current_database()`;
