import type { CloseCallback } from '@kapi/contract';
import { required } from '../../shared/abort.ts';
import { afterTelling, docOf, joined } from '../../shared/callbacks.ts';
import type { CallbackDoc, PackedCallback } from '../../shared/pack.ts';
import { fromJson, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { type Owner, sealTo } from '../../shared/sealed.ts';
import { recordColumns } from '../documents.ts';
import { documentsOf } from './claims.ts';
import type { Writing } from './writing.ts';

const standingSql = (where: string): string =>
  `SELECT callbacks.*, ${recordColumns} FROM callbacks LEFT JOIN records USING (rid) WHERE ${where} FOR UPDATE OF callbacks`;
const ofRecord = standingSql('callbacks.rid = $1 AND closed_at IS NULL');
const byId = standingSql('callbacks.id = $1');

/** Reason, phone and what to tell, of a call-back that is open and not erased. */
function openDoc(w: Writing, row: Row): CallbackDoc | undefined {
  const callback = maybeInteger(row, 'closed_at') === undefined ? documentsOf(w).callback(row) : undefined;
  return callback && docOf(callback);
}

const reseal = (w: Writing, owner: Owner, id: string, doc: CallbackDoc): void =>
  w.send('UPDATE callbacks SET sealed = $2 WHERE id = $1', [
    id,
    sealTo(owner, `callback:${id}`, JSON.stringify(doc)),
  ]);

/** Adds to the record's open call-back, or makes one. The record is locked: two do not make one each. */
export async function putCallback(w: Writing, { callback }: PackedCallback): Promise<void> {
  const record = callback.recordId === undefined ? undefined : await w.owners.keyed(callback.recordId);
  const owner: Owner = record ?? documentsOf(w).houseOwner();
  const standing = record && (await w.all(ofRecord, [record.row]))[0];
  const before = standing && openDoc(w, standing);
  if (standing && before) {
    reseal(w, owner, text(standing, 'id'), joined(before, fromJson<CallbackDoc>(callback.doc)));
    return;
  }
  w.send(
    'INSERT INTO callbacks (id, rid, sealed, created_at, closed_at, closed_by) VALUES ($1, $2, $3, $4, $5, $6)',
    [
      callback.id,
      record?.row ?? null,
      sealTo(owner, `callback:${callback.id}`, callback.doc),
      callback.createdAt,
      callback.closedAt ?? null,
      callback.closedBy ?? null,
    ],
  );
}

export async function closeCallback(w: Writing, { id, told, by, at }: CloseCallback): Promise<void> {
  const row = required((await w.all(byId, [id]))[0], 'callback');
  const before = openDoc(w, row);
  if (!before) return;
  const documents = documentsOf(w);
  const owner =
    maybeInteger(row, 'rid') === undefined ? documents.houseOwner() : documents.ownerIn(row, 'rid');
  const { doc, all } = afterTelling(before, told, at);
  reseal(w, owner, id, doc);
  if (all) w.send('UPDATE callbacks SET closed_at = $2, closed_by = $3 WHERE id = $1', [id, at, by]);
}
