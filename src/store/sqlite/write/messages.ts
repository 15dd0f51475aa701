import type { PlaceMessage, PutItem } from '@kapi/contract';
import { Abort, required } from '../../shared/abort.ts';
import type { PackedMessage } from '../../shared/pack.ts';
import { bytes, integer, maybeBytes, maybeInteger, type Row, text } from '../../shared/rows.ts';
import type { Owner } from '../../shared/sealed.ts';
import { showItem } from './items.ts';
import type { Writing } from './writing.ts';

export const envelopeOf = (w: Writing, id: string): Owner => {
  const owner = w.documents.envelope(id);
  if (!owner) throw new Abort({ result: 'failed', code: 'not_found', detail: 'There is no such envelope.' });
  return owner;
};

export function putItem(w: Writing, change: PutItem): void {
  const envelope = envelopeOf(w, change.item.envelopeId);
  const hash = w.hash(`item:${change.item.account}`, change.item.key);
  const more = { code: change.reason, ...(change.detail !== undefined && { detail: change.detail }) };
  if (change.kind === 'failed') {
    showItem(w, envelope.row, hash, 'failed', more);
    return;
  }
  const known = w.connection.run(
    'INSERT INTO item_keys (hash, content, mid) VALUES (?, ?, NULL) ON CONFLICT DO NOTHING',
    hash,
    w.hash('content', change.item.contentHash),
  );
  showItem(w, envelope.row, hash, known.changes === 0 ? 'repeated' : change.kind, more);
}

export function putMessage(w: Writing, change: PackedMessage): void {
  const envelope = envelopeOf(w, change.item.envelopeId);
  const hash = w.hash(`item:${change.item.account}`, change.item.key);
  const content = w.hash('content', change.item.contentHash);
  const known = w.connection.get('SELECT content, mid FROM item_keys WHERE hash = ?', hash);
  const mid = known && maybeInteger(known, 'mid');
  if (mid === undefined) {
    insertMessage(w, change, envelope, hash, content);
    return;
  }
  const message = required(w.connection.get('SELECT * FROM messages WHERE mid = ?', mid), 'message');
  const same = Buffer.compare(bytes(known ?? {}, 'content'), content) === 0;
  // A late repeat of an older revision is a repeat, not an edit back: it must not undo the newer one.
  const older = w.connection.get(
    'SELECT 1 AS one FROM message_revisions WHERE mid = ? AND content = ?',
    mid,
    content,
  );
  if (same || older || text(message, 'state') === 'erased') {
    showItem(w, envelope.row, hash, 'repeated', { mid });
    return;
  }
  reviseMessage(w, change, envelope, message, hash, content);
}

function insertMessage(
  w: Writing,
  change: PackedMessage,
  envelope: Owner,
  hash: Buffer,
  content: Buffer,
): void {
  const { message, placement } = change;
  const inRecord = placement.place === 'in-record';
  const record = inRecord ? recordRow(w, placement.recordId) : null;
  const cid = placement.place === 'settle' ? settle(w, placement, message.adapter) : null;
  const mid = w.nextRow('messages');
  w.connection.run(
    `INSERT INTO messages (mid, id, eid, own, cid, rid, account, adapter, channel, received_at, said_at, revision, placed, state, due, sealed)
     VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)`,
    mid,
    message.id,
    envelope.row,
    cid,
    record,
    message.account,
    message.adapter,
    message.channel,
    message.receivedAt,
    message.saidAt,
    inRecord ? 1 : 0,
    inRecord ? 'in-record' : 'settling',
    inRecord ? 0 : 1,
    w.documents.sealTo(envelope, `message:${message.id}`, message.content),
  );
  w.connection.run(
    'INSERT INTO item_keys (hash, content, mid) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET content = excluded.content, mid = excluded.mid',
    hash,
    content,
    mid,
  );
  showItem(w, envelope.row, hash, 'message', { mid });
  w.count('message.total', 1);
  w.count(inRecord ? 'message.in-record' : 'message.settling', 1);
}

/** An entrance's own message, into its record. Its content is sealed with the envelope, its key is the envelope's. */
export function insertOwnMessage(w: Writing, change: PackedMessage, envelope: Owner, mid: number): void {
  const { message, placement } = change;
  if (placement.place !== 'in-record') throw new Error('An own message stands in a record.');
  w.connection.run(
    `INSERT INTO messages (mid, id, eid, own, rid, account, adapter, channel, received_at, said_at, revision, placed, state, due)
     VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, 1, 1, 'in-record', 0)`,
    mid,
    message.id,
    envelope.row,
    recordRow(w, placement.recordId),
    message.account,
    message.adapter,
    message.channel,
    message.receivedAt,
    message.saidAt,
  );
  w.count('item.total', 1);
  w.count('item.messages', 1);
  w.count('message.total', 1);
  w.count('message.in-record', 1);
}

function reviseMessage(
  w: Writing,
  { message, placement }: PackedMessage,
  envelope: Owner,
  old: Row,
  hash: Buffer,
  content: Buffer,
): void {
  const mid = integer(old, 'mid');
  const id = text(old, 'id');
  const revision = integer(old, 'revision') + 1;
  const before = required(w.connection.get('SELECT content FROM item_keys WHERE hash = ?', hash), 'item');
  w.connection.run(
    'INSERT INTO message_revisions (mid, revision, eid, content, sealed) VALUES (?, ?, ?, ?, ?)',
    mid,
    revision - 1,
    integer(old, 'eid'),
    bytes(before, 'content'),
    maybeBytes(old, 'sealed') ?? null,
  );
  const placed = placement.place === 'in-record';
  const cid =
    placement.place === 'settle' ? settle(w, placement, message.adapter) : (maybeInteger(old, 'cid') ?? null);
  const rid = placed ? recordRow(w, placement.recordId) : (maybeInteger(old, 'rid') ?? null);
  const state = placed ? 'in-record' : text(old, 'state') === 'not-a-case' ? 'settling' : text(old, 'state');
  w.connection.run(
    `UPDATE messages SET eid = ?, cid = ?, rid = ?, received_at = ?, said_at = ?, revision = ?, placed = ?, state = ?, due = ?, sealed = ? WHERE mid = ?`,
    envelope.row,
    cid,
    rid,
    message.receivedAt,
    message.saidAt,
    revision,
    placed ? revision : integer(old, 'placed'),
    state,
    placed ? 0 : 1,
    w.documents.sealTo(envelope, `message:${id}`, message.content),
    mid,
  );
  w.connection.run('UPDATE item_keys SET content = ? WHERE hash = ?', content, hash);
  showItem(w, envelope.row, hash, 'message', { mid });
  moveMessage(w, text(old, 'state'), state);
}

export function moveMessage(w: Writing, from: string, to: string): void {
  if (from === to) return;
  w.count(`message.${from}`, -1);
  w.count(`message.${to}`, 1);
}

export const recordRow = (w: Writing, id: string): number => {
  const owner = w.documents.record(id);
  if (!owner) throw new Abort({ result: 'failed', code: 'not_found', detail: 'There is no such record.' });
  return owner.row;
};

/** The conversation of a sender becomes due when it has been quiet long enough, or at the latest at `latestAt`. */
function settle(
  w: Writing,
  placement: Extract<PackedMessage['placement'], { place: 'settle' }>,
  adapter: string,
): number {
  const { account, senderId } = placement.conversation;
  const sender = w.hash('person', senderId);
  const found = w.connection.get(
    'SELECT cid, due_at, latest_at FROM conversations WHERE sender = ? AND account = ?',
    sender,
    account,
  );
  w.wake('assemble');
  if (!found)
    return w.connection.run(
      'INSERT INTO conversations (account, adapter, sender, due_at, latest_at) VALUES (?, ?, ?, ?, ?)',
      account,
      adapter,
      sender,
      Math.min(placement.dueAt, placement.latestAt),
      placement.latestAt,
    ).rowid;
  const cid = integer(found, 'cid');
  const due = maybeInteger(found, 'due_at');
  const latest =
    due === undefined
      ? placement.latestAt
      : Math.min(maybeInteger(found, 'latest_at') ?? placement.latestAt, placement.latestAt);
  w.connection.run(
    'UPDATE conversations SET due_at = ?, latest_at = ? WHERE cid = ?',
    Math.min(Math.max(due ?? 0, placement.dueAt), latest),
    latest,
    cid,
  );
  return cid;
}

export function placeMessage(w: Writing, change: PlaceMessage): void {
  const row = required(
    w.connection.get(
      'SELECT mid, cid, revision, placed, state, rid FROM messages WHERE id = ? AND own = 0',
      change.messageId,
    ),
    'message',
  );
  if (text(row, 'state') === 'erased') return;
  const { to } = change;
  const placed = Math.max(change.revision, integer(row, 'placed'));
  const rid = to.state === 'in-record' ? recordRow(w, to.recordId) : null;
  w.connection.run(
    'UPDATE messages SET state = ?, reason = ?, rid = ?, placed = ?, due = ? WHERE mid = ?',
    to.state,
    to.state === 'not-a-case' ? to.reason : null,
    rid,
    placed,
    integer(row, 'revision') > placed ? 1 : 0,
    integer(row, 'mid'),
  );
  const cid = maybeInteger(row, 'cid');
  // A revision placed where its message already is says nothing of what is talked about now.
  if (rid !== null && cid !== undefined && rid !== maybeInteger(row, 'rid'))
    w.connection.run('UPDATE conversations SET rid = ? WHERE cid = ?', rid, cid);
  moveMessage(w, text(row, 'state'), to.state);
}

/** A message kept as not a case goes back to be assembled, and is marked as one that a person calls a case. */
export function restoreMessage(w: Writing, id: string, at: number): void {
  const row = required(
    w.connection.get('SELECT mid, cid, state FROM messages WHERE id = ? AND own = 0', id),
    'message',
  );
  const cid = maybeInteger(row, 'cid');
  if (text(row, 'state') !== 'not-a-case' || cid === undefined)
    throw new Abort({ result: 'exists', what: 'message' });
  w.connection.run(
    `UPDATE messages SET state = 'settling', reason = NULL, restored = 1, placed = 0, due = 1 WHERE mid = ?`,
    integer(row, 'mid'),
  );
  w.connection.run(
    'UPDATE conversations SET due_at = min(coalesce(due_at, ?1), ?1), latest_at = coalesce(latest_at, ?1) WHERE cid = ?2',
    at,
    cid,
  );
  moveMessage(w, 'not-a-case', 'settling');
  w.wake('assemble');
}
