import type { PlaceMessage, PutItem } from '@kapi/contract';
import { Abort, required } from '../../shared/abort.ts';
import type { PackedMessage } from '../../shared/pack.ts';
import { bytes, integer, maybeBytes, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { type Owner, sealTo } from '../../shared/sealed.ts';
import { showItem } from './items.ts';
import type { Writing } from './writing.ts';

export async function putItem(w: Writing, change: PutItem): Promise<void> {
  const envelope = await w.owners.envelopeOf(change.item.envelopeId);
  const hash = w.hash(`item:${change.item.account}`, change.item.key);
  const more = { code: change.reason, detail: change.detail };
  if (change.kind === 'failed') {
    showItem(w, envelope.row, hash, 'failed', more);
    return;
  }
  const fresh = await w.all(
    'INSERT INTO item_keys (hash, content, mid) VALUES ($1, $2, NULL) ON CONFLICT DO NOTHING RETURNING hash',
    [hash, w.hash('content', change.item.contentHash)],
  );
  showItem(w, envelope.row, hash, fresh.length === 0 ? 'repeated' : change.kind, more);
}

export async function putMessage(w: Writing, change: PackedMessage): Promise<void> {
  const envelope = await w.owners.envelopeOf(change.item.envelopeId);
  const hash = w.hash(`item:${change.item.account}`, change.item.key);
  const content = w.hash('content', change.item.contentHash);
  const known = await claimKey(w, hash, content);
  if (known === undefined) {
    await insertMessage(w, change, envelope, hash, content);
    return;
  }
  const [found] = await w.all('SELECT * FROM messages WHERE mid = $1 FOR UPDATE', [known.mid]);
  const message = required(found, 'message');
  // A late repeat of an older revision is a repeat, not an edit back: it must not undo the newer one.
  const older = await w.all('SELECT 1 FROM message_revisions WHERE mid = $1 AND content = $2', [
    known.mid,
    content,
  ]);
  if (known.content.equals(content) || older.length > 0 || text(message, 'state') === 'erased') {
    showItem(w, envelope.row, hash, 'repeated', { mid: known.mid });
    return;
  }
  await reviseMessage(w, change, envelope, message, hash, known.content, content);
}

/** The key's row is made or locked: of one item there is one writer at a time. Undefined: there is no message under it yet. */
async function claimKey(
  w: Writing,
  hash: Buffer,
  content: Buffer,
): Promise<{ content: Buffer; mid: number } | undefined> {
  const made = await w.all(
    'INSERT INTO item_keys (hash, content, mid) VALUES ($1, $2, NULL) ON CONFLICT DO NOTHING RETURNING hash',
    [hash, content],
  );
  if (made.length > 0) return undefined;
  const [known] = await w.all('SELECT content, mid FROM item_keys WHERE hash = $1 FOR NO KEY UPDATE', [hash]);
  const mid = known && maybeInteger(known, 'mid');
  return mid === undefined ? undefined : { content: Buffer.from(bytes(known ?? {}, 'content')), mid };
}

async function insertMessage(
  w: Writing,
  { message, placement }: PackedMessage,
  envelope: Owner,
  hash: Buffer,
  content: Buffer,
): Promise<void> {
  const inRecord = placement.place === 'in-record';
  const record = inRecord ? (await w.owners.recordOf(placement.recordId)).row : null;
  const cid = placement.place === 'settle' ? await settle(w, placement, message.adapter) : null;
  const mid = await w.id();
  w.add('messages', [
    mid,
    message.id,
    envelope.row,
    0,
    cid,
    record,
    message.account,
    message.adapter,
    message.channel,
    message.receivedAt,
    message.saidAt,
    1,
    inRecord ? 1 : 0,
    inRecord ? 'in-record' : 'settling',
    inRecord ? 0 : 1,
    sealTo(envelope, `message:${message.id}`, message.content),
  ]);
  w.send('UPDATE item_keys SET content = $2, mid = $3 WHERE hash = $1', [hash, content, mid]);
  showItem(w, envelope.row, hash, 'message', { mid });
  w.count('message.total', 1);
  w.count(inRecord ? 'message.in-record' : 'message.settling', 1);
}

/** An entrance's own message, into its record. Its content is sealed with the envelope, its key is the envelope's. */
export async function insertOwnMessage(
  w: Writing,
  { message, placement }: PackedMessage,
  envelope: Owner,
  mid: number,
): Promise<void> {
  if (placement.place !== 'in-record') throw new Error('An own message stands in a record.');
  w.add('messages', [
    mid,
    message.id,
    envelope.row,
    1,
    null,
    (await w.owners.recordOf(placement.recordId)).row,
    message.account,
    message.adapter,
    message.channel,
    message.receivedAt,
    message.saidAt,
    1,
    1,
    'in-record',
    0,
    null,
  ]);
  w.count('item.total', 1);
  w.count('item.messages', 1);
  w.count('message.total', 1);
  w.count('message.in-record', 1);
}

async function reviseMessage(
  w: Writing,
  { message, placement }: PackedMessage,
  envelope: Owner,
  old: Row,
  hash: Buffer,
  oldContent: Buffer,
  content: Buffer,
): Promise<void> {
  const mid = integer(old, 'mid');
  const id = text(old, 'id');
  const revision = integer(old, 'revision') + 1;
  w.send('INSERT INTO message_revisions (mid, revision, eid, content, sealed) VALUES ($1, $2, $3, $4, $5)', [
    mid,
    revision - 1,
    integer(old, 'eid'),
    oldContent,
    maybeBytes(old, 'sealed') ?? null,
  ]);
  const placed = placement.place === 'in-record';
  const cid =
    placement.place === 'settle'
      ? await settle(w, placement, message.adapter)
      : (maybeInteger(old, 'cid') ?? null);
  const rid = placed ? (await w.owners.recordOf(placement.recordId)).row : (maybeInteger(old, 'rid') ?? null);
  const state = placed ? 'in-record' : text(old, 'state') === 'not-a-case' ? 'settling' : text(old, 'state');
  w.send(
    `UPDATE messages SET eid = $2, cid = $3, rid = $4, received_at = $5, said_at = $6, revision = $7, placed = $8, state = $9, due = $10, sealed = $11 WHERE mid = $1`,
    [
      mid,
      envelope.row,
      cid,
      rid,
      message.receivedAt,
      message.saidAt,
      revision,
      placed ? revision : integer(old, 'placed'),
      state,
      placed ? 0 : 1,
      sealTo(envelope, `message:${id}`, message.content),
    ],
  );
  w.send('UPDATE item_keys SET content = $2 WHERE hash = $1', [hash, content]);
  showItem(w, envelope.row, hash, 'message', { mid });
  moveMessage(w, text(old, 'state'), state);
}

export function moveMessage(w: Writing, from: string, to: string): void {
  if (from === to) return;
  w.count(`message.${from}`, -1);
  w.count(`message.${to}`, 1);
}

/** The conversation of a sender becomes due when it has been quiet long enough, or at the latest at `latestAt`. */
async function settle(
  w: Writing,
  placement: Extract<PackedMessage['placement'], { place: 'settle' }>,
  adapter: string,
): Promise<number> {
  const { account, senderId } = placement.conversation;
  w.wake('assemble');
  const [row] = await w.all(
    `INSERT INTO conversations AS c (account, adapter, sender, due_at, latest_at)
     VALUES ($1, $2, $3, least($4::bigint, $5::bigint), $5)
     ON CONFLICT (sender, account) DO UPDATE SET
       due_at = least(greatest(coalesce(c.due_at, 0), $4), CASE WHEN c.due_at IS NULL THEN $5 ELSE least(coalesce(c.latest_at, $5), $5) END),
       latest_at = CASE WHEN c.due_at IS NULL THEN $5 ELSE least(coalesce(c.latest_at, $5), $5) END
     RETURNING cid`,
    [account, adapter, w.hash('person', senderId), placement.dueAt, placement.latestAt],
  );
  return integer(row ?? {}, 'cid');
}

export async function placeMessage(w: Writing, change: PlaceMessage): Promise<void> {
  const { to } = change;
  // The record first: who erases it locks it before its messages.
  const rid = to.state === 'in-record' ? (await w.owners.recordOf(to.recordId)).row : null;
  const [found] = await w.all(
    'SELECT mid, cid, revision, placed, state, rid FROM messages WHERE id = $1 AND own = 0 FOR UPDATE',
    [change.messageId],
  );
  const row = required(found, 'message');
  if (text(row, 'state') === 'erased') return;
  const placed = Math.max(change.revision, integer(row, 'placed'));
  w.send('UPDATE messages SET state = $2, reason = $3, rid = $4, placed = $5, due = $6 WHERE mid = $1', [
    integer(row, 'mid'),
    to.state,
    to.state === 'not-a-case' ? to.reason : null,
    rid,
    placed,
    integer(row, 'revision') > placed ? 1 : 0,
  ]);
  const cid = maybeInteger(row, 'cid');
  // A revision placed where its message already is says nothing of what is talked about now.
  if (rid !== null && cid !== undefined && rid !== maybeInteger(row, 'rid'))
    w.send('UPDATE conversations SET rid = $2 WHERE cid = $1', [cid, rid]);
  moveMessage(w, text(row, 'state'), to.state);
}

/** A message kept as not a case goes back to be assembled, and is marked as one that a person calls a case. */
export async function restoreMessage(w: Writing, id: string, at: number): Promise<void> {
  const [found] = await w.all('SELECT mid, cid, state FROM messages WHERE id = $1 AND own = 0 FOR UPDATE', [
    id,
  ]);
  const row = required(found, 'message');
  const cid = maybeInteger(row, 'cid');
  if (text(row, 'state') !== 'not-a-case' || cid === undefined)
    throw new Abort({ result: 'exists', what: 'message' });
  w.send(
    `UPDATE messages SET state = 'settling', reason = NULL, restored = 1, placed = 0, due = 1 WHERE mid = $1`,
    [integer(row, 'mid')],
  );
  w.send(
    'UPDATE conversations SET due_at = least(coalesce(due_at, $1), $1), latest_at = coalesce(latest_at, $1) WHERE cid = $2',
    [at, cid],
  );
  moveMessage(w, 'not-a-case', 'settling');
  w.wake('assemble');
}
