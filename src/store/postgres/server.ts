import { text } from '../shared/rows.ts';
import type { Queries } from './session.ts';

/** Settings of the server that a careful operator looks at. */
export interface ServerSettings {
  readonly version: number;
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly synchronousCommit: string;
  readonly dataChecksums: string;
  readonly dataSyncRetry: string;
}

export async function serverSettings(queries: Queries): Promise<ServerSettings> {
  const rows = await queries.all(
    `SELECT name, setting FROM pg_settings WHERE name IN ('server_version_num', 'fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'data_sync_retry')`,
  );
  const settings = new Map(rows.map((row) => [text(row, 'name'), text(row, 'setting')]));
  const of = (name: string): string => settings.get(name) ?? 'unknown';
  return {
    version: Number(of('server_version_num')),
    fsync: of('fsync'),
    fullPageWrites: of('full_page_writes'),
    synchronousCommit: of('synchronous_commit'),
    dataChecksums: of('data_checksums'),
    dataSyncRetry: of('data_sync_retry'),
  };
}

const oldest = 140_000;

/** Why the server must not be used: under these an accepted message could be lost. A sentence each. */
export function faultsOf(settings: ServerSettings): readonly string[] {
  const safeCommits = ['on', 'local', 'remote_write', 'remote_apply'];
  return [
    ...(settings.version >= oldest ? [] : ['PostgreSQL 14 or newer is needed.']),
    ...(settings.fsync === 'on'
      ? []
      : ['fsync is off: a power cut would lose what was accepted, or all of it.']),
    ...(settings.fullPageWrites === 'on'
      ? []
      : ['full_page_writes is off: a power cut could leave torn pages behind.']),
    ...(safeCommits.includes(settings.synchronousCommit)
      ? []
      : ['synchronous_commit is off: commits would be answered before they are synced.']),
    ...(settings.dataSyncRetry === 'off'
      ? []
      : ['data_sync_retry is on: the server would go on after a failed sync.']),
  ];
}

/** What could be better. */
export const remarksOf = (settings: ServerSettings): readonly string[] =>
  settings.dataChecksums === 'on'
    ? []
    : ['Data checksums are off: the server would not notice a damaged page by itself.'];
