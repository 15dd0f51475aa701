import type { AcceptOutcome } from '@kapi/contract';
import { newDataKey } from '../../../sealing/index.ts';
import type { PackedChange, PackedEntry, PackedMessage } from '../../shared/pack.ts';
import { bytes, fromJson, integer, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { openFrom, sealEnvelope } from '../../shared/sealed.ts';
import { recordColumns } from '../documents.ts';
import { applyChange } from './changes.ts';
import { documentsOf } from './claims.ts';
import { putCursor } from './leases.ts';
import { insertOwnMessage } from './messages.ts';
import { putPart } from './parts.ts';
import type { Writing } from './writing.ts';

/** An entry with the keys it has or would get. */
export interface KeyedEntry {
  readonly entry: PackedEntry;
  readonly hash: Buffer;
  readonly content: Buffer;
  readonly eid: number;
  readonly own: PackedMessage | undefined;
  readonly mid: number | undefined;
  /** Its key was new, and is now its own. */
  readonly fresh: boolean;
}

/**
 * Takes the keys of entries, all in one statement and in one order for all processes: who is second waits
 * for the first to commit, and then knows the key.
 */
export async function takeKeys(
  w: Writing,
  entries: readonly PackedEntry[],
): Promise<ReadonlyMap<PackedEntry, KeyedEntry>> {
  const { ids } = w.house;
  await ids.ensure(w, entries.length * 2);
  const first = new Map<string, Omit<KeyedEntry, 'fresh'>>();
  const keyed = entries.map((entry) => {
    const own = entry.changes?.find((change) => isOwn(entry, change));
    const one = {
      entry,
      hash: w.hash(`envelope:${entry.envelope.account}`, entry.key),
      content: w.hash('content', entry.contentHash),
      eid: ids.next(),
      own,
      mid: own && ids.next(),
    };
    const name = one.hash.toString('base64');
    if (!first.has(name)) first.set(name, one);
    return { name, one };
  });
  const rows = [...first.values()].sort((a, b) => Buffer.compare(a.hash, b.hash));
  const taken = await w.all(
    `INSERT INTO envelope_keys (hash, content, eid, mid) SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[])
     ON CONFLICT DO NOTHING RETURNING eid`,
    [
      rows.map(({ hash }) => hash),
      rows.map(({ content }) => content),
      rows.map(({ eid }) => eid),
      rows.map(({ mid }) => mid ?? null),
    ],
  );
  const fresh = new Set(taken.map((row) => integer(row, 'eid')));
  return new Map(keyed.map(({ one }) => [one.entry, { ...one, fresh: fresh.has(one.eid) }]));
}

/** Stores what belongs to a fresh entry, and moves its account's cursor. @throws Abort from a change of an entrance's entry */
export async function acceptFresh(w: Writing, keyed: KeyedEntry, now: number): Promise<AcceptOutcome> {
  const { entry, eid, own, mid } = keyed;
  const { envelope, changes, parts, urgent } = entry;
  const { key, wrapped } = newDataKey(w.house.ring, envelope.id);
  const owner = w.owners.rememberEnvelope({
    id: envelope.id,
    row: eid,
    key,
    urgent: urgent ? 1 : 0,
    fresh: true,
  });
  const state = changes ? 'read' : 'unread';
  w.add('envelopes', [
    eid,
    envelope.id,
    envelope.adapter,
    envelope.account,
    envelope.receivedAt,
    now,
    changes ? 1 : 0,
    state,
    envelope.bytes,
    envelope.blobId,
    owner.urgent,
    wrapped,
    sealEnvelope(owner, envelope.head, own?.message.content ?? '', envelope.body),
    now,
  ]);
  w.count('envelope.total', 1);
  w.count(`envelope.${state}`, 1);
  for (const part of parts) await putPart(w, owner, part, now);
  for (const change of changes ?? [])
    if (change === own && mid !== undefined) await insertOwnMessage(w, change, owner, mid);
    else await applyChange(w, change, now);
  if (!changes) w.wake('read');
  return { result: 'accepted', envelopeId: envelope.id };
}

export function moveCursor(w: Writing, { envelope, cursor }: PackedEntry): void {
  if (cursor !== undefined) putCursor(w, envelope.account, cursor);
}

/** The one message an entrance's envelope is about: it needs no key and no seal besides the envelope's. */
const isOwn = (entry: PackedEntry, change: PackedChange): change is PackedMessage =>
  change.do === 'put-message' &&
  change.item.key === entry.key &&
  change.item.contentHash === entry.contentHash &&
  change.item.account === entry.envelope.account &&
  change.placement.place === 'in-record';

/** What is known of keys that others took: their envelope, and, of an entrance's, the record it made or joined. */
const repeatedSql = `SELECT k.hash, k.content, e.id AS envelope_id, e.state, records.rid, records.version, record_versions.sealed, ${recordColumns}
  FROM envelope_keys k
  LEFT JOIN envelopes e ON e.eid = k.eid
  LEFT JOIN LATERAL (
    SELECT coalesce(
      (SELECT rid FROM messages WHERE mid = k.mid),
      (SELECT m.rid FROM items JOIN messages m ON m.mid = items.mid JOIN records r ON r.rid = m.rid
        WHERE items.eid = k.eid AND k.mid IS NULL AND r.erased = 0 ORDER BY m.mid LIMIT 1)) AS rid
  ) made ON e.entrance = 1
  LEFT JOIN records ON records.rid = made.rid AND records.erased = 0
  LEFT JOIN record_versions ON record_versions.rid = records.rid AND record_versions.version = records.version
  WHERE k.hash = ANY($1::bytea[])`;

/** Answers entries whose keys stood already. */
export async function recognise(
  w: Writing,
  repeats: readonly KeyedEntry[],
): Promise<ReadonlyMap<PackedEntry, AcceptOutcome>> {
  if (repeats.length === 0) return new Map();
  const hashes = new Map(repeats.map(({ hash }) => [hash.toString('base64'), hash]));
  const known = new Map(
    (await w.all(repeatedSql, [[...hashes.values()]])).map((row) => [
      Buffer.from(bytes(row, 'hash')).toString('base64'),
      row,
    ]),
  );
  return new Map(
    repeats.map(({ entry, hash, content }) => [
      entry,
      toRepeated(w, known.get(hash.toString('base64')) ?? {}, content),
    ]),
  );
}

function toRepeated(w: Writing, row: Row, content: Buffer): AcceptOutcome {
  const sameContent = content.equals(bytes(row, 'content'));
  const record = maybeInteger(row, 'rid') === undefined ? undefined : recordIn(w, row);
  const here = row.envelope_id != null && text(row, 'state') !== 'erased';
  return {
    result: 'repeated',
    ...(here && { envelopeId: text(row, 'envelope_id') }),
    sameContent,
    ...(record && { record }),
  };
}

function recordIn(w: Writing, row: Row): { id: string; number: string; trackingPin: string } | undefined {
  const owner = documentsOf(w).ownerIn(row, 'rid');
  const doc = openFrom(owner, `record:${integer(row, 'version')}`, bytes(row, 'sealed'));
  if (doc === undefined) return undefined;
  const { id, number, trackingPin } = fromJson<{ id: string; number: string; trackingPin: string }>(doc);
  return { id, number, trackingPin };
}
