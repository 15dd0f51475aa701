import type { AcceptOutcome } from '@kapi/contract';
import { newDataKey } from '../../../sealing/index.ts';
import { required } from '../../shared/abort.ts';
import type { PackedChange, PackedEntry, PackedMessage } from '../../shared/pack.ts';
import { bytes, fromJson, integer, maybeInteger, text } from '../../shared/rows.ts';
import { sealEnvelope } from '../../shared/sealed.ts';
import { applyChange } from './changes.ts';
import { putCursor } from './leases.ts';
import { insertOwnMessage } from './messages.ts';
import { putPart } from './parts.ts';
import type { Writing } from './writing.ts';

/** Stores one envelope under its key, or recognises it. @throws Abort from a change of an entrance's entry */
export function acceptEntry(w: Writing, entry: PackedEntry, now: number, moveCursor: boolean): AcceptOutcome {
  const { envelope } = entry;
  const hash = w.hash(`envelope:${envelope.account}`, entry.key);
  const content = w.hash('content', entry.contentHash);
  const own = entry.changes?.find((change) => isOwn(entry, change));
  const eid = w.nextRow('envelopes');
  const mid = own && w.nextRow('messages');
  // The key first: where it stands already, nothing else is written.
  const { changes } = w.connection.run(
    'INSERT INTO envelope_keys (hash, content, eid, mid) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    hash,
    content,
    eid,
    mid ?? null,
  );
  if (changes > 0) insert(w, entry, { eid, own, mid }, now);
  const outcome: AcceptOutcome =
    changes > 0 ? { result: 'accepted', envelopeId: envelope.id } : repeated(w, hash, content);
  if (entry.cursor !== undefined && moveCursor) putCursor(w, envelope.account, entry.cursor);
  return outcome;
}

function insert(
  w: Writing,
  { envelope, changes, parts, urgent }: PackedEntry,
  { eid, own, mid }: { eid: number; own: PackedMessage | undefined; mid: number | undefined },
  now: number,
): void {
  const { key, wrapped } = newDataKey(w.documents.ring, envelope.id);
  const owner = w.documents.remember('envelope', { id: envelope.id, row: eid, key });
  const state = changes ? 'read' : 'unread';
  w.connection.run(
    `INSERT INTO envelopes (eid, id, adapter, account, received_at, accepted_at, entrance, state, bytes, blob_id, urgent, dek, sealed, due_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    eid,
    envelope.id,
    envelope.adapter,
    envelope.account,
    envelope.receivedAt,
    now,
    changes ? 1 : 0,
    state,
    envelope.bytes,
    envelope.blobId ?? null,
    urgent ? 1 : 0,
    wrapped,
    sealEnvelope(owner, envelope.head, own?.message.content ?? '', envelope.body),
    now,
  );
  w.count('envelope.total', 1);
  w.count(`envelope.${state}`, 1);
  for (const part of parts) putPart(w, owner, part, now);
  for (const change of changes ?? [])
    if (change === own && mid !== undefined) insertOwnMessage(w, change, owner, mid);
    else applyChange(w, change, now);
  if (!changes) w.wake('read');
}

/** The one message an entrance's envelope is about: it needs no key and no seal besides the envelope's. */
const isOwn = (entry: PackedEntry, change: PackedChange): change is PackedMessage =>
  change.do === 'put-message' &&
  change.item.key === entry.key &&
  change.item.contentHash === entry.contentHash &&
  change.item.account === entry.envelope.account &&
  change.placement.place === 'in-record';

function repeated(w: Writing, hash: Buffer, content: Buffer): AcceptOutcome {
  const known = required(
    w.connection.get('SELECT content, eid, mid FROM envelope_keys WHERE hash = ?', hash),
    'envelope',
  );
  const sameContent = Buffer.compare(bytes(known, 'content'), content) === 0;
  const eid = integer(known, 'eid');
  const mid = maybeInteger(known, 'mid');
  const row = w.connection.get('SELECT id, state, entrance FROM envelopes WHERE eid = ?', eid);
  if (!row || text(row, 'state') === 'erased') {
    const record = row && integer(row, 'entrance') === 1 ? entranceRecord(w, eid, mid) : undefined;
    return { result: 'repeated', sameContent, ...(record && { record }) };
  }
  const record = integer(row, 'entrance') === 1 ? entranceRecord(w, eid, mid) : undefined;
  return { result: 'repeated', envelopeId: text(row, 'id'), sameContent, ...(record && { record }) };
}

/** The record that an entrance's envelope made or joined, unless it has been erased. */
function entranceRecord(
  w: Writing,
  eid: number,
  mid: number | undefined,
): { id: string; number: string; trackingPin: string } | undefined {
  const row =
    mid === undefined
      ? w.connection.get(
          `SELECT records.rid AS rid FROM items JOIN messages USING (mid) JOIN records ON records.rid = messages.rid
           WHERE items.eid = ? AND records.erased = 0 ORDER BY messages.mid LIMIT 1`,
          eid,
        )
      : w.connection.get(
          'SELECT records.rid AS rid FROM messages JOIN records ON records.rid = messages.rid WHERE mid = ? AND records.erased = 0',
          mid,
        );
  const doc = row && w.documents.currentDoc(integer(row, 'rid'));
  if (doc === undefined) return undefined;
  const { id, number, trackingPin } = fromJson<{ id: string; number: string; trackingPin: string }>(doc);
  return { id, number, trackingPin };
}
