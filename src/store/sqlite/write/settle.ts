import type { Ending, Settlement } from '@kapi/contract';
import { Abort } from '../../shared/abort.ts';
import { firstSettled } from '../../shared/deliveries.ts';
import { integer, type Row } from '../../shared/rows.ts';
import { endDelivery, moveDelivery, promoteNext } from './deliveries.ts';
import { wakeRead } from './parts.ts';
import type { Writing } from './writing.ts';

const tables = {
  read: { table: 'envelopes', key: 'id', columns: 'eid, state, token' },
  fetch: { table: 'parts', key: 'pid', columns: 'pid, eid, state, token' },
  assemble: { table: 'conversations', key: 'cid', columns: 'cid, token' },
  forward: { table: 'deliveries', key: 'id', columns: 'id, did, rid, priority, state, token' },
  notify: { table: 'notices', key: 'id', columns: 'nid, state, token' },
  timer: { table: 'timers', key: 'id', columns: 'tid, token' },
} as const;

/** The row of a claim. @throws Abort `stale` where another claim or an ending came after it */
export function checkToken(w: Writing, { stage, id, token }: Settlement): Row {
  const { table, key, columns } = tables[stage];
  const value = stage === 'read' || stage === 'notify' || stage === 'timer' ? id : Number(id);
  const row = w.connection.get(`SELECT ${columns} FROM ${table} WHERE ${key} = ?`, value);
  if (!row || integer(row, 'token') !== token) throw new Abort({ result: 'stale' });
  return row;
}

/** Ends a claim, after the changes that belong to it; `row` is from `checkToken`. */
export function endClaim(w: Writing, settlement: Settlement, row: Row, now: number): void {
  const { stage, ending } = settlement;
  if (ending.end === 'extend') {
    const { table, key } = tables[stage];
    const value =
      stage === 'read' || stage === 'notify' || stage === 'timer' ? settlement.id : Number(settlement.id);
    w.connection.run(`UPDATE ${table} SET lease_until = ? WHERE ${key} = ?`, ending.until, value);
    return;
  }
  switch (stage) {
    case 'read':
      endRead(w, ending, row);
      return;
    case 'fetch':
      endFetch(w, ending, row, now);
      return;
    case 'assemble':
      endAssemble(w, ending, row);
      return;
    case 'forward':
      endForward(w, ending, row, now);
      return;
    case 'notify':
      endNotify(w, ending, row, now);
      return;
    case 'timer':
      endTimer(w, ending, row);
      return;
  }
}

type Final = Exclude<Ending, { end: 'extend' }>;

function again(
  w: Writing,
  table: string,
  key: string,
  row: Row,
  ending: Extract<Ending, { end: 'retry' }>,
): void {
  w.connection.run(
    `UPDATE ${table} SET due_at = ?, lease_until = 0, token = token + 1, attempt = attempt - ? WHERE ${key} = ?`,
    ending.at,
    ending.countAttempt === false ? 1 : 0,
    integer(row, key),
  );
}

function endRead(w: Writing, ending: Final, row: Row): void {
  if (ending.end === 'retry') {
    again(w, 'envelopes', 'eid', row, ending);
    return;
  }
  const state = ending.end === 'done' ? 'read' : 'quarantined';
  w.connection.run(
    'UPDATE envelopes SET state = ?, code = ?, detail = ?, lease_until = 0, token = token + 1 WHERE eid = ?',
    state,
    ending.end === 'parked' ? ending.code : null,
    ending.end === 'parked' ? ending.detail : null,
    integer(row, 'eid'),
  );
  w.count('envelope.unread', -1);
  w.count(`envelope.${state}`, 1);
}

function endFetch(w: Writing, ending: Final, row: Row, now: number): void {
  const pid = integer(row, 'pid');
  if (ending.end === 'retry') {
    again(w, 'parts', 'pid', row, ending);
    w.connection.run(`UPDATE parts SET state = 'retrying', reason = ? WHERE pid = ?`, ending.reason, pid);
    return;
  }
  w.connection.run('UPDATE parts SET lease_until = 0, token = token + 1 WHERE pid = ?', pid);
  if (ending.end === 'parked')
    w.connection.run(
      'UPDATE parts SET state = ?, reason = ? WHERE pid = ?',
      ending.state ?? 'refused',
      ending.code,
      pid,
    );
  wakeRead(w, integer(row, 'eid'), now);
}

/** A conversation stays due while messages of it wait; parked, their envelopes go to quarantine, where a person sees them. */
function endAssemble(w: Writing, ending: Final, row: Row): void {
  const cid = integer(row, 'cid');
  if (ending.end === 'retry') {
    again(w, 'conversations', 'cid', row, ending);
    return;
  }
  const waiting = w.connection.get('SELECT 1 AS one FROM messages WHERE cid = ? AND due = 1 LIMIT 1', cid);
  if (ending.end === 'parked')
    for (const quarantined of w.connection.all(
      `SELECT DISTINCT eid FROM messages JOIN envelopes USING (eid) WHERE cid = ? AND due = 1 AND envelopes.state = 'read' AND entrance = 0`,
      cid,
    )) {
      w.connection.run(
        `UPDATE envelopes SET state = 'quarantined', code = ?, detail = ? WHERE eid = ?`,
        ending.code,
        ending.detail,
        integer(quarantined, 'eid'),
      );
      w.count('envelope.read', -1);
      w.count('envelope.quarantined', 1);
    }
  const stays = waiting && ending.end === 'done';
  w.connection.run(
    `UPDATE conversations SET due_at = CASE WHEN ? THEN due_at END, latest_at = CASE WHEN ? THEN latest_at END,
       lease_until = 0, token = token + 1, attempt = 0 WHERE cid = ?`,
    stays ? 1 : 0,
    stays ? 1 : 0,
    cid,
  );
  if (stays) w.wake('assemble');
}

function endForward(w: Writing, ending: Final, row: Row, now: number): void {
  const id = integer(row, 'id');
  // Erasure and earlier endings grow the token, so an open row is the only one that can be met here.
  if (integer(row, 'state') >= firstSettled) throw new Abort({ result: 'stale' });
  if (ending.end === 'retry') {
    moveDelivery(w, row, 'waiting', ending.at);
    w.connection.run(
      'UPDATE deliveries SET detail = ?, attempt = attempt - ? WHERE id = ?',
      ending.reason,
      ending.countAttempt === false ? 1 : 0,
      id,
    );
    return;
  }
  if (ending.end === 'done') endDelivery(w, row, 'delivered', now);
  else endDelivery(w, row, 'dead', now, ending);
  promoteNext(w, integer(row, 'rid'), integer(row, 'did'));
}

function endNotify(w: Writing, ending: Final, row: Row, now: number): void {
  const nid = integer(row, 'nid');
  if (ending.end === 'retry') {
    again(w, 'notices', 'nid', row, ending);
    return;
  }
  if (ending.end === 'parked')
    w.connection.run(
      `UPDATE notices SET state = 'failed', code = ?, reason = ?, settled_at = ?, open = 0, lease_until = 0, token = token + 1 WHERE nid = ?`,
      ending.code,
      ending.detail,
      now,
      nid,
    );
  // A report of failure that came during the claim keeps the notice open: the next channel is still to be chosen.
  else
    w.connection.run(
      'UPDATE notices SET open = verdict, lease_until = 0, token = token + 1 WHERE nid = ?',
      nid,
    );
}

function endTimer(w: Writing, ending: Final, row: Row): void {
  const tid = integer(row, 'tid');
  if (ending.end === 'retry') {
    again(w, 'timers', 'tid', row, ending);
    return;
  }
  if (ending.end === 'parked')
    w.connection.run(
      'UPDATE timers SET code = ?, detail = ?, lease_until = 0, token = token + 1 WHERE tid = ?',
      ending.code,
      ending.detail,
      tid,
    );
  else {
    // A timer set anew by the changes of its own save stays.
    w.connection.run('DELETE FROM timers WHERE tid = ? AND fresh = 0', tid);
    w.connection.run('UPDATE timers SET lease_until = 0, token = token + 1, attempt = 0 WHERE tid = ?', tid);
  }
}
