import type { Ending, Settlement } from '@kapi/contract';
import { Abort } from '../../shared/abort.ts';
import { type DeliveryState, deliveryCounter, firstSettled, stateCode } from '../../shared/deliveries.ts';
import { integer, type Row, text } from '../../shared/rows.ts';
import { claimTables, keyIs } from './claim-rows.ts';
import { wakeRead } from './parts.ts';
import type { Writing } from './writing.ts';

/** Ends a claim, after the changes that belong to it; `row` is locked and has the claim's token. */
export async function endClaim(
  w: Writing,
  { stage, ending }: Settlement,
  row: Row,
  now: number,
): Promise<void> {
  const { table, key } = claimTables[stage];
  if (ending.end === 'extend') {
    const values = key.map((column) => row[column]);
    w.send(`UPDATE ${table} SET lease_until = $${values.length + 1} WHERE ${keyIs(stage)}`, [
      ...values,
      ending.until,
    ]);
    return;
  }
  switch (stage) {
    case 'read':
      return endRead(w, ending, row);
    case 'fetch':
      return endFetch(w, ending, row, now);
    case 'assemble':
      return endAssemble(w, ending, row);
    case 'forward':
      return endForward(w, ending, row, now);
    case 'notify':
      return endNotify(w, ending, row, now);
    case 'timer':
      return endTimer(w, ending, row);
  }
}

type Final = Exclude<Ending, { end: 'extend' }>;
type Retry = Extract<Ending, { end: 'retry' }>;

function again(w: Writing, stage: Settlement['stage'], row: Row, ending: Retry): void {
  const { table, key } = claimTables[stage];
  w.send(
    `UPDATE ${table} SET due_at = $1, lease_until = 0, token = token + 1, attempt = attempt - $2 WHERE ${keyIs(stage, 3)}`,
    [ending.at, ending.countAttempt === false ? 1 : 0, ...key.map((column) => row[column])],
  );
}

function endRead(w: Writing, ending: Final, row: Row): void {
  if (ending.end === 'retry') {
    again(w, 'read', row, ending);
    return;
  }
  const state = ending.end === 'done' ? 'read' : 'quarantined';
  w.send(
    'UPDATE envelopes SET state = $2, code = $3, detail = $4, lease_until = 0, token = token + 1 WHERE eid = $1',
    [
      integer(row, 'eid'),
      state,
      ending.end === 'parked' ? ending.code : null,
      ending.end === 'parked' ? ending.detail : null,
    ],
  );
  w.count('envelope.unread', -1);
  w.count(`envelope.${state}`, 1);
}

function endFetch(w: Writing, ending: Final, row: Row, now: number): void {
  const key = [integer(row, 'eid'), text(row, 'key')];
  if (ending.end === 'retry') {
    again(w, 'fetch', row, ending);
    w.send(`UPDATE parts SET state = 'retrying', reason = $3 WHERE eid = $1 AND key = $2`, [
      ...key,
      ending.reason,
    ]);
    return;
  }
  w.send('UPDATE parts SET lease_until = 0, token = token + 1 WHERE eid = $1 AND key = $2', key);
  if (ending.end === 'parked')
    w.send('UPDATE parts SET state = $3, reason = $4 WHERE eid = $1 AND key = $2', [
      ...key,
      ending.state ?? 'refused',
      ending.code,
    ]);
  wakeRead(w, integer(row, 'eid'), now);
}

/** A conversation stays due while messages of it wait; parked, their envelopes go to quarantine, where a person sees them. */
async function endAssemble(w: Writing, ending: Final, row: Row): Promise<void> {
  const cid = integer(row, 'cid');
  if (ending.end === 'retry') {
    again(w, 'assemble', row, ending);
    return;
  }
  if (ending.end === 'parked') {
    const moved = await w.all(
      `UPDATE envelopes SET state = 'quarantined', code = $2, detail = $3
       WHERE state = 'read' AND entrance = 0 AND eid IN (SELECT eid FROM messages WHERE cid = $1 AND due = 1) RETURNING eid`,
      [cid, ending.code, ending.detail],
    );
    w.count('envelope.read', -moved.length);
    w.count('envelope.quarantined', moved.length);
  }
  const waits =
    ending.end === 'done' &&
    (await w.all('SELECT 1 FROM messages WHERE cid = $1 AND due = 1 LIMIT 1', [cid])).length > 0;
  w.send(
    `UPDATE conversations SET due_at = CASE WHEN $2 THEN due_at END, latest_at = CASE WHEN $2 THEN latest_at END,
       lease_until = 0, token = token + 1, attempt = 0 WHERE cid = $1`,
    [cid, waits],
  );
  if (waits) w.wake('assemble');
}

function endForward(w: Writing, ending: Final, row: Row, now: number): void {
  // Erasure and earlier endings grow the token, so an open row is the only one that can be met here.
  if (integer(row, 'state') >= firstSettled) throw new Abort({ result: 'stale' });
  if (ending.end === 'retry') {
    w.send(
      `UPDATE deliveries SET state = 2, due_at = $4, lease_until = 0, token = token + 1, detail = $5, attempt = attempt - $6
       WHERE rid = $1 AND sequence = $2 AND did = $3`,
      [...deliveryKey(row), ending.at, ending.reason, ending.countAttempt === false ? 1 : 0],
    );
    countMove(w, row, 'waiting');
    return;
  }
  const to = ending.end === 'done' ? 'delivered' : 'dead';
  const why = ending.end === 'done' ? [null, null] : [ending.code, ending.detail];
  w.add('endings', [...deliveryKey(row), stateCode(to), now, ...why]);
  countMove(w, row, to);
  w.promotions.set(`${row.rid}:${row.did}`, [integer(row, 'rid'), integer(row, 'did')]);
}

const deliveryKey = (row: Row): readonly number[] => [
  integer(row, 'rid'),
  integer(row, 'sequence'),
  integer(row, 'did'),
];

export function countMove(w: Writing, row: Row, to: DeliveryState): void {
  const did = integer(row, 'did');
  const priority = integer(row, 'priority');
  w.count(deliveryCounter(did, integer(row, 'state'), priority), -1);
  w.count(deliveryCounter(did, stateCode(to), priority), 1);
  if (to === 'ready') w.hinted.add(w.destinationName(did));
}

function endNotify(w: Writing, ending: Final, row: Row, now: number): void {
  if (ending.end === 'retry') {
    again(w, 'notify', row, ending);
    return;
  }
  const key = [integer(row, 'rid'), integer(row, 'nid')];
  if (ending.end === 'parked')
    w.send(
      `UPDATE notices SET state = 'failed', code = $3, reason = $4, settled_at = $5, open = 0, lease_until = 0, token = token + 1 WHERE rid = $1 AND nid = $2`,
      [...key, ending.code, ending.detail, now],
    );
  // A report of failure that came during the claim keeps the notice open: the next channel is still to be chosen.
  else
    w.send(
      'UPDATE notices SET open = verdict, lease_until = 0, token = token + 1 WHERE rid = $1 AND nid = $2',
      key,
    );
}

function endTimer(w: Writing, ending: Final, row: Row): void {
  const id = text(row, 'id');
  if (ending.end === 'retry') {
    again(w, 'timer', row, ending);
    return;
  }
  if (ending.end === 'parked') {
    w.send('UPDATE timers SET code = $2, detail = $3, lease_until = 0, token = token + 1 WHERE id = $1', [
      id,
      ending.code,
      ending.detail,
    ]);
    return;
  }
  // A timer set anew by the changes of its own save stays.
  w.send('DELETE FROM timers WHERE id = $1 AND fresh = 0', [id]);
  w.send('UPDATE timers SET lease_until = 0, token = token + 1, attempt = 0 WHERE id = $1', [id]);
}
