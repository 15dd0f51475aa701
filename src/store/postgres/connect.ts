import { ConfigError } from '@kapi/contract';
import type pg from 'pg';

export interface ConnectOptions {
  readonly url: string;
  /** Schema that holds the tables; absent: the first of the server's search path. */
  readonly schema?: string;
}

export type Pg = typeof pg;

/** @throws ConfigError `missing_dependency` */
export async function loadPg(load: () => Promise<{ default: Pg }> = () => import('pg')): Promise<Pg> {
  try {
    return (await load()).default;
  } catch (cause) {
    throw new ConfigError(
      'missing_dependency',
      'The PostgreSQL store needs the package `pg`: run `npm install pg`.',
      { cause },
    );
  }
}

/** Nothing of ours takes longer; what does is stuck, and its locks go with it. */
const statementMs = 60_000;
const idleInTransactionMs = 30_000;
const lockMs = 20_000;
const connectMs = 5_000;

/**
 * A commit is answered after its sync, whatever the server's default says. Partitions are chosen when a
 * statement runs, so a plan that fits every parameter is as good as one made for each.
 */
function sessionSettings(schema: string | undefined): string {
  const settings: Readonly<Record<string, string | number>> = {
    synchronous_commit: 'on',
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    lock_timeout: lockMs,
    timezone: 'UTC',
    plan_cache_mode: 'force_generic_plan',
    ...(schema !== undefined && { search_path: schema }),
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}

const int8 = 20;

export function clientOptions(module: Pg, { url, schema }: ConnectOptions): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: schema === undefined ? 'kapi' : `kapi ${schema}`,
    options: sessionSettings(schema),
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    pipeline: true,
    types: {
      // All our 64-bit numbers are below 2^53.
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === int8 ? Number : module.types.getTypeParser(oid, format)) as typeof module.types.getTypeParser,
    },
  };
}

/** SQLSTATE of an error that the server reported, else undefined (https://www.postgresql.org/docs/15/errcodes-appendix.html). */
export function sqlState(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || !('severity' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** The connection is gone or going: shutdown of the server, termination of the session, or no answer of a server at all. */
export function isLost(thrown: unknown): boolean {
  const state = sqlState(thrown);
  if (state !== undefined)
    return state.startsWith('57P') || state.startsWith('08') || state === '25P03' || state === '53300';
  if (!(thrown instanceof Error)) return false;
  return 'syscall' in thrown || lostMessages.test(thrown.message);
}
/** How the driver says it; these errors have no code. */
const lostMessages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Cannot use a pool|timeout expired|timeout exceeded|Connection ended)/;

/** Rolled back for a reason that passes by itself: deadlock, serialization, lock or statement time-out. */
export const passes = (thrown: unknown): boolean =>
  ['40P01', '40001', '55P03', '57014'].includes(sqlState(thrown) ?? '');

/** The table of a broken unique constraint, without the month of its partition. */
export function uniqueTable(thrown: unknown): string | undefined {
  if (sqlState(thrown) !== '23505' || !(thrown instanceof Error) || !('table' in thrown)) return undefined;
  return typeof thrown.table === 'string' ? thrown.table.replace(/_p\d{6}$/, '') : undefined;
}

/** The server is there and will not have us: a wrong password, an unknown user or database. */
export const isRefused = (thrown: unknown): boolean => /^(28|3D)/.test(sqlState(thrown) ?? '');

export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : 'unknown');
