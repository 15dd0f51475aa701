import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { loadKeyRing } from '../../sealing/index.ts';
import { openPostgresStore, type PostgresStore, type PostgresStoreOptions } from './index.ts';

/** Where the tests find a server; they make and drop schemas of their own in that database. */
export const testUrl = process.env.KAPI_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/test';

/** The reason why there is no server here; undefined where there is one. With KAPI_REQUIRE_ENGINES=1 its absence throws. */
export async function missingPostgres(): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: testUrl, connectionTimeoutMillis: 3000 });
  try {
    await client.connect();
    await client.end();
    return undefined;
  } catch (cause) {
    const reason = `PostgreSQL does not answer at ${testUrl} (Debian: postgresql)`;
    if (process.env.KAPI_REQUIRE_ENGINES === '1') throw new Error(reason, { cause });
    return reason;
  }
}

export async function ask(sql: string, values: readonly unknown[] = []): Promise<pg.QueryResult['rows']> {
  const client = new pg.Client({ connectionString: testUrl });
  await client.connect();
  try {
    return (await client.query(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

let made = 0;

export interface OpenedPostgres {
  readonly store: PostgresStore;
  readonly schema: string;
  readonly dataDir: string;
  readonly fatal: Error[];
  reopen(): Promise<PostgresStore>;
  /** Another gateway on the same database, with the same keys and blobs. */
  another(over?: Partial<PostgresStoreOptions>): Promise<PostgresStore>;
}

/** Stores in schemas of their own for one test file; `close` ends and drops all of them. */
export function temporaryStores(over: Partial<PostgresStoreOptions> = {}): {
  open(): Promise<OpenedPostgres>;
  close(): Promise<void>;
} {
  const endings: (() => Promise<void>)[] = [];
  return {
    open: async () => {
      made += 1;
      const schema = `kapi_test_${process.pid}_${made}`;
      const dataDir = mkdtempSync(join(tmpdir(), 'kapi-store-'));
      const fatal: Error[] = [];
      const stores: PostgresStore[] = [];
      await ask(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await ask(`CREATE SCHEMA ${schema}`);
      endings.push(async () => {
        await Promise.all(stores.map((store) => store.close()));
        await ask(`DROP SCHEMA ${schema} CASCADE`);
        rmSync(dataDir, { recursive: true, force: true });
      });
      const openHere = async (more: Partial<PostgresStoreOptions> = {}): Promise<PostgresStore> => {
        const store = await openPostgresStore({
          url: testUrl,
          schema,
          dataDir,
          keys: loadKeyRing(dataDir),
          institution: 'ornek',
          onFatal: (error) => fatal.push(error),
          ...over,
          ...more,
        });
        stores.push(store);
        return store;
      };
      let current = await openHere();
      return {
        store: current,
        schema,
        dataDir,
        fatal,
        another: openHere,
        reopen: async () => {
          await current.close();
          current = await openHere();
          return current;
        },
      };
    },
    close: async () => {
      for (const end of endings.splice(0)) await end();
    },
  };
}
