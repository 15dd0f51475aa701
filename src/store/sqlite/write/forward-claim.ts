import { type ClaimOptions, TransientError, type Urgency } from '@kapi/contract';
import { deliveryCounter, priorityOf, stateCode, urgencyAt } from '../../shared/deliveries.ts';
import { integer, type Row, text } from '../../shared/rows.ts';
import { moveDelivery } from './deliveries.ts';
import type { Writing } from './writing.ts';

export interface ClaimedDelivery {
  readonly row: Row;
  readonly eventId: string;
  readonly token: number;
  readonly attempt: number;
  readonly urgency: Urgency;
}

const columns = `deliveries.id AS id, deliveries.position AS position, deliveries.rid AS rid, did, profile, deliveries.state AS state, priority,
  created_at, token, attempt, events.id AS event_id, events.sequence AS sequence, events.version AS version, events.name AS name,
  events.at AS at, events.actor AS actor, events.sealed AS sealed, records.id AS record_id, records.number AS number, records.dek AS dek`;

/**
 * Most urgent first, then oldest: one index lookup per priority, whatever waits behind. Expired leases
 * and deliveries whose wait is over come back first.
 */
export function claimDeliveries(w: Writing, options: ClaimOptions): readonly ClaimedDelivery[] {
  if (options.destination === undefined)
    throw new TransientError('internal', 'A claim of deliveries names its destination.');
  const did = w.destination(options.destination);
  const brief = 'SELECT id, did, priority, state FROM deliveries';
  for (const row of w.connection.all(
    `${brief} WHERE did = ? AND state = 3 AND lease_until <= ?`,
    did,
    options.now,
  ))
    moveDelivery(w, row, 'ready');
  for (const row of w.connection.all(
    `${brief} WHERE did = ? AND state = 2 AND due_at <= ?`,
    did,
    options.now,
  ))
    moveDelivery(w, row, 'ready');

  const found: Row[] = [];
  const wanted = options.filter?.urgency?.length ? options.filter.urgency : undefined;
  const filter = filterSql(options);
  for (let priority = 0; priority < 4 && found.length < options.max; priority += 1) {
    if (wanted && !wanted.some((urgency) => priorityOf(urgency) === priority)) continue;
    found.push(
      ...w.connection.all(
        `SELECT ${columns} FROM deliveries INDEXED BY deliveries_ready
         CROSS JOIN records ON records.rid = deliveries.rid CROSS JOIN events ON events.position = deliveries.position
         WHERE did = ? AND priority = ? AND deliveries.state = 0 ${filter.sql} ORDER BY deliveries.id LIMIT ?`,
        did,
        priority,
        ...filter.values,
        options.max - found.length,
      ),
    );
  }
  return found.map((row) => leaseDelivery(w, row, options));
}

function filterSql({ filter }: ClaimOptions): { sql: string; values: string[] } {
  const among = { unit: filter?.unit, topic: filter?.topic, channel: filter?.channel };
  const used = Object.entries(among).filter(([, values]) => values?.length);
  return {
    sql: used.map(([column]) => `AND records.${column} IN (SELECT value FROM json_each(?))`).join(' '),
    values: used.map(([, values]) => JSON.stringify(values)),
  };
}

function leaseDelivery(w: Writing, row: Row, options: ClaimOptions): ClaimedDelivery {
  const did = integer(row, 'did');
  const priority = integer(row, 'priority');
  w.connection.run(
    'UPDATE deliveries SET state = 3, lease_until = ?, outside = ?, token = token + 1, attempt = attempt + 1 WHERE id = ?',
    options.now + options.leaseMs,
    options.actor === undefined ? 0 : 1,
    integer(row, 'id'),
  );
  w.count(deliveryCounter(did, stateCode('ready'), priority), -1);
  w.count(deliveryCounter(did, stateCode('claimed'), priority), 1);
  return {
    row,
    eventId: text(row, 'event_id'),
    token: integer(row, 'token') + 1,
    attempt: integer(row, 'attempt') + 1,
    urgency: urgencyAt(priority),
  };
}
