import type { Urgency } from '@kapi/contract';
import { type DeliveryState, deliveryCounter, priorityOf, stateCode } from '../../shared/deliveries.ts';
import { integer, type Row } from '../../shared/rows.ts';
import type { Writing } from './writing.ts';

export function addDelivery(
  w: Writing,
  delivery: {
    position: number;
    rid: number;
    did: number;
    profile: string;
    priority: number;
    at: number;
    behind: boolean;
  },
): void {
  const state = stateCode(delivery.behind ? 'behind' : 'ready');
  w.connection.run(
    'INSERT INTO deliveries (position, rid, did, profile, state, priority, created_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0)',
    delivery.position,
    delivery.rid,
    delivery.did,
    delivery.profile,
    state,
    delivery.priority,
    delivery.at,
  );
  w.count(deliveryCounter(delivery.did, state, delivery.priority), 1);
  w.count('delivery.total', 1);
  if (!delivery.behind) w.hinted.add(w.destinationName(delivery.did));
}

/** Moves a delivery's state; the caller writes what else changes. Every move but a lease ends the claim. */
export function moveDelivery(w: Writing, row: Row, to: DeliveryState, dueAt = 0): void {
  w.connection.run(
    'UPDATE deliveries SET state = ?, due_at = ?, lease_until = 0, token = token + 1 WHERE id = ?',
    stateCode(to),
    dueAt,
    integer(row, 'id'),
  );
  countMove(w, row, to);
}

/** Ends a delivery: taken, or refused for good. */
export function endDelivery(
  w: Writing,
  row: Row,
  to: 'delivered' | 'dead',
  at: number,
  why?: { readonly code: string; readonly detail: string },
): void {
  w.connection.run(
    `UPDATE deliveries SET state = ?, due_at = 0, lease_until = 0, token = token + 1, settled_at = ?, code = ?, detail = ? WHERE id = ?`,
    stateCode(to),
    at,
    why?.code ?? null,
    why?.detail ?? null,
    integer(row, 'id'),
  );
  countMove(w, row, to);
}

function countMove(w: Writing, row: Row, to: DeliveryState): void {
  const did = integer(row, 'did');
  const priority = integer(row, 'priority');
  w.count(deliveryCounter(did, integer(row, 'state'), priority), -1);
  w.count(deliveryCounter(did, stateCode(to), priority), 1);
  if (to === 'ready') w.hinted.add(w.destinationName(did));
}

/** Lets the next event of the record through where none before it is open any more. */
export function promoteNext(w: Writing, rid: number, did: number): void {
  const next = w.connection.get(
    'SELECT id, did, priority, state FROM deliveries WHERE rid = ? AND did = ? AND state < 4 ORDER BY id LIMIT 1',
    rid,
    did,
  );
  if (next && integer(next, 'state') === stateCode('behind')) moveDelivery(w, next, 'ready');
}

/** All open deliveries of a record take its new urgency: an emergency is not held up by its own past. */
export function reprioritise(w: Writing, rid: number, urgency: Urgency): void {
  const priority = priorityOf(urgency);
  for (const row of w.connection.all(
    'SELECT id, did, priority, state FROM deliveries WHERE rid = ? AND state < 4 AND priority <> ?',
    rid,
    priority,
  )) {
    const did = integer(row, 'did');
    const state = integer(row, 'state');
    w.connection.run('UPDATE deliveries SET priority = ? WHERE id = ?', priority, integer(row, 'id'));
    w.count(deliveryCounter(did, state, integer(row, 'priority')), -1);
    w.count(deliveryCounter(did, state, priority), 1);
    if (state === stateCode('ready')) w.hinted.add(w.destinationName(did));
  }
}
