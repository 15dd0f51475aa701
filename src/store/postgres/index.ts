import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CommitHint,
  ConfigError,
  codeOf,
  type Stage,
  type Store,
  type Timers,
  TransientError,
} from '@kapi/contract';
import type pg from 'pg';
import { failpoint } from '../../contract/failpoint.ts';
import { isKeyFile, type KeyRing, writeKeyRing } from '../../sealing/index.ts';
import { type FileBlobs, openFileBlobs } from '../blobs/files.ts';
import type { GroupResult, RewrapPosition, RewrapStep } from '../shared/command.ts';
import { Grouping } from '../shared/grouping.ts';
import { createPipeline } from '../shared/pipeline.ts';
import { clientOptions, isLost, isRefused, loadPg, messageOf, type Pg } from './connect.ts';
import { Destinations } from './destinations.ts';
import { PostgresEngine, pauseMs } from './engine.ts';
import { Ids } from './ids.ts';
import { locksOf } from './locks.ts';
import { migrate } from './migrate.ts';
import { Presence } from './presence.ts';
import { ApiKeys } from './read/api-keys.ts';
import { createReader, referencedBlobs } from './read/reader.ts';
import { faultsOf, remarksOf, serverSettings } from './server.ts';
import { type Queries, send } from './session.ts';
import { takeStripe } from './stripes.ts';
import { checkKeys } from './write/keys.ts';
import { freeClaims, hold, release, reserveNumbers } from './write/leases.ts';
import { type House, Writing } from './write/writing.ts';

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:5432/database`; every gateway of a database as the same user. */
  readonly url: string;
  /** Absent: the first schema of the search path. */
  readonly schema?: string;
  /** Where the blobs are. */
  readonly dataDir: string;
  /** Name in `source` of outgoing events. */
  readonly institution: string;
  /** From `loadKeyRing`; the same for every gateway of a database. */
  readonly keys: KeyRing;
  /** Called once where the store cannot go on: the process must exit. */
  readonly onFatal: (error: Error) => void;
  /** Called for each row that could not be opened and was parked alone. */
  readonly onDamage?: (detail: string) => void;
  /** How long work waits for a lost server before its callers are told; 10 s. */
  readonly patienceMs?: number;
}

export interface PostgresStore extends Store {
  readonly blobs: FileBlobs;
  /**
   * Wraps every data key anew: with a fresh key added to the key file, while this gateway is the only one, or,
   * where the keys come from elsewhere, with the last one given there, which all gateways must know by then.
   * Counts the rewrapped. @throws ConfigError `config_invalid`
   */
  rotateKey(): Promise<number>;
  /** Drops blobs that no row refers to any more; once a day is enough. */
  sweepBlobs(): Promise<number>;
  /** Makes the partitions of the coming months; once a day is more than enough. */
  keepPartitions(now?: number): Promise<void>;
}

/** Groups under way, each on a connection of its own. */
const lanes = 3;
/** More commands than this are shared out among the lanes: the server works on several groups at once. */
const maxCommands = 32;
const readers = 4;
const dayMs = 86_400_000;
const everyStage: readonly Stage[] = ['read', 'fetch', 'assemble', 'forward', 'notify', 'timer'];

/**
 * The store for several gateways at once: a PostgreSQL database, and `blobs/` in the data folder.
 * @throws ConfigError `missing_dependency`, `config_invalid`, `schema_newer`, `key_missing`
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const module = await loadPg();
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const settings = clientOptions(module, options);
  const connections = new Connections(module, settings, options.patienceMs ?? 10_000);
  try {
    return await assemble(options, connections);
  } catch (thrown) {
    await connections.close();
    if (isLost(thrown))
      throw new TransientError('store_unavailable', `The database does not answer: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    if (isRefused(thrown))
      throw new ConfigError('config_invalid', `store.url: the server refuses it: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    if (codeOf(thrown) === 'key_missing' && thrown instanceof Error && !(thrown instanceof ConfigError))
      throw new ConfigError('key_missing', thrown.message, { cause: thrown });
    throw thrown;
  }
}

/** The pools of a store and connections beside them. */
class Connections implements Queries {
  readonly writers: pg.Pool;
  readonly #readers: pg.Pool;
  readonly #module: Pg;
  readonly #settings: pg.ClientConfig;
  readonly patienceMs: number;
  #closed = false;

  constructor(module: Pg, settings: pg.ClientConfig, patienceMs: number) {
    this.#module = module;
    this.#settings = settings;
    this.patienceMs = patienceMs;
    this.writers = this.#pool(lanes * 2);
    this.#readers = this.#pool(readers);
  }

  #pool(max: number): pg.Pool {
    const pool = new this.#module.Pool({ ...this.#settings, max, idleTimeoutMillis: 60_000 });
    pool.on('error', () => undefined);
    // A connection that breaks tells whoever asks next; nobody else need hear it.
    pool.on('connect', (client) => client.on('error', () => undefined));
    return pool;
  }

  async single(): Promise<pg.Client> {
    const client = new this.#module.Client(this.#settings);
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** One question on any connection, asked again while the server is away. */
  async all(sql: string, values: readonly unknown[] = []) {
    return this.patiently(async () => (await send(this.#readers, sql, values)).rows);
  }

  /** Several questions that see one moment. */
  atOnce<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return this.patiently(async () => {
      const client = await this.#readers.connect();
      let broken = true;
      try {
        await client.query(
          'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0',
        );
        const result = await work({ all: async (sql, values) => (await send(client, sql, values)).rows });
        await client.query('COMMIT');
        broken = false;
        return result;
      } finally {
        client.release(broken);
      }
    });
  }

  /** Again and again while the server is away, with growing pauses. @throws TransientError `store_unavailable` */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    const until = performance.now() + this.patienceMs;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (thrown) {
        if (!isLost(thrown)) throw thrown;
        if (this.#closed || performance.now() > until)
          throw new TransientError('store_unavailable', 'The database does not answer.', { cause: thrown });
        await delay(pauseMs(attempt));
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([this.writers.ended ? undefined : this.writers.end(), this.#readers.end()]);
  }
}

async function prepare(options: PostgresStoreOptions, connections: Connections) {
  const client = await connections.single();
  try {
    const one: Queries = { all: async (sql, values) => (await send(client, sql, values)).rows };
    const [row] = await one.all('SELECT current_schema() AS schema, current_database() AS database');
    if (typeof row?.schema !== 'string')
      throw new ConfigError('config_invalid', 'The schema of the store does not exist in the database.');
    const faults = faultsOf(await serverSettings(one));
    if (faults.length > 0)
      throw new ConfigError(
        'config_invalid',
        `The PostgreSQL server would lose accepted messages: ${faults.join(' ')}`,
      );
    const locks = locksOf(row.schema);
    const newest = await migrate(client, locks.schema, Date.now());
    const key = await checkKeys(one, options.keys);
    return { locks, newest, key, channel: `kapi_${row.schema}`.slice(0, 63) };
  } finally {
    await client.end();
  }
}

async function assemble(options: PostgresStoreOptions, connections: Connections): Promise<PostgresStore> {
  const { locks, newest, key, channel } = await connections.patiently(() => prepare(options, connections));
  const listeners = new Set<(hint: CommitHint) => void>();
  const apiKeys = new ApiKeys();
  const tellHere = (hint: CommitHint): void => {
    for (const listener of listeners) listener(hint);
  };
  const destinations = new Destinations(connections);
  await destinations.load();
  const presence = new Presence({
    connect: () => connections.single(),
    channel,
    lock: locks.workers,
    onNews: ({ hint, keys }) => {
      if (keys) apiKeys.forget();
      if (hint) tellHere(hint);
    },
    onGap: () => {
      apiKeys.forget();
      tellHere({ stages: everyStage, destinations: destinations.names(), position: 0 });
    },
  });
  await presence.open();
  const ids = new Ids(newest);
  const house: House = {
    ring: options.keys,
    key,
    institution: options.institution,
    worker: presence.worker,
    ids,
    locks,
    destinations,
  };
  await freeAbandoned(connections, house, await presence.alive());

  const blobs = openFileBlobs(join(options.dataDir, 'blobs'), options.keys);
  const referenced = (asked: readonly string[]) => referencedBlobs(connections, asked);
  const engine = new PostgresEngine({ pool: connections.writers, house, patienceMs: connections.patienceMs });
  const grouping = new Grouping(engine, { maxInFlight: lanes, maxCommands }, (result: GroupResult) => {
    for (const detail of result.damaged) options.onDamage?.(detail);
    if (result.hint) {
      tellHere(result.hint);
      presence.tell({ hint: result.hint });
    }
    if (result.dropped.length > 0)
      void blobs.dropUnreferenced(result.dropped, referenced).catch(() => undefined);
  });
  const loadBody = async (blobId: string): Promise<Uint8Array> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of blobs.open(blobId)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  const pipeline = createPipeline(grouping, blobs, loadBody, () => {
    apiKeys.forget();
    presence.tell({ keys: true });
  });
  const timers: Timers = {
    hold: (account, holder, ttlMs, now) => hold(connections, house.worker, { account, holder, ttlMs, now }),
    release: (account, holder) => release(connections, account, holder),
  };
  const keepPartitions = async (now = Date.now()): Promise<void> => {
    const client = await connections.single();
    try {
      ids.useMonths(await migrate(client, locks.schema, now));
    } finally {
      await client.end();
    }
  };
  const daily = setInterval(() => void keepPartitions().catch(() => undefined), dayMs);
  daily.unref();

  let closing: Promise<void> | undefined;
  let current = options.keys;
  return {
    pipeline: {
      ...pipeline,
      reserveNumbers: (prefix, year, count) => reserveNumbers(connections, prefix, year, count),
    },
    reader: createReader({
      queries: connections,
      atOnce: (work) => connections.atOnce(work),
      house,
      apiKeys,
      loadBody,
    }),
    timers,
    blobs,
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      closing ??= (async () => {
        clearInterval(daily);
        await grouping.close();
        await presence.close();
        await connections.close();
      })();
      return closing;
    },
    rotateKey: async () => {
      if (isKeyFile(options.dataDir, current)) {
        if ((await presence.alive()).length > 1)
          throw new ConfigError(
            'config_invalid',
            'Other gateways use this database and would not know a fresh key: stop them, or give all of them the keys by KAPI_SEALING_KEY.',
          );
        current = current.withNewKey();
        writeKeyRing(options.dataDir, current);
        failpoint('before-rewrap');
      }
      let rewrapped = 0;
      for (let after: RewrapPosition | undefined = { table: 'records', row: 0 }; after; ) {
        const step: RewrapStep = await grouping.run({
          verb: 'rewrap',
          keys: current.toText(),
          after,
          max: 500,
        });
        rewrapped += step.rewrapped;
        failpoint('mid-rewrap');
        after = step.next;
      }
      return rewrapped;
    },
    sweepBlobs: () => blobs.sweep(referenced),
    keepPartitions,
  };
}

/** In a transaction of its own, before anything else is asked of this process. */
async function freeAbandoned(
  connections: Connections,
  house: House,
  alive: readonly number[],
): Promise<void> {
  const client = await connections.writers.connect();
  try {
    const stripe = await takeStripe(client, house.locks.stripes);
    const w = new Writing(client, house, true);
    w.send('BEGIN');
    await freeClaims(w, alive);
    await w.finish(stripe);
    w.send('COMMIT');
    await w.settled();
  } finally {
    client.release();
  }
}

/** What `kapi doctor` says of the server. */
export async function judgeServer(
  options: Pick<PostgresStoreOptions, 'url' | 'schema'>,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const module = await loadPg();
  const client = new module.Client(clientOptions(module, options));
  client.on('error', () => undefined);
  await client.connect();
  try {
    const settings = await serverSettings({
      all: async (sql, values) => (await send(client, sql, values)).rows,
    });
    const faults = faultsOf(settings);
    const remarks = remarksOf(settings);
    const version = `PostgreSQL ${Math.floor(settings.version / 10_000)}.${settings.version % 10_000}`;
    return faults.length > 0
      ? { ok: false, detail: faults.join(' ') }
      : {
          ok: true,
          detail: [`${version} answers, and syncs before it answers a commit.`, ...remarks].join(' '),
        };
  } finally {
    await client.end();
  }
}
