import type { Erase } from '@kapi/contract';
import { failpoint } from '../../../contract/failpoint.ts';
import { Abort, required } from '../../shared/abort.ts';
import { deliveryCounter, stateCode } from '../../shared/deliveries.ts';
import { integer, maybeBytes, maybeText, type Row, text } from '../../shared/rows.ts';
import { sealTo } from '../../shared/sealed.ts';
import { envelopeColumns, messageContent } from '../documents.ts';
import { documentsOf } from './claims.ts';
import { countErased } from './items.ts';
import { moveMessage } from './messages.ts';
import { replaceLookups } from './records.ts';
import type { Writing } from './writing.ts';

/**
 * Erases documents and data keys; rows stay as tombstones so that the books balance, and keys so that
 * repeats stay known. What events may tell of it is for the same save's later changes.
 */
export async function erase(w: Writing, change: Erase): Promise<void> {
  const { what } = change;
  let erased: string;
  if ('recordId' in what) {
    const rows = await w.all('SELECT rid, id, lookups FROM records WHERE id = $1 FOR NO KEY UPDATE', [
      what.recordId,
    ]);
    await eraseRecord(w, required(rows[0], 'record'), change);
    w.reach('records', 1);
    erased = what.recordId;
  } else if ('subject' in what) {
    const found = await w.all(
      'SELECT rid, id, records.lookups FROM lookups JOIN records USING (rid) WHERE hash = $1 ORDER BY rid FOR NO KEY UPDATE OF records',
      [w.hash(what.subject.kind, what.subject.value)],
    );
    for (const row of found) await eraseRecord(w, row, change);
    const messages = await erasePerson(w, what.subject.value);
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
    erased = `envelopes received before ${new Date(what.envelopesBefore).toISOString()}: ${await eraseEnvelopes(w, what.envelopesBefore)}`;
  }
  w.audit.add(change.at, change.actor, 'erased', erased, change.reason);
  w.owners.forget();
}

const messageColumns = 'mid, messages.eid, own, messages.state';

async function eraseRecord(w: Writing, record: Row, { at, actor }: Erase): Promise<void> {
  const rid = integer(record, 'rid');
  const envelopes = await eraseMessages(
    w,
    await w.all(`SELECT ${messageColumns} FROM messages WHERE rid = $1 ORDER BY mid FOR UPDATE`, [rid]),
  );
  for (const eid of envelopes) await eraseEnvelopeIfEmpty(w, eid);
  failpoint('mid-erase');

  w.send('DELETE FROM record_versions WHERE rid = $1', [rid]);
  w.send('DELETE FROM event_bodies WHERE rid = $1', [rid]);
  w.send('UPDATE events SET sealed = NULL WHERE rid = $1', [rid]);
  const moved = await w.all(
    `UPDATE deliveries d SET state = 6, due_at = 0, lease_until = 0, token = d.token + 1
     FROM (SELECT rid, sequence, did, state FROM deliveries WHERE rid = $1 AND state < 4 ORDER BY sequence, did FOR UPDATE) o
     WHERE d.rid = o.rid AND d.sequence = o.sequence AND d.did = o.did RETURNING d.did, d.priority, o.state AS before`,
    [rid],
  );
  for (const row of moved) {
    const did = integer(row, 'did');
    const priority = integer(row, 'priority');
    w.count(deliveryCounter(did, integer(row, 'before'), priority), -1);
    w.count(deliveryCounter(did, stateCode('erased'), priority), 1);
  }
  w.send(
    `UPDATE notices SET sealed = NULL, ref = NULL, reason = NULL, open = 0, token = token + 1,
       state = CASE WHEN state = 'pending' THEN 'suppressed' ELSE state END WHERE rid = $1`,
    [rid],
  );
  w.send(
    'UPDATE callbacks SET sealed = NULL, closed_at = coalesce(closed_at, $2), closed_by = coalesce(closed_by, $3) WHERE rid = $1',
    [rid, at, actor],
  );
  w.send('DELETE FROM timers WHERE rid = $1', [rid]);
  for (const row of await w.all('DELETE FROM uploads WHERE rid = $1 RETURNING blob_id', [rid]))
    w.dropped.add(text(row, 'blob_id'));
  w.send('UPDATE conversations SET rid = NULL WHERE rid = $1', [rid]);
  replaceLookups(w, { row: rid, lookups: maybeBytes(record, 'lookups') }, []);
  w.send(
    'UPDATE records SET erased = 1, promise_rings_at = NULL, dek = NULL, lookups = NULL, neighbourhood = NULL, pin_wrong = 0, pin_locked_until = NULL WHERE rid = $1',
    [rid],
  );
  w.owners.forgetRecord(text(record, 'id'));
}

/** Returns the envelopes that showed the messages. */
async function eraseMessages(w: Writing, messages: readonly Row[]): Promise<ReadonlySet<number>> {
  if (messages.length === 0) return new Set();
  const mids = [messages.map((row) => integer(row, 'mid'))];
  const shown = await w.all(
    `UPDATE items i SET kind = 'erased', code = NULL, detail = NULL
     FROM (SELECT eid, hash, kind FROM items WHERE mid = ANY($1::bigint[]) FOR UPDATE) o
     WHERE i.eid = o.eid AND i.hash = o.hash RETURNING o.eid, o.kind`,
    mids,
  );
  countErased(w, shown);
  // The content hashes stay: a late repeat of an old revision is still known.
  const revisions = await w.all(
    'UPDATE message_revisions SET sealed = NULL WHERE mid = ANY($1::bigint[]) RETURNING eid',
    mids,
  );
  w.send(
    `UPDATE messages SET state = 'erased', reason = NULL, due = 0, sealed = NULL WHERE mid = ANY($1::bigint[])`,
    mids,
  );
  for (const message of messages) {
    const state = text(message, 'state');
    if (integer(message, 'own') === 1 && state !== 'erased') {
      w.count('item.messages', -1);
      w.count('item.erased', 1);
    }
    moveMessage(w, state, 'erased');
  }
  w.send(
    `UPDATE conversations SET due_at = NULL, latest_at = NULL WHERE cid IN (SELECT cid FROM messages WHERE mid = ANY($1::bigint[]))
       AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.cid = conversations.cid AND due = 1)`,
    mids,
  );
  return new Set([...messages, ...shown, ...revisions].map((row) => integer(row, 'eid')));
}

/** Messages of a person that are in no record: settling, or kept as not a case. */
async function erasePerson(w: Writing, value: string): Promise<number> {
  const rows = await w.all(
    `SELECT ${messageColumns} FROM messages JOIN conversations USING (cid)
     WHERE sender = $1 AND messages.state IN ('settling', 'not-a-case') ORDER BY mid FOR UPDATE OF messages`,
    [w.hash('person', value)],
  );
  for (const eid of await eraseMessages(w, rows)) await eraseEnvelopeIfEmpty(w, eid);
  return rows.length;
}

/** An envelope whose items all are erased goes; one that others have items in stays until its time is up. */
async function eraseEnvelopeIfEmpty(w: Writing, eid: number): Promise<void> {
  const [row] = await w.all(
    `SELECT eid, state, blob_id FROM envelopes WHERE eid = $1 AND state IN ('read', 'erased') AND NOT EXISTS (
       SELECT 1 FROM items LEFT JOIN messages USING (mid)
       WHERE items.eid = $1 AND (items.kind = 'failed' OR (items.kind = 'message' AND messages.state <> 'erased'))
       UNION ALL SELECT 1 FROM messages WHERE eid = $1 AND own = 1 AND state <> 'erased') FOR UPDATE`,
    [eid],
  );
  if (row) await eraseEnvelope(w, row, 'whole');
}

/** Raw envelopes whose time is up: read or quarantined ones without messages that still wait. */
async function eraseEnvelopes(w: Writing, before: number): Promise<number> {
  const rows = await w.all(
    `SELECT eid, state, blob_id FROM envelopes WHERE received_at < $1 AND state IN ('read', 'quarantined')
       AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.eid = envelopes.eid AND due = 1) ORDER BY eid FOR UPDATE`,
    [before],
  );
  for (const row of rows) {
    const eid = integer(row, 'eid');
    await eraseMessages(
      w,
      await w.all(
        `SELECT ${messageColumns} FROM messages WHERE eid = $1 AND state = 'not-a-case' ORDER BY mid FOR UPDATE`,
        [eid],
      ),
    );
    const failed = await w.all(
      `UPDATE items SET kind = 'erased', code = NULL, detail = NULL WHERE eid = $1 AND kind = 'failed' RETURNING 'failed' AS kind`,
      [eid],
    );
    countErased(w, failed);
    await keepOwnMessage(w, eid);
    const lives = await w.all('SELECT 1 FROM messages WHERE eid = $1 AND sealed IS NOT NULL LIMIT 1', [eid]);
    await eraseEnvelope(w, row, lives.length > 0 ? 'raw' : 'whole');
  }
  return rows.length;
}

/** What an entrance's envelope holds of its message outlives the bytes received: it is sealed by itself from now on. */
async function keepOwnMessage(w: Writing, eid: number): Promise<void> {
  const [row] = await w.all(
    `SELECT mid, messages.id, messages.eid, own, messages.state, messages.sealed, envelopes.sealed AS envelope_sealed, ${envelopeColumns}
     FROM messages JOIN envelopes USING (eid) WHERE messages.eid = $1 AND own = 1 AND messages.state <> 'erased' AND messages.sealed IS NULL`,
    [eid],
  );
  if (!row) return;
  const owner = documentsOf(w).ownerIn(row, 'eid');
  const content = messageContent(owner, row);
  if (content === undefined) return;
  w.send('UPDATE messages SET sealed = $2 WHERE mid = $1', [
    integer(row, 'mid'),
    sealTo(owner, `message:${text(row, 'id')}`, content),
  ]);
}

/**
 * `raw`: body and parsed parts go; media stay, as attachments of a living record, and with them the data
 * key. `whole`: nothing that the key could open stays.
 */
async function eraseEnvelope(w: Writing, row: Row, extent: 'raw' | 'whole'): Promise<void> {
  const eid = integer(row, 'eid');
  const parts = await w.all(
    `DELETE FROM parts WHERE eid = $1 AND ($2 OR kind = 'parsed') RETURNING blob_id`,
    [eid, extent === 'whole'],
  );
  for (const blob of [row, ...parts].map((owner) => maybeText(owner, 'blob_id')))
    if (blob !== undefined) w.dropped.add(blob);
  w.send(
    `UPDATE envelopes SET state = 'erased', sealed = NULL, blob_id = NULL, code = NULL, detail = NULL, token = token + 1,
       dek = CASE WHEN $2 THEN NULL ELSE dek END WHERE eid = $1`,
    [eid, extent === 'whole'],
  );
  if (text(row, 'state') === 'erased') return;
  w.count(`envelope.${text(row, 'state')}`, -1);
  w.count('envelope.erased', 1);
}
