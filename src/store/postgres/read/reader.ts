import type { Reader } from '@kapi/contract';
import { keyedHash } from '../../../sealing/index.ts';
import { toApiKey } from '../../shared/mapping.ts';
import { integer, text } from '../../shared/rows.ts';
import { Documents } from '../documents.ts';
import { first, type Queries } from '../session.ts';
import type { House } from '../write/writing.ts';
import type { ApiKeys } from './api-keys.ts';
import { backlog, books, queueStats, recount } from './books.ts';
import { Horizon } from './horizon.ts';
import {
  audit,
  callbacks,
  deadLetters,
  envelope,
  envelopesSince,
  notCases,
  quarantine,
  verifyAudit,
} from './lists.ts';
import { history, lateRecords, messages, records, recordView, stream } from './records.ts';

export interface ReaderParts {
  readonly queries: Queries;
  /** Runs questions that must see one moment. */
  readonly atOnce: <T>(work: (queries: Queries) => Promise<T>) => Promise<T>;
  readonly house: House;
  readonly apiKeys: ApiKeys;
  readonly loadBody: (blobId: string) => Promise<Uint8Array>;
}

/** The reader port over pooled connections; each question sees the last commit. */
export function createReader({ queries, atOnce, house, apiKeys, loadBody }: ReaderParts): Reader {
  const documents = (): Documents => new Documents(queries, house.ring, house.key);
  const horizon = new Horizon(queries);
  return {
    record: (ref) =>
      'id' in ref
        ? recordView(queries, documents(), 'records.id = $1', ref.id)
        : recordView(queries, documents(), 'records.number = $1', ref.number),
    history: (number, profile) => history(queries, documents(), number, profile),
    messages: (recordId) => messages(queries, documents(), recordId),
    recordByNotice: (noticeId) =>
      recordView(
        queries,
        documents(),
        'records.rid = (SELECT rid FROM notices WHERE id = $1 LIMIT 1)',
        noticeId,
      ),
    records: (query) => records(queries, house.ring, query),
    stream: async (after, max) =>
      stream(queries, documents(), { from: after, final: await horizon.final(), max }),
    books: () => books(queries),
    recount: () => atOnce(recount),
    queue: (destination) => queueStats(queries, destination),
    quarantine: (options) => quarantine(queries, options),
    deadLetters: (options) => deadLetters(queries, options),
    notCases: (options) => notCases(queries, options),
    callbacks: (options) => callbacks(queries, documents(), options),
    lateRecords: (before, options) => lateRecords(queries, before, options),
    envelope: async (id) => {
      const found = await envelope(queries, documents(), id);
      if (!found) return undefined;
      const { blobId, ...view } = found;
      return blobId === undefined
        ? view
        : { ...view, envelope: { ...view.envelope, body: await loadBody(blobId) } };
    },
    envelopesSince: (since, options) => envelopesSince(queries, since, options),
    apiKey: (hash) =>
      apiKeys.of(hash, async () => {
        const row = await first(queries, 'SELECT * FROM api_keys WHERE hash = $1', [hash]);
        return row && toApiKey(row);
      }),
    apiKeys: async () => (await queries.all('SELECT * FROM api_keys ORDER BY created_at, id')).map(toApiKey),
    upload: async (id) => {
      const row = await first(queries, 'SELECT id, sealed FROM uploads WHERE id = $1', [id]);
      return row && documents().upload(row);
    },
    optedOut: async (account, address) => {
      const hash = keyedHash(house.ring, `opt-out:${account}`, address);
      const row = await first(queries, 'SELECT out FROM opt_outs WHERE hash = $1', [hash]);
      return row !== undefined && integer(row, 'out') === 1;
    },
    cursor: async (account) => {
      const row = await first(queries, 'SELECT cursor FROM cursors WHERE account = $1', [account]);
      return row && text(row, 'cursor');
    },
    audit: (options) => audit(queries, options),
    verifyAudit: (options) => atOnce((moment) => verifyAudit(moment, options)),
    backlog: () => backlog(queries),
  };
}

/** Of these blob ids, those that some row refers to. */
export async function referencedBlobs(
  queries: Queries,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await queries.all(
    `SELECT id FROM unnest($1::text[]) AS asked (id) WHERE EXISTS (SELECT 1 FROM envelopes WHERE blob_id = asked.id)
       OR EXISTS (SELECT 1 FROM parts WHERE blob_id = asked.id) OR EXISTS (SELECT 1 FROM uploads WHERE blob_id = asked.id)`,
    [ids],
  );
  return new Set(rows.map((row) => text(row, 'id')));
}
