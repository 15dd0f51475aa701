import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { ConfigError } from '@kapi/contract';
import { failpoint } from '../../contract/failpoint.ts';
import type { Row } from '../shared/rows.ts';
import { migrations } from './migrations/index.ts';

/** One connection with its prepared statements, each prepared once. */
export class Connection {
  readonly db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, options: { readOnly?: boolean } = {}) {
    this.db = new DatabaseSync(path, { readOnly: options.readOnly ?? false, timeout: 5000 });
  }

  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  run(sql: string, ...values: SQLInputValue[]): { changes: number; rowid: number } {
    const { changes, lastInsertRowid } = this.statement(sql).run(...values);
    return { changes: Number(changes), rowid: Number(lastInsertRowid) };
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.statement(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.statement(sql).all(...values);
  }

  close(): void {
    this.#statements.clear();
    this.db.close();
  }
}

const pragma = (connection: Connection, name: string): unknown =>
  Object.values(connection.db.prepare(`PRAGMA ${name}`).get() ?? {})[0];

/** The writer's connection: every setting on the safe side, schema up to date. @throws ConfigError `schema_newer` */
export function openWriter(path: string): Connection {
  const connection = new Connection(path);
  connection.db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA mmap_size = 0;
    PRAGMA secure_delete = ON;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA wal_autocheckpoint = 16000;
    PRAGMA cache_size = -32000;
    PRAGMA temp_store = MEMORY;
  `);
  migrate(connection);
  // Some builds fall back to NORMAL at the first write, under which a power cut undoes commits.
  connection.run(
    `INSERT INTO meta (name, value) VALUES ('opened_at', ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
    Date.now(),
  );
  assertDurable(connection);
  return connection;
}

/** @throws Error where a commit would not be synced or not be logged ahead */
export function assertDurable(connection: Connection): void {
  if (pragma(connection, 'synchronous') !== 2 || pragma(connection, 'journal_mode') !== 'wal')
    throw new Error('The store is not durable: synchronous must be FULL and journal_mode WAL.');
}

function migrate(connection: Connection): void {
  const version = Number(pragma(connection, 'user_version'));
  if (version > migrations.length)
    throw new ConfigError(
      'schema_newer',
      `The store has schema ${version}, this version knows ${migrations.length}: use the newer version.`,
    );
  for (const [done, sql] of migrations.entries()) {
    if (done < version) continue;
    connection.db.exec('BEGIN IMMEDIATE');
    connection.db.exec(sql);
    failpoint('mid-migration');
    connection.db.exec(`PRAGMA user_version = ${done + 1}; COMMIT`);
  }
}

/** A reader sees the last commit and never holds up the writer. */
export function openReader(path: string): Connection {
  const connection = new Connection(path, { readOnly: true });
  connection.db.exec(
    'PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA cache_size = -8000; PRAGMA query_only = ON',
  );
  return connection;
}
