import type { ClientBase, QueryResult } from 'pg';
import { integer, type Row } from '../shared/rows.ts';

/** What may be asked of a database: in a transaction of the writer, or on a reader's connection. */
export interface Queries {
  all(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

export const first = async (
  queries: Queries,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row | undefined> => (await queries.all(sql, values))[0];

/** The number in column `n` of a single row. */
export const numberOf = async (
  queries: Queries,
  sql: string,
  values: readonly unknown[] = [],
): Promise<number> => integer((await first(queries, sql, values)) ?? {}, 'n');

const names = new Map<string, string>();
/** Each statement is prepared once per connection. */
function nameOf(sql: string): string {
  let name = names.get(sql);
  if (name === undefined) {
    name = `kapi_${names.size + 1}`;
    names.set(sql, name);
  }
  return name;
}

/** A prepared statement. Statements sent without waiting for each other travel together and run in order. */
export const send = (
  client: Pick<ClientBase, 'query'>,
  sql: string,
  values: readonly unknown[] = [],
): Promise<QueryResult<Record<string, unknown>>> =>
  client.query({ name: nameOf(sql), text: sql, values: [...values] });
