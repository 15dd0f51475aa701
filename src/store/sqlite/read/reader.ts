import type { Reader } from '@kapi/contract';
import { KeyRing, keyedHash } from '../../../sealing/index.ts';
import { type EnvelopeView, toApiKey } from '../../shared/mapping.ts';
import { integer, text as textOf } from '../../shared/rows.ts';
import { type Connection, openReader } from '../connection.ts';
import { Documents } from '../documents.ts';
import { backlog, books, queueStats, recount } from './books.ts';
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
import { history, lateRecords, messages, record, recordByNotice, records, stream } from './records.ts';

type Synchronous<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : never;
};
/** The reader port without promises, and what the store asks for itself. */
export type SyncReader = Omit<Synchronous<Reader>, 'envelope'> & {
  readonly envelope: (id: string) => EnvelopeView | undefined;
  /** Of these blob ids, those that some row refers to. */
  readonly referencedBlobs: (ids: readonly string[]) => readonly string[];
  /** After a rotation of keys. */
  readonly useKeys: (keys: string) => void;
  /** Problems that SQLite finds in the file; none where it is sound. */
  readonly quickCheck: () => readonly string[];
};

/** One read-only connection; sees the last commit. */
export function createReader(path: string, keys: string): { reader: SyncReader; connection: Connection } {
  const connection = openReader(path);
  const documents = new Documents(connection, KeyRing.parse(keys));
  const reader: SyncReader = {
    record: (ref) => record(documents, ref),
    history: (number, profile) => history(documents, number, profile),
    messages: (recordId) => messages(documents, recordId),
    recordByNotice: (noticeId) => recordByNotice(documents, noticeId),
    records: (query) => records(documents, query),
    stream: (from, max) => stream(documents, from, max),
    books: () => books(connection),
    recount: () => recount(connection),
    queue: (destination) => queueStats(connection, destination),
    quarantine: (options) => quarantine(documents, options),
    deadLetters: (options) => deadLetters(documents, options),
    notCases: (options) => notCases(documents, options),
    callbacks: (options) => callbacks(documents, options),
    lateRecords: (before, options) => lateRecords(documents, before, options),
    envelope: (id) => envelope(documents, id),
    envelopesSince: (since, options) => envelopesSince(documents, since, options),
    apiKey: (hash) => {
      const row = connection.get('SELECT * FROM api_keys WHERE hash = ?', hash);
      return row && toApiKey(row);
    },
    apiKeys: () => connection.all('SELECT * FROM api_keys ORDER BY created_at, id').map(toApiKey),
    upload: (id) => {
      const row = connection.get('SELECT id, sealed FROM uploads WHERE id = ?', id);
      return row && documents.upload(row);
    },
    optedOut: (account, address) => {
      const row = connection.get(
        'SELECT out FROM opt_outs WHERE hash = ?',
        keyedHash(documents.ring, `opt-out:${account}`, address),
      );
      return row !== undefined && integer(row, 'out') === 1;
    },
    cursor: (account) => {
      const row = connection.get('SELECT cursor FROM cursors WHERE account = ?', account);
      return row && textOf(row, 'cursor');
    },
    audit: (options) => audit(documents, options),
    verifyAudit: (options) => verifyAudit(documents, options),
    backlog: () => backlog(connection),
    referencedBlobs: (ids) =>
      ids.filter((id) =>
        connection.get(
          'SELECT 1 AS one FROM envelopes WHERE blob_id = ?1 UNION ALL SELECT 1 FROM parts WHERE blob_id = ?1 UNION ALL SELECT 1 FROM uploads WHERE blob_id = ?1 LIMIT 1',
          id,
        ),
      ),
    useKeys: (text) => {
      documents.ring = KeyRing.parse(text);
    },
    quickCheck: () =>
      connection
        .all('PRAGMA quick_check')
        .map((row) => String(Object.values(row)[0]))
        .filter((line) => line !== 'ok'),
  };
  return { reader, connection };
}
