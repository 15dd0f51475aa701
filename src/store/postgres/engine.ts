import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { failpoint } from '../../contract/failpoint.ts';
import { keyedHash } from '../../sealing/index.ts';
import type { Answer, Command, GroupResult } from '../shared/command.ts';
import type { Hosted } from '../shared/grouping.ts';
import { bytes, type Row, text } from '../shared/rows.ts';
import { isLost, messageOf, passes } from './connect.ts';
import { send } from './session.ts';
import { takeStripe } from './stripes.ts';
import { Group, Redo } from './write/group.ts';
import { type House, Writing } from './write/writing.ts';

export interface EngineOptions {
  readonly pool: pg.Pool;
  readonly house: House;
  /** How long a group waits for a lost server, with growing pauses, before its callers are told. */
  readonly patienceMs: number;
}

const firstPauseMs = 25;
const longestPauseMs = 2000;

/** Longer with each attempt, up to two seconds, and never the same for two processes. */
export const pauseMs = (attempt: number): number =>
  Math.min(longestPauseMs, firstPauseMs * 2 ** attempt) * (0.5 + Math.random() / 2);

type Attempt =
  | { readonly result: GroupResult }
  /** Nothing of it stands: it may be done again. */
  | { readonly again: unknown };

/** What became of a transaction whose COMMIT got no answer. */
type Fate = 'committed' | 'aborted' | 'unknown';

/**
 * Runs groups of commands, each in one transaction, several at a time. A group that a lost connection, a
 * deadlock or a time-out undid is done again; of one whose COMMIT got no answer the server is asked what
 * became of it. Nothing is answered that is not known.
 */
export class PostgresEngine implements Hosted {
  readonly #options: EngineOptions;
  #closed = false;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  run(commands: readonly Command[], done: (result: GroupResult) => void): void {
    void this.#run(commands).then(done);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#options.pool.end();
  }

  async #run(commands: readonly Command[]): Promise<GroupResult> {
    const until = performance.now() + this.#options.patienceMs;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#attempt(commands);
      if ('result' in outcome) return outcome.result;
      if (this.#closed || performance.now() > until)
        return refuse(commands, `The group was not committed: ${messageOf(outcome.again)}`);
      await delay(pauseMs(attempt));
    }
  }

  async #attempt(commands: readonly Command[]): Promise<Attempt> {
    let client: pg.PoolClient;
    try {
      client = await this.#options.pool.connect();
    } catch (thrown) {
      return { again: thrown };
    }
    let outcome: Attempt = { again: undefined };
    try {
      const stripe = await takeStripe(client, this.#options.house.locks.stripes);
      outcome = await this.#transaction(client, stripe, commands, true);
      if ('again' in outcome && outcome.again instanceof Redo)
        outcome = await this.#transaction(client, stripe, commands, false);
    } catch (thrown) {
      outcome = isLost(thrown)
        ? { again: thrown }
        : { result: refuse(commands, `The group was not committed: ${messageOf(thrown)}`) };
    }
    client.release('again' in outcome && isLost(outcome.again));
    return outcome;
  }

  /** @throws where nothing of it stands */
  async #transaction(
    client: pg.PoolClient,
    stripe: number,
    commands: readonly Command[],
    together: boolean,
  ): Promise<Attempt> {
    const w = new Writing(client, this.#options.house, together);
    w.send('BEGIN');
    // Asked before anything is written: positions are given out only to transactions that have a number, and its fate can be asked about.
    const xid = commands.some(({ verb }) => verb !== 'claim') ? transactionId(client) : undefined;
    let answers: readonly Answer[];
    try {
      answers = await new Group(w, together).run(commands);
      await w.finish(stripe);
    } catch (thrown) {
      return this.#undone(client, thrown, together);
    }
    failpoint('before-commit');
    const [settled, commit] = await Promise.allSettled([w.settled(), send(client, 'COMMIT')]);
    failpoint('after-commit-before-reply');
    const result: GroupResult = {
      answers,
      hint: w.takeHint(),
      dropped: [...w.dropped],
      damaged: [...w.damaged],
    };
    // The server answers the COMMIT of a transaction that failed with ROLLBACK.
    if (commit.status === 'fulfilled' && commit.value.command === 'COMMIT') return { result };
    const thrown: unknown =
      settled.status === 'rejected'
        ? settled.reason
        : commit.status === 'rejected'
          ? commit.reason
          : new Error('The transaction was rolled back.');
    if (!isLost(thrown)) return this.#undone(client, thrown, together);
    const fate = await this.#fateOf(await xid, commands, answers);
    if (fate === 'committed') return { result };
    if (fate === 'aborted') return { again: thrown };
    return { result: refuse(commands, `Whether the group was committed is not known: ${messageOf(thrown)}`) };
  }

  async #undone(client: pg.PoolClient, thrown: unknown, together: boolean): Promise<Attempt> {
    if (isLost(thrown)) return { again: thrown };
    await send(client, 'ROLLBACK');
    if (passes(thrown)) return { again: thrown };
    if (together) return { again: thrown instanceof Redo ? thrown : new Redo() };
    throw thrown;
  }

  /** Asks the server, and then for the keys of what would have been accepted: both must say the same. */
  async #fateOf(
    xid: string | undefined,
    commands: readonly Command[],
    answers: readonly Answer[],
  ): Promise<Fate> {
    if (xid === undefined) return 'unknown';
    const until = performance.now() + this.#options.patienceMs;
    for (let attempt = 0; performance.now() < until && !this.#closed; attempt += 1) {
      try {
        const { rows } = await this.#options.pool.query('SELECT pg_xact_status($1::xid8) AS status', [xid]);
        const status: unknown = rows[0]?.status;
        if (status === 'aborted') return 'aborted';
        if (status === 'committed')
          return (await this.#keysStand(commands, answers)) ? 'committed' : 'unknown';
        if (status !== 'in progress') return 'unknown';
      } catch {
        // Not there yet.
      }
      await delay(pauseMs(attempt));
    }
    return 'unknown';
  }

  async #keysStand(commands: readonly Command[], answers: readonly Answer[]): Promise<boolean> {
    const hashes = acceptedHashes(this.#options.house, commands, answers);
    if (hashes.length === 0) return true;
    const { rows } = await this.#options.pool.query(
      'SELECT hash FROM envelope_keys WHERE hash = ANY($1::bytea[])',
      [hashes],
    );
    const known = new Set(rows.map((row: Row) => Buffer.from(bytes(row, 'hash')).toString('base64')));
    return hashes.every((hash) => known.has(hash.toString('base64')));
  }
}

function acceptedHashes(
  { ring }: House,
  commands: readonly Command[],
  answers: readonly Answer[],
): readonly Buffer[] {
  return commands.flatMap((command, index) => {
    const answer = answers[index];
    if (command.verb !== 'accept' || !answer || !('value' in answer)) return [];
    return command.entries.map(({ envelope, key }) => keyedHash(ring, `envelope:${envelope.account}`, key));
  });
}

const transactionId = (client: pg.PoolClient): Promise<string | undefined> =>
  send(client, 'SELECT pg_current_xact_id()::text AS xid').then(
    ({ rows }) => text(rows[0] ?? {}, 'xid'),
    () => undefined,
  );

const refuse = (commands: readonly Command[], message: string): GroupResult => ({
  answers: commands.map(() => ({ error: { code: 'store_unavailable', message } })),
  hint: undefined,
  dropped: [],
  damaged: [],
});
