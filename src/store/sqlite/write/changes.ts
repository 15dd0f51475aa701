import type { Change } from '@kapi/contract';
import { seal } from '../../../sealing/index.ts';
import { Abort, required } from '../../shared/abort.ts';
import type { PackedChange } from '../../shared/pack.ts';
import { integer, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { closeCallback, putCallback } from './callbacks.ts';
import { moveDelivery } from './deliveries.ts';
import { erase } from './erase.ts';
import { withdrawFailed } from './items.ts';
import { putCursor } from './leases.ts';
import { envelopeOf, placeMessage, putItem, putMessage, recordRow, restoreMessage } from './messages.ts';
import { moveNotice, putNotice, putReport } from './notices.ts';
import { putPart } from './parts.ts';
import { putEvent, putRecord } from './records.ts';
import type { Writing } from './writing.ts';

const pinTries = 5;
const pinLockMs = 3600_000;

/** Applies one change. @throws Abort: the whole entry or save is then undone */
export function applyChange(w: Writing, change: PackedChange, now: number): void {
  const { connection } = w;
  switch (change.do) {
    case 'put-message':
      putMessage(w, change);
      return;
    case 'put-item':
      putItem(w, change);
      return;
    case 'place-message':
      placeMessage(w, change);
      return;
    case 'put-part':
      putPart(w, envelopeOf(w, change.envelopeId), change, now);
      return;
    case 'put-record':
      putRecord(w, change, now);
      return;
    case 'put-event':
      putEvent(w, change, now);
      return;
    case 'put-notice':
      putNotice(w, change);
      return;
    case 'move-notice':
      moveNotice(w, change);
      return;
    case 'put-report':
      putReport(w, change);
      return;
    case 'put-timer':
      putTimer(w, change.timer, now);
      return;
    case 'drop-timer':
      connection.run('DELETE FROM timers WHERE id = ?', change.id);
      return;
    case 'put-callback':
      putCallback(w, change);
      return;
    case 'close-callback':
      closeCallback(w, change);
      return;
    case 'opt-out':
      connection.run(
        'INSERT INTO opt_outs (hash, out, at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET out = excluded.out, at = excluded.at WHERE excluded.at >= at',
        w.hash(`opt-out:${change.account}`, change.address),
        change.out ? 1 : 0,
        change.at,
      );
      return;
    case 'put-cursor':
      putCursor(w, change.account, change.cursor);
      return;
    case 'resend-delivery':
      resend(w, change);
      return;
    case 'replay-envelope':
      replay(w, change.id, change.at);
      return;
    case 'restore-message':
      restoreMessage(w, change.id, change.at);
      return;
    case 'put-api-key': {
      const { key, hash } = change;
      connection.run(
        'INSERT INTO api_keys (id, hash, name, scopes, account, queues, created_at, revoked_at, rate_limited) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        key.id,
        hash,
        key.name,
        JSON.stringify(key.scopes),
        key.account ?? null,
        key.queues === undefined ? null : JSON.stringify(key.queues),
        key.createdAt,
        key.revokedAt ?? null,
        key.rateLimited ? 1 : 0,
      );
      return;
    }
    case 'revoke-api-key':
      required(connection.get('SELECT 1 AS one FROM api_keys WHERE id = ?', change.id), 'API key');
      connection.run(
        'UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?',
        change.at,
        change.id,
      );
      return;
    case 'put-upload': {
      const { id, owner, blobId, createdAt, doc } = change.upload;
      connection.run(
        'INSERT INTO uploads (id, owner, blob_id, created_at, sealed) VALUES (?, ?, ?, ?, ?)',
        id,
        owner,
        blobId,
        createdAt,
        seal(w.documents.house(), doc, `house:upload:${id}`),
      );
      return;
    }
    case 'use-upload':
      useUpload(w, change);
      return;
    case 'expire-uploads':
      expireUploads(w, change.before);
      return;
    case 'pin-attempt':
      pinAttempt(w, change);
      return;
    case 'erase':
      erase(w, change);
      return;
    case 'audit':
      w.audit(change.at, change.actor, change.action, change.subject, change.detail ?? '');
      return;
  }
}

function putTimer(w: Writing, timer: Extract<Change, { do: 'put-timer' }>['timer'], now: number): void {
  w.connection.run(
    `INSERT INTO timers (id, kind, rid, due_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, rid = excluded.rid, due_at = excluded.due_at, fresh = 1, code = NULL, detail = NULL`,
    timer.id,
    timer.kind,
    timer.recordId === undefined ? null : recordRow(w, timer.recordId),
    timer.dueAt,
  );
  // One that rings in two days would wake the stage for nothing at every record; its poll finds it.
  if (timer.dueAt <= now) w.wake('timer');
}

function resend(w: Writing, change: Extract<Change, { do: 'resend-delivery' }>): void {
  const columns = 'id, rid, did, priority, state';
  const dead =
    change.id !== undefined
      ? w.connection.all(`SELECT ${columns} FROM deliveries WHERE id = ? AND state = 5`, Number(change.id))
      : change.destination === undefined
        ? []
        : w.connection.all(
            `SELECT ${columns} FROM deliveries WHERE did = ? AND state = 5 ORDER BY id`,
            w.destination(change.destination),
          );
  if (change.id !== undefined) required(dead[0], 'dead letter');
  w.reach('deliveries', dead.length);
  for (const row of dead) {
    const open = w.connection.get(
      'SELECT 1 AS one FROM deliveries WHERE rid = ? AND did = ? AND state < 4 LIMIT 1',
      integer(row, 'rid'),
      integer(row, 'did'),
    );
    moveDelivery(w, row, open ? 'behind' : 'ready');
    w.connection.run(
      'UPDATE deliveries SET attempt = 0, created_at = ?, code = NULL, detail = NULL, settled_at = NULL WHERE id = ?',
      change.at,
      integer(row, 'id'),
    );
  }
}

/** A reading under way knows the old parts: its claim becomes stale, and the next one sees what came. */
function readAnew(w: Writing, eid: number, at: number): void {
  w.connection.run(
    'UPDATE envelopes SET token = token + 1, lease_until = 0, due_at = min(due_at, ?1) WHERE eid = ?2 AND lease_until > 0',
    at,
    eid,
  );
  w.wake('read');
}

function replay(w: Writing, id: string, at: number): void {
  const row: Row = required(
    w.connection.get('SELECT eid, state, entrance FROM envelopes WHERE id = ?', id),
    'envelope',
  );
  const state = text(row, 'state');
  if (state === 'unread') {
    readAnew(w, integer(row, 'eid'), at);
    return;
  }
  if (state === 'erased') required(undefined, 'envelope any more');
  // No adapter reads what an entrance validated itself; unread, it would stay so for ever.
  if (integer(row, 'entrance') === 1)
    throw new Abort({
      result: 'failed',
      code: 'invalid_request',
      detail: 'Envelopes of entrances are not replayed.',
    });
  const eid = integer(row, 'eid');
  withdrawFailed(w, eid);
  w.connection.run(
    `UPDATE envelopes SET state = 'unread', code = NULL, detail = NULL, due_at = ?, lease_until = 0, token = token + 1, attempt = 0 WHERE eid = ?`,
    at,
    eid,
  );
  // Messages stranded when their conversation was parked come along.
  w.connection.run(
    `UPDATE conversations SET due_at = ?1, latest_at = ?1 WHERE due_at IS NULL AND cid IN (SELECT cid FROM messages WHERE eid = ?2 AND due = 1)`,
    at,
    eid,
  );
  w.count(`envelope.${state}`, -1);
  w.count('envelope.unread', 1);
  w.wake('read');
}

function useUpload(w: Writing, change: Extract<Change, { do: 'use-upload' }>): void {
  const row = w.connection.get('SELECT owner, rid FROM uploads WHERE id = ?', change.id);
  const rid = recordRow(w, change.recordId);
  const usedBy = row && maybeInteger(row, 'rid');
  if (!row || text(row, 'owner') !== change.owner || (usedBy !== undefined && usedBy !== rid))
    throw new Abort({
      result: 'failed',
      code: 'unknown_upload',
      detail: `The upload ${change.id} cannot be used.`,
    });
  w.connection.run('UPDATE uploads SET rid = ? WHERE id = ?', rid, change.id);
}

function expireUploads(w: Writing, before: number): void {
  const expired = w.connection.all(
    'DELETE FROM uploads WHERE rid IS NULL AND created_at < ? RETURNING blob_id',
    before,
  );
  for (const row of expired) w.dropped.add(text(row, 'blob_id'));
  if (expired.length > 0) w.erased = true;
}

function pinAttempt(w: Writing, change: Extract<Change, { do: 'pin-attempt' }>): void {
  const row = required(
    w.connection.get('SELECT rid, pin_wrong, pin_locked_until FROM records WHERE id = ?', change.recordId),
    'record',
  );
  const locked = maybeInteger(row, 'pin_locked_until');
  if (locked !== undefined && locked > change.at) return;
  const wrong = change.hit ? 0 : (locked === undefined ? integer(row, 'pin_wrong') : 0) + 1;
  w.connection.run(
    'UPDATE records SET pin_wrong = ?, pin_locked_until = ? WHERE rid = ?',
    wrong,
    wrong >= pinTries ? change.at + pinLockMs : null,
    integer(row, 'rid'),
  );
}
