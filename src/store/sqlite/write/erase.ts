import type { Erase } from '@kapi/contract';
import { failpoint } from '../../../contract/failpoint.ts';
import { Abort, required } from '../../shared/abort.ts';
import { integer, maybeBytes, maybeText, type Row, text } from '../../shared/rows.ts';
import { foundByLookup } from '../documents.ts';
import { moveDelivery } from './deliveries.ts';
import { moveItems } from './items.ts';
import { moveMessage } from './messages.ts';
import { dropLookups } from './records.ts';
import type { Writing } from './writing.ts';

/**
 * Erases documents and data keys; rows stay as tombstones so that the books balance, and keys so that
 * repeats stay known. What events may tell of it is for the same save's later changes.
 */
export function erase(w: Writing, change: Erase): void {
  const { what } = change;
  let erased: string;
  if ('recordId' in what) {
    const row = required(w.connection.get('SELECT rid FROM records WHERE id = ?', what.recordId), 'record');
    eraseRecord(w, integer(row, 'rid'), change);
    w.reach('records', 1);
    erased = what.recordId;
  } else if ('subject' in what) {
    const found = w.connection.all(foundByLookup(1), w.hash(what.subject.kind, what.subject.value));
    for (const row of found) eraseRecord(w, integer(row, 'rid'), change);
    const messages = erasePerson(w, what.subject.value);
    const records = found.length + (what.before ?? 0);
    if (records + messages === 0)
      throw new Abort({
        result: 'failed',
        code: 'not_found',
        detail: 'Nothing here belongs to this person.',
      });
    w.reach('records', found.length);
    w.reach('messages', messages);
    erased = `subject: ${records} records, ${messages} messages outside records`;
  } else {
    erased = `envelopes received before ${new Date(what.envelopesBefore).toISOString()}: ${eraseEnvelopes(w, what.envelopesBefore)}`;
  }
  w.audit(change.at, change.actor, 'erased', erased, change.reason);
  w.documents.forget();
  w.erased = true;
}

function eraseRecord(w: Writing, rid: number, { at, actor }: Erase): void {
  const { connection } = w;
  const record = required(connection.get('SELECT lookups FROM records WHERE rid = ?', rid), 'record');
  const envelopes = new Set<number>();
  for (const message of connection.all('SELECT mid, eid, own, state FROM messages WHERE rid = ?', rid))
    for (const eid of eraseMessage(w, message)) envelopes.add(eid);
  for (const eid of envelopes) eraseEnvelopeIfEmpty(w, eid);
  failpoint('mid-erase');

  connection.run(
    'DELETE FROM record_versions WHERE vid >= ? AND vid < ?',
    rid * 2 ** 20,
    (rid + 1) * 2 ** 20,
  );
  connection.run(
    'DELETE FROM event_bodies WHERE position IN (SELECT position FROM events WHERE rid = ?)',
    rid,
  );
  connection.run('UPDATE events SET sealed = NULL WHERE rid = ?', rid);
  for (const row of connection.all(
    'SELECT id, did, priority, state FROM deliveries WHERE rid = ? AND state < 4',
    rid,
  ))
    moveDelivery(w, row, 'erased');
  connection.run(
    `UPDATE notices SET sealed = NULL, ref = NULL, reason = NULL, open = 0, token = token + 1,
       state = CASE WHEN state = 'pending' THEN 'suppressed' ELSE state END WHERE rid = ?`,
    rid,
  );
  connection.run(
    'UPDATE callbacks SET sealed = NULL, closed_at = coalesce(closed_at, ?), closed_by = coalesce(closed_by, ?) WHERE rid = ?',
    at,
    actor,
    rid,
  );
  connection.run('DELETE FROM timers WHERE rid = ?', rid);
  for (const { blob_id } of connection.all('DELETE FROM uploads WHERE rid = ? RETURNING blob_id', rid))
    if (typeof blob_id === 'string') w.dropped.add(blob_id);
  connection.run('UPDATE conversations SET rid = NULL WHERE rid = ?', rid);
  dropLookups(w, rid, maybeBytes(record, 'lookups'));
  connection.run(
    'UPDATE records SET erased = 1, promise_rings_at = NULL, dek = NULL, lookups = NULL, neighbourhood = NULL, pin_wrong = 0, pin_locked_until = NULL WHERE rid = ?',
    rid,
  );
  w.documents.forget();
}

/** Returns the envelopes that showed the message. */
function eraseMessage(w: Writing, message: Row): ReadonlySet<number> {
  const mid = integer(message, 'mid');
  const shown = w.connection.all('SELECT eid, hash, kind FROM items WHERE mid = ?', mid);
  moveItems(w, shown, 'erased');
  if (integer(message, 'own') === 1 && text(message, 'state') !== 'erased') {
    w.count('item.messages', -1);
    w.count('item.erased', 1);
  }
  const revisions = w.connection.all('SELECT eid FROM message_revisions WHERE mid = ?', mid);
  // The content hashes stay: a late repeat of an old revision is still known.
  w.connection.run('UPDATE message_revisions SET sealed = NULL WHERE mid = ?', mid);
  w.connection.run(
    `UPDATE messages SET state = 'erased', reason = NULL, due = 0, sealed = NULL WHERE mid = ?`,
    mid,
  );
  moveMessage(w, text(message, 'state'), 'erased');
  const idle = 'NOT EXISTS (SELECT 1 FROM messages WHERE messages.cid = conversations.cid AND due = 1)';
  w.connection.run(
    `UPDATE conversations SET due_at = NULL, latest_at = NULL WHERE cid = (SELECT cid FROM messages WHERE mid = ?) AND ${idle}`,
    mid,
  );
  return new Set([integer(message, 'eid'), ...[...shown, ...revisions].map((row) => integer(row, 'eid'))]);
}

/** Messages of a person that are in no record: settling, or kept as not a case. */
function erasePerson(w: Writing, value: string): number {
  const rows = w.connection.all(
    `SELECT mid, messages.eid AS eid, own, state FROM messages JOIN conversations USING (cid)
     WHERE sender = ? AND state IN ('settling', 'not-a-case')`,
    w.hash('person', value),
  );
  const envelopes = new Set(rows.flatMap((row) => [...eraseMessage(w, row)]));
  for (const eid of envelopes) eraseEnvelopeIfEmpty(w, eid);
  return rows.length;
}

/** An envelope whose items all are erased goes; one that others have items in stays until its time is up. */
function eraseEnvelopeIfEmpty(w: Writing, eid: number): void {
  const alive = w.connection.get(
    `SELECT 1 AS one FROM items LEFT JOIN messages USING (mid)
     WHERE items.eid = ?1 AND (items.kind = 'failed' OR (items.kind = 'message' AND messages.state <> 'erased'))
     UNION ALL SELECT 1 FROM messages WHERE eid = ?1 AND own = 1 AND state <> 'erased' LIMIT 1`,
    eid,
  );
  const row = w.connection.get('SELECT eid, state, blob_id FROM envelopes WHERE eid = ?', eid);
  if (!row || alive || !['read', 'erased'].includes(text(row, 'state'))) return;
  eraseEnvelope(w, row, 'whole');
}

/** Raw envelopes whose time is up: read or quarantined ones without messages that still wait. */
function eraseEnvelopes(w: Writing, before: number): number {
  const rows = w.connection.all(
    `SELECT eid, state, blob_id FROM envelopes WHERE received_at < ? AND state IN ('read', 'quarantined')
       AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.eid = envelopes.eid AND due = 1)`,
    before,
  );
  for (const row of rows) {
    const eid = integer(row, 'eid');
    for (const message of w.connection.all(
      `SELECT mid, eid, own, state FROM messages WHERE eid = ? AND state = 'not-a-case'`,
      eid,
    ))
      eraseMessage(w, message);
    moveItems(
      w,
      w.connection.all(`SELECT eid, hash, kind FROM items WHERE eid = ? AND kind = 'failed'`, eid),
      'erased',
    );
    keepOwnMessage(w, eid);
    const lives = w.connection.get(
      'SELECT 1 AS one FROM messages WHERE eid = ? AND sealed IS NOT NULL LIMIT 1',
      eid,
    );
    eraseEnvelope(w, row, lives ? 'raw' : 'whole');
  }
  return rows.length;
}

/** What an entrance's envelope holds of its message outlives the bytes received: it is sealed by itself from now on. */
function keepOwnMessage(w: Writing, eid: number): void {
  const row = w.connection.get(
    `SELECT mid, id, eid, own, state, sealed FROM messages WHERE eid = ? AND own = 1 AND state <> 'erased' AND sealed IS NULL`,
    eid,
  );
  const owner = row && w.documents.envelopeAt(eid);
  const content = row && w.documents.messageContent(owner, row);
  if (!row || !owner || content === undefined) return;
  w.connection.run(
    'UPDATE messages SET sealed = ? WHERE mid = ?',
    w.documents.sealTo(owner, `message:${text(row, 'id')}`, content),
    integer(row, 'mid'),
  );
}

/**
 * `raw`: body and parsed parts go; media stay, as attachments of a living record, and with them the data
 * key. `whole`: nothing that the key could open stays.
 */
function eraseEnvelope(w: Writing, row: Row, extent: 'raw' | 'whole'): void {
  const eid = integer(row, 'eid');
  const parts = w.connection.all(
    `DELETE FROM parts WHERE eid = ? ${extent === 'raw' ? `AND kind = 'parsed'` : ''} RETURNING blob_id`,
    eid,
  );
  for (const blob of [row, ...parts].map((owner) => maybeText(owner, 'blob_id')))
    if (blob !== undefined) w.dropped.add(blob);
  w.connection.run(
    `UPDATE envelopes SET state = 'erased', sealed = NULL, blob_id = NULL, code = NULL, detail = NULL, token = token + 1,
       dek = CASE WHEN ? THEN dek END WHERE eid = ?`,
    extent === 'raw' ? 1 : 0,
    eid,
  );
  if (text(row, 'state') === 'erased') return;
  w.count(`envelope.${text(row, 'state')}`, -1);
  w.count('envelope.erased', 1);
}
