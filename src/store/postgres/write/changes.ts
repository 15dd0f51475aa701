import type { Change } from '@kapi/contract';
import { seal } from '../../../sealing/index.ts';
import { Abort, required } from '../../shared/abort.ts';
import { stateCode } from '../../shared/deliveries.ts';
import type { PackedChange } from '../../shared/pack.ts';
import { integer, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { closeCallback, putCallback } from './callbacks.ts';
import { keyValues } from './claim-rows.ts';
import { erase } from './erase.ts';
import { withdrawFailed } from './items.ts';
import { putCursor } from './leases.ts';
import { placeMessage, putItem, putMessage, restoreMessage } from './messages.ts';
import { moveNotice, putNotice, putReport } from './notices.ts';
import { putPart } from './parts.ts';
import { isOpen, putEvent, putRecord } from './records.ts';
import { countMove } from './settle.ts';
import type { Writing } from './writing.ts';

const pinTries = 5;
const pinLockMs = 3600_000;

/** Applies one change. @throws Abort: the whole entry or save is then undone */
export async function applyChange(w: Writing, change: PackedChange, now: number): Promise<void> {
  switch (change.do) {
    case 'put-message':
      return putMessage(w, change);
    case 'put-item':
      return putItem(w, change);
    case 'place-message':
      return placeMessage(w, change);
    case 'put-part':
      return putPart(w, await w.owners.envelopeOf(change.envelopeId), change, now);
    case 'put-record':
      return putRecord(w, change, now);
    case 'put-event':
      return putEvent(w, change, now);
    case 'put-notice':
      return putNotice(w, change);
    case 'move-notice':
      return moveNotice(w, change);
    case 'put-report':
      return putReport(w, change);
    case 'put-timer':
      return putTimer(w, change.timer, now);
    case 'drop-timer':
      w.send('DELETE FROM timers WHERE id = $1', [change.id]);
      return;
    case 'put-callback':
      return putCallback(w, change);
    case 'close-callback':
      return closeCallback(w, change);
    case 'opt-out':
      w.send(
        `INSERT INTO opt_outs AS o (hash, out, at) VALUES ($1, $2, $3)
         ON CONFLICT (hash) DO UPDATE SET out = excluded.out, at = excluded.at WHERE excluded.at >= o.at`,
        [w.hash(`opt-out:${change.account}`, change.address), change.out ? 1 : 0, change.at],
      );
      return;
    case 'put-cursor':
      putCursor(w, change.account, change.cursor);
      return;
    case 'resend-delivery':
      return resend(w, change);
    case 'replay-envelope':
      return replay(w, change.id, change.at);
    case 'restore-message':
      return restoreMessage(w, change.id, change.at);
    case 'put-api-key': {
      const { key, hash } = change;
      w.send(
        'INSERT INTO api_keys (id, hash, name, scopes, account, queues, created_at, revoked_at, rate_limited) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
        [
          key.id,
          hash,
          key.name,
          JSON.stringify(key.scopes),
          key.account ?? null,
          key.queues === undefined ? null : JSON.stringify(key.queues),
          key.createdAt,
          key.revokedAt ?? null,
          key.rateLimited ? 1 : 0,
        ],
      );
      return;
    }
    case 'revoke-api-key': {
      const [found] = await w.all(
        'UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING id',
        [change.id, change.at],
      );
      required(found, 'API key');
      return;
    }
    case 'put-upload': {
      const { id, owner, blobId, createdAt, doc } = change.upload;
      w.send('INSERT INTO uploads (id, owner, blob_id, created_at, sealed) VALUES ($1, $2, $3, $4, $5)', [
        id,
        owner,
        blobId,
        createdAt,
        seal(w.house.key, doc, `house:upload:${id}`),
      ]);
      return;
    }
    case 'use-upload':
      return useUpload(w, change);
    case 'expire-uploads':
      for (const row of await w.all(
        'DELETE FROM uploads WHERE rid IS NULL AND created_at < $1 RETURNING blob_id',
        [change.before],
      ))
        w.dropped.add(text(row, 'blob_id'));
      return;
    case 'pin-attempt':
      return pinAttempt(w, change);
    case 'erase':
      return erase(w, change);
    case 'audit':
      w.audit.add(change.at, change.actor, change.action, change.subject, change.detail ?? '');
      return;
  }
}

async function putTimer(
  w: Writing,
  timer: Extract<Change, { do: 'put-timer' }>['timer'],
  now: number,
): Promise<void> {
  const rid = timer.recordId === undefined ? null : (await w.owners.recordOf(timer.recordId)).row;
  w.add('timers', [timer.id, timer.kind, rid, timer.dueAt]);
  // One that rings in two days would wake the stage for nothing at every record; its poll finds it.
  if (timer.dueAt <= now) w.wake('timer');
}

async function resend(w: Writing, change: Extract<Change, { do: 'resend-delivery' }>): Promise<void> {
  const columns = 'rid, sequence, did, priority, state';
  const key = change.id === undefined ? undefined : keyValues('forward', change.id);
  const dead =
    change.id !== undefined
      ? key
        ? await w.all(
            `SELECT ${columns} FROM deliveries WHERE rid = $1 AND sequence = $2 AND did = $3 AND state = 5 FOR UPDATE`,
            key,
          )
        : []
      : change.destination === undefined
        ? []
        : await w.all(
            `SELECT ${columns} FROM deliveries WHERE did = $1 AND state = 5 ORDER BY rid, sequence FOR UPDATE`,
            [await w.destination(change.destination)],
          );
  if (change.id !== undefined) required(dead[0], 'dead letter');
  w.reach('deliveries', dead.length);
  for (const row of dead) {
    const open = await isOpen(w, integer(row, 'rid'), integer(row, 'did'));
    w.send(
      `UPDATE deliveries SET state = $4, due_at = 0, lease_until = 0, token = token + 1, attempt = 0, created_at = $5, code = NULL, detail = NULL, settled_at = NULL
       WHERE rid = $1 AND sequence = $2 AND did = $3`,
      [row.rid, row.sequence, row.did, stateCode(open ? 'behind' : 'ready'), change.at],
    );
    countMove(w, row, open ? 'behind' : 'ready');
  }
}

async function replay(w: Writing, id: string, at: number): Promise<void> {
  const [found] = await w.all(
    'SELECT eid, state, entrance, lease_until FROM envelopes WHERE id = $1 FOR UPDATE',
    [id],
  );
  const row: Row = required(found, 'envelope');
  const eid = integer(row, 'eid');
  const state = text(row, 'state');
  w.wake('read');
  if (state === 'unread') {
    // A reading under way knows the old parts: its claim becomes stale, and the next one sees what came.
    if (integer(row, 'lease_until') > 0)
      w.send(
        'UPDATE envelopes SET token = token + 1, lease_until = 0, due_at = least(due_at, $2) WHERE eid = $1',
        [eid, at],
      );
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
  await withdrawFailed(w, eid);
  w.send(
    `UPDATE envelopes SET state = 'unread', code = NULL, detail = NULL, due_at = $2, lease_until = 0, token = token + 1, attempt = 0 WHERE eid = $1`,
    [eid, at],
  );
  // Messages stranded when their conversation was parked come along.
  w.send(
    'UPDATE conversations SET due_at = $1, latest_at = $1 WHERE due_at IS NULL AND cid IN (SELECT cid FROM messages WHERE eid = $2 AND due = 1)',
    [at, eid],
  );
  w.count(`envelope.${state}`, -1);
  w.count('envelope.unread', 1);
}

async function useUpload(w: Writing, change: Extract<Change, { do: 'use-upload' }>): Promise<void> {
  const [row] = await w.all('SELECT owner, rid FROM uploads WHERE id = $1 FOR UPDATE', [change.id]);
  const rid = (await w.owners.recordOf(change.recordId)).row;
  const usedBy = row && maybeInteger(row, 'rid');
  if (!row || text(row, 'owner') !== change.owner || (usedBy !== undefined && usedBy !== rid))
    throw new Abort({
      result: 'failed',
      code: 'unknown_upload',
      detail: `The upload ${change.id} cannot be used.`,
    });
  w.send('UPDATE uploads SET rid = $2 WHERE id = $1', [change.id, rid]);
}

async function pinAttempt(w: Writing, change: Extract<Change, { do: 'pin-attempt' }>): Promise<void> {
  const [found] = await w.all(
    'SELECT rid, pin_wrong, pin_locked_until FROM records WHERE id = $1 FOR NO KEY UPDATE',
    [change.recordId],
  );
  const row = required(found, 'record');
  const locked = maybeInteger(row, 'pin_locked_until');
  if (locked !== undefined && locked > change.at) return;
  const wrong = change.hit ? 0 : (locked === undefined ? integer(row, 'pin_wrong') : 0) + 1;
  w.send('UPDATE records SET pin_wrong = $2, pin_locked_until = $3 WHERE rid = $1', [
    integer(row, 'rid'),
    wrong,
    wrong >= pinTries ? change.at + pinLockMs : null,
  ]);
}
