import { setTimeout as delay } from 'node:timers/promises';
import type { CommitHint, Stage } from '@kapi/contract';
import type pg from 'pg';
import { integer } from '../shared/rows.ts';
import { pauseMs } from './engine.ts';
import { send } from './session.ts';

export interface PresenceOptions {
  readonly connect: () => Promise<pg.Client>;
  readonly channel: string;
  /** First half of the advisory locks by which living processes are told from dead ones. */
  readonly lock: number;
  readonly onNews: (news: News) => void;
  /** The line was down: what came meanwhile was not heard. */
  readonly onGap: () => void;
}

/** What one process tells the others after a commit. */
export interface News {
  readonly hint?: CommitHint;
  /** API keys have been made or revoked. */
  readonly keys?: boolean;
}

interface Payload {
  readonly worker: number;
  readonly stages: readonly Stage[];
  readonly destinations: readonly string[];
  readonly position: number;
  readonly keys: boolean;
}

/** A payload holds 8,000 bytes; names of destinations have at most 63 characters. */
const namesPerPayload = 100;

/**
 * This process among those of the database: a connection of its own that holds the lock of its number for
 * as long as it lives, tells the others what became claimable, and hears them. What is told is a hint,
 * sent after the commit so that no commit waits for another's; a hint that is lost is made up for by polling.
 */
export class Presence {
  readonly #options: PresenceOptions;
  #client: pg.Client | undefined;
  #closed = false;
  #telling = false;
  #stages = new Set<Stage>();
  #destinations = new Set<string>();
  #position = 0;
  #keys = false;
  #worker = 0;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  get worker(): number {
    return this.#worker;
  }

  async open(): Promise<void> {
    const client = await this.#options.connect();
    this.#client = client;
    client.once('end', () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      void this.#reopen();
    });
    client.on('notification', ({ payload }) => this.#heard(payload ?? ''));
    if (this.#worker === 0) {
      const { rows } = await send(client, `SELECT nextval('workers') AS worker`);
      this.#worker = integer(rows[0] ?? {}, 'worker');
    }
    await send(client, 'SELECT pg_advisory_lock($1::int, $2::int)', [this.#options.lock, this.#worker]);
    await client.query(`LISTEN "${this.#options.channel}"`);
  }

  async #reopen(): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt += 1) {
      try {
        await this.open();
        this.#options.onGap();
        return;
      } catch {
        await delay(pauseMs(attempt), undefined, { ref: false });
      }
    }
  }

  /** Numbers of the processes that live. */
  async alive(): Promise<readonly number[]> {
    if (!this.#client) return [this.#worker];
    const { rows } = await send(
      this.#client,
      `SELECT objid::bigint AS worker FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
         AND classid::bigint = ($1::bigint & 4294967295) AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [this.#options.lock],
    );
    return rows.map((row) => integer(row, 'worker'));
  }

  /** Tells the others; what comes while one message is on its way joins the next. */
  tell({ hint, keys }: News): void {
    for (const stage of hint?.stages ?? []) this.#stages.add(stage);
    for (const name of hint?.destinations ?? []) this.#destinations.add(name);
    this.#position = Math.max(this.#position, hint?.position ?? 0);
    this.#keys ||= keys === true;
    if (!this.#telling) void this.#send();
  }

  async #send(): Promise<void> {
    this.#telling = true;
    try {
      while (this.#client && (this.#stages.size > 0 || this.#destinations.size > 0 || this.#keys))
        await this.#sendNext(this.#client);
    } catch {
      // Polling finds what was not told.
    } finally {
      this.#telling = false;
    }
  }

  async #sendNext(client: pg.Client): Promise<void> {
    const destinations = [...this.#destinations].slice(0, namesPerPayload);
    const payload: Payload = {
      worker: this.#worker,
      stages: [...this.#stages],
      destinations,
      position: this.#position,
      keys: this.#keys,
    };
    this.#stages.clear();
    for (const name of destinations) this.#destinations.delete(name);
    this.#keys = false;
    await send(client, 'SELECT pg_notify($1, $2)', [this.#options.channel, JSON.stringify(payload)]);
  }

  #heard(text: string): void {
    const payload: Payload = JSON.parse(text);
    if (payload.worker === this.#worker) return;
    const { stages, destinations, position, keys } = payload;
    this.#options.onNews({ hint: { stages, destinations, position }, keys });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }
}
