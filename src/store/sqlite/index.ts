import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import {
  type ApiKey,
  type CommitHint,
  ConfigError,
  codeOf,
  type Store,
  type Timers,
  TransientError,
} from '@kapi/contract';
import { failpoint } from '../../contract/failpoint.ts';
import { isKeyFile, type KeyRing, writeKeyRing } from '../../sealing/index.ts';
import { type FileBlobs, openFileBlobs } from '../blobs/files.ts';
import type { GroupResult, RewrapPosition, RewrapStep } from '../shared/command.ts';
import { Grouping } from '../shared/grouping.ts';
import { createPipeline } from '../shared/pipeline.ts';
import { hostInline } from './host.ts';
import { lockDataFolder, refuseNetworkFileSystem } from './lock.ts';
import { createReader } from './read/reader.ts';
import { createReaderPort } from './reader-port.ts';
import { hostInThread, ReaderThread } from './thread-host.ts';

export interface SqliteStoreOptions {
  readonly dataDir: string;
  /** Name in `source` of outgoing events. */
  readonly institution: string;
  /** From `loadKeyRing`: the environment, or the key file of the data folder. */
  readonly keys: KeyRing;
  /** `thread` (default) keeps commits off the event loop; `inline` for commands and tests. */
  readonly hosting?: 'thread' | 'inline';
  /** Called once after the first failed sync: the process must exit, a restart verifies and goes on. */
  readonly onFatal: (error: Error) => void;
  /** Called for each row that could not be opened and was parked alone. */
  readonly onDamage?: (detail: string) => void;
}

export interface SqliteStore extends Store {
  readonly blobs: FileBlobs;
  /**
   * Wraps every data key anew: with a fresh key added to the key file, or, where the keys come from
   * elsewhere, with the last one given there. Counts the rewrapped.
   */
  rotateKey(): Promise<number>;
  /** A consistent copy of the database while the store goes on. The blobs and the key file are not in it. */
  backup(to: string): Promise<void>;
  /** Drops blobs that no row refers to any more; once a day is enough. */
  sweepBlobs(): Promise<number>;
}

/**
 * The embedded store: `kapi.db`, `blobs/`, `sealing.key` and `lock` in the data folder, one process at
 * a time, on a local disk.
 * @throws ConfigError `data_locked`, `schema_newer`, `key_missing`, `config_invalid`
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { dataDir } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  refuseNetworkFileSystem(dataDir);
  const unlock = lockDataFolder(dataDir);
  try {
    const path = join(dataDir, 'kapi.db');
    const unclean = existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0;
    return await assemble(options, path, unclean, unlock);
  } catch (thrown) {
    unlock();
    if (codeOf(thrown) === 'key_missing' && thrown instanceof Error && !(thrown instanceof ConfigError))
      throw new ConfigError('key_missing', thrown.message, { cause: thrown });
    throw thrown;
  }
}

/** One group in its commit, one at hand when that ends. */
const maxInFlight = 2;

async function assemble(
  options: SqliteStoreOptions,
  path: string,
  unclean: boolean,
  unlock: () => void,
): Promise<SqliteStore> {
  const ring = options.keys;
  const threaded = options.hosting !== 'inline';
  const engineOptions = { path, keys: ring.toText(), institution: options.institution };
  let dead = false;
  const die = (reason: string): void => {
    if (dead) return;
    dead = true;
    options.onFatal(new TransientError('store_unavailable', reason));
  };
  const hosted = threaded ? await hostInThread(engineOptions, die) : hostInline(engineOptions);
  const listeners = new Set<(hint: CommitHint) => void>();
  const blobs = openFileBlobs(join(options.dataDir, 'blobs'), ring);
  const { reader: near, connection } = createReader(path, ring.toText());
  const far = threaded ? new ReaderThread({ path, keys: ring.toText() }) : undefined;
  const referenced = async (ids: readonly string[]): Promise<ReadonlySet<string>> =>
    new Set(near.referencedBlobs(ids));

  const grouping = new Grouping(hosted, { maxInFlight }, (result: GroupResult) => {
    if (result.fatal !== undefined) die(result.fatal);
    for (const detail of result.damaged) options.onDamage?.(detail);
    if (result.hint) for (const listener of listeners) listener(result.hint);
    if (result.dropped.length > 0)
      void blobs.dropUnreferenced(result.dropped, referenced).catch(() => undefined);
  });

  const body = async (blobId: string): Promise<Uint8Array> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of blobs.open(blobId)) pieces.push(piece);
    return Buffer.concat(pieces);
  };

  const apiKeys = new Map<string, ApiKey>();
  const reader = createReaderPort(near, far, apiKeys, body);
  const pipeline = createPipeline(grouping, blobs, body, () => apiKeys.clear());
  const timers: Timers = {
    hold: (account, holder, ttlMs, now) => grouping.run({ verb: 'hold', account, holder, ttlMs, now }),
    release: (account, holder) => grouping.run({ verb: 'release', account, holder }),
  };

  // A thread of its own, so that lists need not wait for it; commands that run inline leave it to the gateway.
  const checker = unclean && threaded ? new ReaderThread({ path, keys: ring.toText() }) : undefined;
  void checker
    ?.call('quickCheck')
    .then(
      (problems) => problems.length > 0 && die(`The store is damaged: ${problems[0]}`),
      () => undefined,
    )
    .finally(() => checker.close());

  let closing: Promise<void> | undefined;
  let current = ring;
  return {
    pipeline,
    reader,
    timers,
    blobs,
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      closing ??= (async () => {
        await checker?.close();
        await far?.close();
        connection.close();
        await grouping.close();
        unlock();
      })();
      return closing;
    },
    rotateKey: async () => {
      if (isKeyFile(options.dataDir, current)) {
        current = current.withNewKey();
        writeKeyRing(options.dataDir, current);
        failpoint('before-rewrap');
      }
      // Readers must know the key before the first row has it.
      near.useKeys(current.toText());
      await far?.useKeys(current.toText());
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
    backup: async (to) => {
      const source = new DatabaseSync(path, { readOnly: true });
      try {
        await backup(source, to);
      } finally {
        source.close();
      }
    },
    sweepBlobs: () => blobs.sweep(referenced),
  };
}
