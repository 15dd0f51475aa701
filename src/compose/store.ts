import { ConfigError } from '@kapi/contract';
import type { PostgresStore, PostgresStoreOptions } from '../store/postgres/index.ts';
import { openSqliteStore, type SqliteStore } from '../store/sqlite/index.ts';
import type { KapiConfig } from './open.ts';

type StoreConfig = KapiConfig['store'];

/** What every engine needs. */
type StoreOptions = Pick<PostgresStoreOptions, 'dataDir' | 'keys' | 'institution' | 'onFatal' | 'onDamage'>;

/** Opens the engine that the configuration names. Nothing else knows which one it is. */
export async function openStore(
  config: StoreConfig,
  options: StoreOptions,
): Promise<SqliteStore | PostgresStore> {
  if (config.engine !== 'postgres') return openSqliteStore(options);
  // The embedded default does without its code.
  const { openPostgresStore } = await import('../store/postgres/index.ts');
  return openPostgresStore({ ...options, ...databaseOf(config) });
}

/** Where the database is. */
export function databaseOf(config: StoreConfig): Pick<PostgresStoreOptions, 'url' | 'schema'> {
  if (config.url === undefined)
    throw new ConfigError('config_invalid', 'store.url: the address of the database is missing.');
  return { url: config.url, ...(config.schema !== undefined && { schema: config.schema }) };
}
