import { ConfigError } from '@kapi/contract';
import type { ClientBase } from 'pg';
import { integer } from '../shared/rows.ts';
import { migrations } from './migrations/index.ts';
import { missingPartitions, newestMonth } from './partitions.ts';
import { type Queries, send } from './session.ts';

const queriesOf = (client: ClientBase): Queries => ({
  all: async (sql, values) => (await send(client, sql, values)).rows,
});

/**
 * Brings the schema up to date and makes the partitions of this month and the next ones, one process at a
 * time. Returns the last month that has its partitions.
 * @throws ConfigError `schema_newer`
 */
export async function migrate(client: ClientBase, lock: number, now: number): Promise<number> {
  const queries = queriesOf(client);
  // Held past the transactions, so that two that start at once do not both begin.
  await queries.all('SELECT pg_advisory_lock($1::int, 0)', [lock]);
  try {
    await client.query('CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)');
    const rows = await queries.all('SELECT version FROM schema_version');
    const version = rows[0] ? integer(rows[0], 'version') : 0;
    if (version > migrations.length)
      throw new ConfigError(
        'schema_newer',
        `The store has schema ${version}, this version knows ${migrations.length}: use the newer version.`,
      );
    for (const [done, sql] of migrations.entries())
      if (done >= version)
        await client.query(
          `BEGIN; ${sql}; DELETE FROM schema_version; INSERT INTO schema_version VALUES (${done + 1}); COMMIT`,
        );
    const missing = missingPartitions(await newestMonth(queries), now);
    // One transaction: the last table of a month stands only with all others.
    if (missing.length > 0) await client.query(['BEGIN', ...missing, 'COMMIT'].join('; '));
    const newest = await newestMonth(queries);
    if (newest === undefined) throw new Error('The store has no partitions.');
    return newest;
  } catch (thrown) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw thrown;
  } finally {
    await queries.all('SELECT pg_advisory_unlock($1::int, 0)', [lock]).catch(() => undefined);
  }
}
