import type { SQLInputValue } from 'node:sqlite';
import type {
  EventData,
  Lookup,
  Page,
  PageOptions,
  Profile,
  RecordEvent,
  RecordQuery,
  RecordSummary,
  RecordView,
  SokRecord,
  StoredMessage,
} from '@kapi/contract';
import { keyedHash } from '../../../sealing/index.ts';
import { toSummary } from '../../shared/mapping.ts';
import { after, page } from '../../shared/page.ts';
import { fromJson, integer, maybeBytes, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { isDamage } from '../../shared/sealed.ts';
import { toMessage, toNotice } from '../../shared/unpack.ts';
import { eventName } from '../../shared/words.ts';
import { type Documents, foundByLookup } from '../documents.ts';

const toEvent = (documents: Documents, row: Row): RecordEvent & { readonly position: number } => {
  const owner = documents.recordAt(integer(row, 'rid'));
  const id = text(row, 'id');
  return {
    id,
    recordId: owner?.id ?? '',
    name: eventName(text(row, 'name')),
    sequence: integer(row, 'sequence'),
    version: integer(row, 'version'),
    at: text(row, 'at'),
    actor: text(row, 'actor'),
    data: fromJson<EventData>(documents.openFrom(owner, `event:${id}`, maybeBytes(row, 'sealed')) ?? '{}'),
    position: integer(row, 'position'),
  };
};

/** A record with its history; undefined where it is unknown or has been erased. */
export function recordView(documents: Documents, row: Row | undefined): RecordView | undefined {
  if (!row) return undefined;
  const { connection } = documents;
  const rid = integer(row, 'rid');
  const doc = documents.currentDoc(rid);
  if (doc === undefined) return undefined;
  const lockedUntil = maybeInteger(row, 'pin_locked_until');
  return {
    record: fromJson<SokRecord>(doc),
    events: connection
      .all('SELECT * FROM events WHERE rid = ? ORDER BY sequence', rid)
      .map((event) => toEvent(documents, event)),
    notices: connection
      .all('SELECT * FROM notices WHERE rid = ? ORDER BY nid', rid)
      .flatMap((notice) => documents.notice(notice) ?? [])
      .map(toNotice),
    callbacks: connection
      .all('SELECT * FROM callbacks WHERE rid = ? ORDER BY created_at', rid)
      .flatMap((callback) => documents.callback(callback) ?? []),
    pin: { wrong: integer(row, 'pin_wrong'), ...(lockedUntil !== undefined && { lockedUntil }) },
  };
}

export function history(
  documents: Documents,
  number: string,
  profile: Profile,
): readonly { event: RecordEvent; record: SokRecord; body?: Uint8Array }[] {
  const { connection } = documents;
  const row = connection.get('SELECT rid FROM records WHERE number = ?', number);
  const owner = row && documents.recordAt(integer(row, 'rid'));
  if (!owner) return [];
  return connection
    .all(
      `SELECT events.*, event_bodies.sealed AS body FROM events
       LEFT JOIN event_bodies ON event_bodies.position = events.position AND profile = ?
       WHERE rid = ? ORDER BY sequence`,
      profile,
      owner.row,
    )
    .flatMap((event) => {
      const { position: _position, ...said } = toEvent(documents, event);
      const doc = documents.recordDoc(owner, said.version);
      const body = documents.openFrom(owner, `body:${said.id}:${profile}`, maybeBytes(event, 'body'));
      return doc === undefined
        ? []
        : [
            {
              event: said,
              record: fromJson<SokRecord>(doc),
              ...(body !== undefined && { body: new Uint8Array(Buffer.from(body)) }),
            },
          ];
    });
}

const viewColumns = 'SELECT rid, pin_wrong, pin_locked_until FROM records';

export const record = (
  documents: Documents,
  ref: { id: string } | { number: string },
): RecordView | undefined =>
  recordView(
    documents,
    'id' in ref
      ? documents.connection.get(`${viewColumns} WHERE id = ?`, ref.id)
      : documents.connection.get(`${viewColumns} WHERE number = ?`, ref.number),
  );

export const recordByNotice = (documents: Documents, noticeId: string): RecordView | undefined =>
  recordView(
    documents,
    documents.connection.get(`${viewColumns} WHERE rid = (SELECT rid FROM notices WHERE id = ?)`, noticeId),
  );

export function messages(documents: Documents, recordId: string): readonly StoredMessage[] {
  const owner = documents.record(recordId);
  return owner ? documents.messagesIn(owner.row).map(toMessage) : [];
}

export function records(documents: Documents, query: RecordQuery): Page<RecordSummary> {
  const newest = query.order !== 'oldest';
  const where: string[] = ['erased = 0'];
  const values: SQLInputValue[] = [];
  const add = (sql: string, ...bound: SQLInputValue[]): void => {
    where.push(sql);
    values.push(...bound);
  };
  const among = {
    status: query.status,
    urgency: query.urgency,
    channel: query.channel,
    unit: query.unit,
    topic: query.topic,
  };
  for (const [column, wanted] of Object.entries(among))
    if (wanted) add(`${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(wanted));
  if (query.receivedFrom !== undefined) add('received_at >= ?', query.receivedFrom);
  if (query.receivedTo !== undefined) add('received_at < ?', query.receivedTo);
  if (query.openOnly) add('confidential = 0');
  if (query.lookups) {
    add(
      `rid IN (${foundByLookup(query.lookups.length)})`,
      ...query.lookups.map((lookup: Lookup) => keyedHash(documents.ring, lookup.kind, lookup.value)),
    );
  }
  const from = after(query.cursor, 2);
  if (from) add(`(received_at, rid) ${newest ? '<' : '>'} (?, ?)`, ...from);
  const direction = newest ? 'DESC' : 'ASC';
  const rows = documents.connection.all(
    `SELECT * FROM records WHERE ${where.join(' AND ')} ORDER BY received_at ${direction}, rid ${direction} LIMIT ?`,
    ...values,
    query.limit + 1,
  );
  return page(rows, query.limit, toSummary, (row) => [integer(row, 'received_at'), integer(row, 'rid')]);
}

export function lateRecords(documents: Documents, before: number, options: PageOptions): Page<RecordSummary> {
  const from = after(options.cursor, 2) ?? [0, 0];
  const rows = documents.connection.all(
    `SELECT * FROM records WHERE promise_due_at IS NOT NULL AND promise_met_at IS NULL AND erased = 0
       AND promise_due_at < ? AND (promise_due_at, rid) > (?, ?) ORDER BY promise_due_at, rid LIMIT ?`,
    before,
    ...from,
    options.limit + 1,
  );
  return page(rows, options.limit, toSummary, (row) => [integer(row, 'promise_due_at'), integer(row, 'rid')]);
}

type StreamEvent = RecordEvent & { readonly position: number; readonly record: SokRecord };

/** Events of erased records are not in the stream: nothing of them could be shown. */
export function stream(
  documents: Documents,
  from: number,
  max: number,
): { events: readonly StreamEvent[]; oldest: number; newest: number } {
  const { connection } = documents;
  const bounds = connection.get(
    'SELECT coalesce(min(position), 0) AS oldest, coalesce(max(position), 0) AS newest FROM events',
  );
  const events = connection
    .all('SELECT * FROM events WHERE position > ? ORDER BY position LIMIT ?', from, max)
    .flatMap((row): readonly StreamEvent[] => {
      try {
        const doc = documents.recordDoc(documents.recordAt(integer(row, 'rid')), integer(row, 'version'));
        return doc === undefined ? [] : [{ ...toEvent(documents, row), record: fromJson<SokRecord>(doc) }];
      } catch (thrown) {
        // One damaged record must not stop the stream for every reader.
        if (isDamage(thrown)) return [];
        throw thrown;
      }
    });
  return { events, oldest: integer(bounds ?? {}, 'oldest'), newest: integer(bounds ?? {}, 'newest') };
}
