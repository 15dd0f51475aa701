import type { AcceptOutcome } from '@kapi/contract';
import { newDataKey } from '../../../sealing/index.ts';
import type { PackedEntry } from '../pack.ts';
import { bytes, fromJson, integer, type Row, text } from '../rows.ts';
import { applyChange } from './changes.ts';
import { putCursor } from './leases.ts';
import { putPart } from './parts.ts';
import type { Writing } from './writing.ts';

/** Stores one envelope under its key, or recognises it. @throws Abort from a change of an entrance's entry */
export function acceptEntry(w: Writing, entry: PackedEntry, now: number, moveCursor: boolean): AcceptOutcome {
  const { envelope } = entry;
  const hash = w.hash(`envelope:${envelope.account}`, entry.key);
  const content = w.hash('content', entry.contentHash);
  const known = w.connection.get('SELECT content, eid FROM envelope_keys WHERE hash = ?', hash);
  const outcome = known ? repeated(w, known, content) : insert(w, entry, hash, content, now);
  if (entry.cursor !== undefined && moveCursor) putCursor(w, envelope.account, entry.cursor);
  return outcome;
}

function insert(w: Writing, entry: PackedEntry, hash: Buffer, content: Buffer, now: number): AcceptOutcome {
  const { envelope, changes } = entry;
  const { key, wrapped } = newDataKey(w.documents.ring, envelope.id);
  const owner = { id: envelope.id, row: 0, key };
  const state = changes ? 'read' : 'unread';
  const eid = w.connection.run(
    `INSERT INTO envelopes (id, adapter, account, received_at, accepted_at, entrance, state, bytes, blob_id, dek, sealed, due_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    envelope.id,
    envelope.adapter,
    envelope.account,
    envelope.receivedAt,
    now,
    changes ? 1 : 0,
    state,
    envelope.bytes,
    envelope.blobId ?? null,
    wrapped,
    w.documents.sealEnvelope(owner, envelope.head, envelope.body),
    now,
  ).rowid;
  const placed = w.documents.remember('envelope', { ...owner, row: eid });
  w.connection.run('INSERT INTO envelope_keys (hash, content, eid) VALUES (?, ?, ?)', hash, content, eid);
  w.count('envelope.total', 1);
  w.count(`envelope.${state}`, 1);
  for (const part of entry.parts) putPart(w, placed, part, now);
  for (const change of changes ?? []) applyChange(w, change, now);
  if (!changes) w.wake('read');
  return { result: 'accepted', envelopeId: envelope.id };
}

function repeated(w: Writing, known: Row, content: Buffer): AcceptOutcome {
  const sameContent = Buffer.compare(bytes(known, 'content'), content) === 0;
  const eid = integer(known, 'eid');
  const row = w.connection.get('SELECT id, state, entrance FROM envelopes WHERE eid = ?', eid);
  if (!row || text(row, 'state') === 'erased') {
    const record = row && integer(row, 'entrance') === 1 ? entranceRecord(w, eid) : undefined;
    return { result: 'repeated', sameContent, ...(record && { record }) };
  }
  const record = integer(row, 'entrance') === 1 ? entranceRecord(w, eid) : undefined;
  return { result: 'repeated', envelopeId: text(row, 'id'), sameContent, ...(record && { record }) };
}

/** The record that an entrance's envelope made or joined, unless it has been erased. */
function entranceRecord(
  w: Writing,
  eid: number,
): { id: string; number: string; trackingPin: string } | undefined {
  const row = w.connection.get(
    `SELECT records.rid AS rid FROM items JOIN messages USING (mid) JOIN records ON records.rid = messages.rid
     WHERE items.eid = ? AND records.erased = 0 ORDER BY messages.mid LIMIT 1`,
    eid,
  );
  const doc = row && w.documents.currentDoc(integer(row, 'rid'));
  if (doc === undefined) return undefined;
  const { id, number, trackingPin } = fromJson<{ id: string; number: string; trackingPin: string }>(doc);
  return { id, number, trackingPin };
}
