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
import { type KeyRing, keyedHash } from '../../../sealing/index.ts';
import { toSummary } from '../../shared/mapping.ts';
import { after, page } from '../../shared/page.ts';
import { fromJson, integer, maybeBytes, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { type Owner, openFrom } from '../../shared/sealed.ts';
import { toMessage, toNotice } from '../../shared/unpack.ts';
import { eventName } from '../../shared/words.ts';
import { type Documents, opening, recordColumns } from '../documents.ts';
import { first, type Queries } from '../session.ts';

const toEvent = (owner: Owner, row: Row): RecordEvent & { readonly position: number } => {
  const id = text(row, 'id');
  return {
    id,
    recordId: owner.id,
    name: eventName(text(row, 'name')),
    sequence: integer(row, 'sequence'),
    version: integer(row, 'version'),
    at: text(row, 'at'),
    actor: text(row, 'actor'),
    data: fromJson<EventData>(openFrom(owner, `event:${id}`, maybeBytes(row, 'sealed')) ?? '{}'),
    position: integer(row, 'position'),
  };
};

/** A record with its history; undefined where it is unknown or has been erased. */
export async function recordView(
  queries: Queries,
  documents: Documents,
  where: string,
  value: string,
): Promise<RecordView | undefined> {
  const row = await first(
    queries,
    `SELECT records.rid, pin_wrong, pin_locked_until, record_versions.sealed, records.version, ${recordColumns}
     FROM records JOIN record_versions USING (rid, version) WHERE ${where}`,
    [value],
  );
  if (!row) return undefined;
  const owner = documents.ownerIn(row, 'rid');
  const doc = openFrom(owner, `record:${integer(row, 'version')}`, maybeBytes(row, 'sealed'));
  if (doc === undefined) return undefined;
  const [events, notices, callbacks] = await Promise.all([
    queries.all('SELECT * FROM events WHERE rid = $1 ORDER BY sequence', [owner.row]),
    queries.all(
      `SELECT notices.*, ${recordColumns} FROM notices JOIN records USING (rid) WHERE notices.rid = $1 ORDER BY nid`,
      [owner.row],
    ),
    queries.all(
      `SELECT callbacks.*, ${recordColumns} FROM callbacks JOIN records USING (rid) WHERE callbacks.rid = $1 ORDER BY created_at, nth`,
      [owner.row],
    ),
  ]);
  const lockedUntil = maybeInteger(row, 'pin_locked_until');
  return {
    record: fromJson<SokRecord>(doc),
    events: events.map((event) => toEvent(owner, event)),
    notices: notices.flatMap((notice) => documents.notice(notice) ?? []).map(toNotice),
    callbacks: callbacks.flatMap((callback) => documents.callback(callback) ?? []),
    pin: { wrong: integer(row, 'pin_wrong'), ...(lockedUntil !== undefined && { lockedUntil }) },
  };
}

/** Events with the version each led to, and the bytes of a profile where they have been rendered. */
export async function history(
  queries: Queries,
  documents: Documents,
  number: string,
  profile: Profile,
): Promise<readonly { event: RecordEvent; record: SokRecord; body?: Uint8Array }[]> {
  const rows = await queries.all(
    `SELECT events.*, record_versions.sealed AS doc, event_bodies.sealed AS body, ${recordColumns}
     FROM records JOIN events USING (rid)
     LEFT JOIN record_versions ON record_versions.rid = events.rid AND record_versions.version = events.version
     LEFT JOIN event_bodies ON event_bodies.rid = events.rid AND event_bodies.sequence = events.sequence AND profile = $2
     WHERE records.number = $1 ORDER BY events.sequence`,
    [number, profile],
  );
  return rows.flatMap((row) => {
    const owner = documents.ownerIn(row, 'rid');
    const { position: _position, ...event } = toEvent(owner, row);
    const doc = openFrom(owner, `record:${event.version}`, maybeBytes(row, 'doc'));
    const body = openFrom(owner, `body:${event.id}:${profile}`, maybeBytes(row, 'body'));
    return doc === undefined
      ? []
      : [
          {
            event,
            record: fromJson<SokRecord>(doc),
            ...(body !== undefined && { body: new Uint8Array(Buffer.from(body)) }),
          },
        ];
  });
}

export async function messages(
  queries: Queries,
  documents: Documents,
  recordId: string,
): Promise<readonly StoredMessage[]> {
  const row = await first(queries, 'SELECT rid FROM records WHERE id = $1', [recordId]);
  return row ? (await documents.messagesIn(integer(row, 'rid'))).map(toMessage) : [];
}

export async function records(
  queries: Queries,
  ring: KeyRing,
  query: RecordQuery,
): Promise<Page<RecordSummary>> {
  const newest = query.order !== 'oldest';
  const where: string[] = ['erased = 0'];
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const among = {
    status: query.status,
    urgency: query.urgency,
    channel: query.channel,
    unit: query.unit,
    topic: query.topic,
  };
  for (const [column, wanted] of Object.entries(among))
    if (wanted) where.push(`${column} = ANY(${bind(wanted)}::text[])`);
  if (query.receivedFrom !== undefined) where.push(`received_at >= ${bind(query.receivedFrom)}`);
  if (query.receivedTo !== undefined) where.push(`received_at < ${bind(query.receivedTo)}`);
  if (query.openOnly) where.push('confidential = 0');
  if (query.lookups) {
    const hashes = query.lookups.map((lookup: Lookup) => keyedHash(ring, lookup.kind, lookup.value));
    where.push(`rid IN (SELECT rid FROM lookups WHERE hash = ANY(${bind(hashes)}::bytea[]))`);
  }
  const from = after(query.cursor, 2);
  if (from)
    where.push(
      `(received_at, rid) ${newest ? '<' : '>'} (${bind(from[0])}::bigint, ${bind(from[1])}::bigint)`,
    );
  const direction = newest ? 'DESC' : 'ASC';
  const rows = await queries.all(
    `SELECT * FROM records WHERE ${where.join(' AND ')} ORDER BY received_at ${direction}, rid ${direction} LIMIT ${bind(query.limit + 1)}`,
    values,
  );
  return page(rows, query.limit, toSummary, (row) => [integer(row, 'received_at'), integer(row, 'rid')]);
}

export async function lateRecords(
  queries: Queries,
  before: number,
  options: PageOptions,
): Promise<Page<RecordSummary>> {
  const [due, rid] = after(options.cursor, 2) ?? [0, 0];
  const rows = await queries.all(
    `SELECT * FROM records WHERE promise_due_at IS NOT NULL AND promise_met_at IS NULL AND erased = 0
       AND promise_due_at < $1 AND (promise_due_at, rid) > ($2::bigint, $3::bigint) ORDER BY promise_due_at, rid LIMIT $4`,
    [before, due, rid, options.limit + 1],
  );
  return page(rows, options.limit, toSummary, (row) => [integer(row, 'promise_due_at'), integer(row, 'rid')]);
}

type StreamEvent = RecordEvent & { readonly position: number; readonly record: SokRecord };

/**
 * Events after a position, up to the one until which the stream is final. Events of erased records are not
 * in it: nothing of them could be shown. One damaged record does not stop it for every reader.
 */
export async function stream(
  queries: Queries,
  documents: Documents,
  range: { readonly from: number; readonly final: number; readonly max: number },
): Promise<{ events: readonly StreamEvent[]; oldest: number; newest: number }> {
  const [bounds, rows] = await Promise.all([
    first(
      queries,
      `SELECT coalesce((SELECT position FROM events ORDER BY position LIMIT 1), 0) AS oldest,
         coalesce((SELECT position FROM events WHERE position <= $1 ORDER BY position DESC LIMIT 1), 0) AS newest`,
      [range.final],
    ),
    queries.all(
      `SELECT e.*, record_versions.sealed AS doc, ${recordColumns} FROM (
         SELECT * FROM events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3
       ) e JOIN records ON records.rid = e.rid
       LEFT JOIN record_versions ON record_versions.rid = e.rid AND record_versions.version = e.version ORDER BY position`,
      [range.from, range.final, range.max],
    ),
  ]);
  const events = rows.flatMap((row): readonly StreamEvent[] => {
    const outcome = opening(() => {
      const owner = documents.ownerIn(row, 'rid');
      const doc = openFrom(owner, `record:${integer(row, 'version')}`, maybeBytes(row, 'doc'));
      return doc === undefined ? [] : [{ ...toEvent(owner, row), record: fromJson<SokRecord>(doc) }];
    });
    return 'opened' in outcome ? outcome.opened : [];
  });
  return { events, oldest: integer(bounds ?? {}, 'oldest'), newest: integer(bounds ?? {}, 'newest') };
}
