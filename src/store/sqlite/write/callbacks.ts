import type { CloseCallback } from '@kapi/contract';
import { required } from '../../shared/abort.ts';
import { afterTelling, docOf, joined } from '../../shared/callbacks.ts';
import type { CallbackDoc, PackedCallback } from '../../shared/pack.ts';
import { fromJson, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { keyed } from './records.ts';
import type { Writing } from './writing.ts';

/** Reason, phone and what to tell, of a call-back that is open and not erased. */
function openDoc(w: Writing, row: Row): CallbackDoc | undefined {
  const callback = maybeInteger(row, 'closed_at') === undefined ? w.documents.callback(row) : undefined;
  return callback && docOf(callback);
}

function reseal(w: Writing, row: Row, doc: CallbackDoc): void {
  const id = text(row, 'id');
  const rid = maybeInteger(row, 'rid');
  const owner = rid === undefined ? w.documents.houseOwner() : w.documents.recordAt(rid);
  if (!owner) return;
  w.connection.run(
    'UPDATE callbacks SET sealed = ? WHERE id = ?',
    w.documents.sealTo(owner, `callback:${id}`, JSON.stringify(doc)),
    id,
  );
}

/** Adds to the record's open call-back, or makes one. */
export function putCallback(w: Writing, { callback }: PackedCallback): void {
  const owner = callback.recordId === undefined ? w.documents.houseOwner() : keyed(w, callback.recordId);
  const rid = callback.recordId === undefined ? null : owner.row;
  const standing =
    rid === null
      ? undefined
      : w.connection.get('SELECT * FROM callbacks WHERE rid = ? AND closed_at IS NULL', rid);
  const before = standing && openDoc(w, standing);
  if (standing && before) {
    reseal(w, standing, joined(before, fromJson<CallbackDoc>(callback.doc)));
    return;
  }
  w.connection.run(
    'INSERT INTO callbacks (id, rid, sealed, created_at, closed_at, closed_by) VALUES (?, ?, ?, ?, ?, ?)',
    callback.id,
    rid,
    w.documents.sealTo(owner, `callback:${callback.id}`, callback.doc),
    callback.createdAt,
    callback.closedAt ?? null,
    callback.closedBy ?? null,
  );
}

export function closeCallback(w: Writing, { id, told, by, at }: CloseCallback): void {
  const row = required(w.connection.get('SELECT * FROM callbacks WHERE id = ?', id), 'callback');
  const before = openDoc(w, row);
  if (!before) return;
  const { doc, all } = afterTelling(before, told, at);
  reseal(w, row, doc);
  if (all) w.connection.run('UPDATE callbacks SET closed_at = ?, closed_by = ? WHERE id = ?', at, by, id);
}
