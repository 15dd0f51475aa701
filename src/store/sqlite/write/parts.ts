import type { PackedPart } from '../../shared/pack.ts';
import type { Owner } from '../../shared/sealed.ts';
import type { Writing } from './writing.ts';

const finalStates: ReadonlySet<string> = new Set(['stored', 'expired', 'refused', 'infected']);

export function putPart(w: Writing, envelope: Owner, part: PackedPart, now: number): void {
  w.connection.run(
    `INSERT INTO parts (eid, key, state, wait, kind, blob_id, reason, sealed, due_at, urgent)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, (SELECT urgent FROM envelopes WHERE eid = ?1))
     ON CONFLICT (eid, key) DO UPDATE SET state = excluded.state, wait = excluded.wait, kind = excluded.kind,
       blob_id = excluded.blob_id, reason = excluded.reason, sealed = excluded.sealed,
       due_at = CASE excluded.state WHEN 'pending' THEN excluded.due_at ELSE due_at END,
       attempt = CASE excluded.state WHEN 'pending' THEN 0 ELSE attempt END`,
    envelope.row,
    part.key,
    part.state,
    part.wait,
    part.kind,
    part.blobId,
    part.reason,
    w.documents.sealTo(envelope, `part:${part.key}`, part.doc),
    now,
  );
  if (!finalStates.has(part.state)) w.wake('fetch');
  wakeRead(w, envelope.row, now);
}

/** The read stage may be waiting for parts: with each that comes it looks again. */
export function wakeRead(w: Writing, eid: number, now: number): void {
  const { changes } = w.connection.run(
    `UPDATE envelopes SET due_at = ? WHERE eid = ? AND state = 'unread' AND due_at > ?`,
    now,
    eid,
    now,
  );
  if (changes > 0) w.wake('read');
}
