import type { CloseCallback } from '@kapi/contract';
import { required } from '../../shared/abort.ts';
import type { CallbackDoc, PackedCallback } from '../../shared/pack.ts';
import { fromJson, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { type Owner, sealTo } from '../../shared/sealed.ts';
import { recordColumns } from '../documents.ts';
import { documentsOf } from './claims.ts';
import type { Writing } from './writing.ts';

const houseOwner = (w: Writing): Owner => ({ id: 'house', row: 0, key: w.house.key });

/** Reason, phone and what to tell, of a call-back that is open and not erased. */
function openDoc(w: Writing, row: Row): CallbackDoc | undefined {
  const callback = maybeInteger(row, 'closed_at') === undefined ? documentsOf(w).callback(row) : undefined;
  if (!callback) return undefined;
  const { reason, phone, tells } = callback;
  return { reason, ...(phone !== undefined && { phone }), tells };
}

function reseal(w: Writing, row: Row, doc: CallbackDoc): void {
  const id = text(row, 'id');
  const owner = maybeInteger(row, 'rid') === undefined ? houseOwner(w) : documentsOf(w).ownerIn(row, 'rid');
  w.send('UPDATE callbacks SET sealed = $2 WHERE id = $1', [
    id,
    sealTo(owner, `callback:${id}`, JSON.stringify(doc)),
  ]);
}

const withOwner = `SELECT callbacks.*, ${recordColumns} FROM callbacks LEFT JOIN records USING (rid)`;

/** Adds to the record's open call-back, or makes one. The record's lock lets one writer do so at a time. */
export async function putCallback(w: Writing, { callback }: PackedCallback): Promise<void> {
  const record = callback.recordId === undefined ? undefined : await w.owners.keyed(callback.recordId);
  const owner = record ?? houseOwner(w);
  if (record) {
    await w.all('SELECT 1 FROM records WHERE rid = $1 FOR NO KEY UPDATE', [record.row]);
    const [standing] = await w.all(
      `${withOwner} WHERE callbacks.rid = $1 AND closed_at IS NULL FOR UPDATE OF callbacks`,
      [record.row],
    );
    const before = standing && openDoc(w, standing);
    if (standing && before) {
      const added = fromJson<CallbackDoc>(callback.doc);
      const known = new Set(before.tells.map(({ eventId }) => eventId));
      const news = added.tells.filter(({ eventId }) => !known.has(eventId));
      reseal(w, standing, { ...before, ...added, tells: [...before.tells, ...news] });
      return;
    }
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
  const [found] = await w.all(`${withOwner} WHERE callbacks.id = $1 FOR UPDATE OF callbacks`, [id]);
  const row = required(found, 'callback');
  const before = openDoc(w, row);
  if (!before) return;
  const tells = before.tells.map((telling) =>
    told.includes(telling.eventId) && telling.toldAt === undefined ? { ...telling, toldAt: at } : telling,
  );
  reseal(w, row, { ...before, tells });
  if (tells.every(({ toldAt }) => toldAt !== undefined))
    w.send('UPDATE callbacks SET closed_at = $2, closed_by = $3 WHERE id = $1', [id, at, by]);
}
