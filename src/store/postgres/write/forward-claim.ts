import { type ClaimOptions, profiles, TransientError } from '@kapi/contract';
import { newDataKey } from '../../../sealing/index.ts';
import type { PackedWork } from '../../shared/command.ts';
import { deliveryCounter, priorityOf, stateCode, urgencyAt } from '../../shared/deliveries.ts';
import { type Outgoing, renderEvent, toOutgoing } from '../../shared/rendering.ts';
import { integer, maybeBytes, type Row, text, word } from '../../shared/rows.ts';
import { type Owner, openFrom, sealTo } from '../../shared/sealed.ts';
import { recordColumns } from '../documents.ts';
import { documentsOf, inOrder, openEach } from './claims.ts';
import type { Writing } from './writing.ts';

/** Expired leases and deliveries whose wait is over are ready again. */
const backSql = `WITH expired AS (
    SELECT rid, sequence, did, state FROM deliveries WHERE did = $1 AND state = 3 AND lease_until <= $2 FOR UPDATE SKIP LOCKED
  ), waited AS (
    SELECT rid, sequence, did, state FROM deliveries WHERE did = $1 AND state = 2 AND due_at <= $2 FOR UPDATE SKIP LOCKED
  ), back AS (SELECT * FROM expired UNION ALL SELECT * FROM waited)
  UPDATE deliveries d SET state = 0, due_at = 0, lease_until = 0, token = d.token + 1 FROM back
  WHERE d.rid = back.rid AND d.sequence = back.sequence AND d.did = back.did
  RETURNING d.priority, back.state AS before`;

const among = (column: string, parameter: number): string =>
  `($${parameter}::text[] IS NULL OR records.${column} = ANY($${parameter}))`;

/** Most urgent first, then oldest, in one walk along the index of what is ready, whatever waits behind. */
const pick = (filtered: boolean): string => `WITH picked AS (
    SELECT d.rid, d.sequence, d.did FROM deliveries d ${filtered ? 'JOIN records ON records.rid = d.rid' : ''}
    WHERE d.did = $1 AND d.state = 0 ${
      filtered
        ? `AND ($6::int[] IS NULL OR array_position($6, d.priority::int) IS NOT NULL)
           AND ${among('unit', 7)} AND ${among('topic', 8)} AND ${among('channel', 9)}`
        : ''
    }
    ORDER BY d.priority, d.id LIMIT $2 FOR UPDATE OF d SKIP LOCKED
  ), leased AS (
    UPDATE deliveries d SET state = 3, lease_until = $3, worker = $4, token = d.token + 1, attempt = d.attempt + 1
    FROM picked p WHERE d.rid = p.rid AND d.sequence = p.sequence AND d.did = p.did
    RETURNING d.rid, d.sequence, d.did, d.id, d.profile, d.state, d.priority, d.created_at, d.token, d.attempt
  )
  SELECT leased.*, events.id AS event_id, events.version, events.name, events.at, events.actor, events.sealed, records.number, ${recordColumns},
    event_bodies.sealed AS body, CASE WHEN event_bodies.sealed IS NULL THEN record_versions.sealed END AS doc
  FROM leased
  JOIN records ON records.rid = leased.rid
  JOIN events ON events.rid = leased.rid AND events.sequence = leased.sequence
  LEFT JOIN event_bodies ON event_bodies.rid = leased.rid AND event_bodies.sequence = leased.sequence AND event_bodies.profile = leased.profile
  LEFT JOIN record_versions ON record_versions.rid = leased.rid AND record_versions.version = events.version
  WHERE $5::bigint IS NOT NULL`;
const pickAny = pick(false);
const pickFiltered = pick(true);

const wanted = <T>(values: readonly T[] | undefined): readonly T[] | null => (values?.length ? values : null);

export async function claimForwards(w: Writing, options: ClaimOptions): Promise<readonly PackedWork[]> {
  const { destination, filter } = options;
  if (destination === undefined)
    throw new TransientError('internal', 'A claim of deliveries names its destination.');
  const did = await w.destination(destination);
  const move = (row: Row, from: number, to: number): void => {
    w.count(deliveryCounter(did, from, integer(row, 'priority')), -1);
    w.count(deliveryCounter(did, to, integer(row, 'priority')), 1);
  };
  const outside = options.actor !== undefined;
  const values = [did, options.max, options.now + options.leaseMs, outside ? 0 : w.house.worker, options.now];
  const urgencies = wanted(filter?.urgency)?.map(priorityOf);
  const others = [wanted(filter?.unit), wanted(filter?.topic), wanted(filter?.channel)];
  const filtered = urgencies !== undefined || others.some((values) => values !== null);
  const [back, picked] = await Promise.all([
    w.all(backSql, [did, options.now]),
    filtered ? w.all(pickFiltered, [...values, urgencies ?? null, ...others]) : w.all(pickAny, values),
  ]);
  for (const row of back) move(row, integer(row, 'before'), stateCode('ready'));
  for (const row of picked) move(row, stateCode('ready'), stateCode('claimed'));
  const rows = inOrder(
    picked,
    (row) => integer(row, 'priority'),
    (row) => integer(row, 'id'),
  );
  if (options.actor !== undefined && rows.length > 0)
    w.audit.add(
      options.now,
      options.actor,
      'queue-claimed',
      destination,
      rows.map((row) => text(row, 'event_id')).join(' '),
    );
  return openEach(
    w,
    'forward',
    rows,
    options,
    (row, claim): PackedWork => ({
      stage: 'forward',
      ...claim,
      destination,
      profile: word(row, 'profile', profiles),
      ...outgoing(w, row),
      createdAt: integer(row, 'created_at'),
      urgency: urgencyAt(integer(row, 'priority')),
    }),
  );
}

/**
 * The event's bytes for its profile: rendered at the first claim, from then on as stored. Two destinations
 * of a profile that are claimed at the same moment render the same bytes, of which one copy is kept.
 */
function outgoing(w: Writing, row: Row): Outgoing {
  const owner = keyedOwner(w, row);
  const eventId = text(row, 'event_id');
  const event = {
    id: eventId,
    recordId: owner.id,
    name: text(row, 'name'),
    sequence: integer(row, 'sequence'),
    version: integer(row, 'version'),
    at: text(row, 'at'),
    actor: text(row, 'actor'),
    data: openFrom(owner, `event:${eventId}`, maybeBytes(row, 'sealed')) ?? '{}',
  };
  const number = text(row, 'number');
  const field = `body:${eventId}:${text(row, 'profile')}`;
  const stored = openFrom(owner, field, maybeBytes(row, 'body'));
  if (stored !== undefined) return toOutgoing(event, number, stored);
  const doc = openFrom(owner, `record:${event.version}`, maybeBytes(row, 'doc'));
  const body = renderEvent(event, doc, number, word(row, 'profile', profiles), w.house.institution);
  w.add('event_bodies', [
    integer(row, 'rid'),
    integer(row, 'sequence'),
    text(row, 'profile'),
    sealTo(owner, field, body),
  ]);
  return toOutgoing(event, number, body);
}

/** The record's own key where it has one; one that was erased gets a fresh one, unless another claim just gave it one. */
function keyedOwner(w: Writing, row: Row): Owner {
  const owner = documentsOf(w).ownerIn(row, 'rid');
  if (owner.key) return owner;
  const { key, wrapped } = newDataKey(w.house.ring, owner.id);
  w.send('UPDATE records SET dek = $1 WHERE rid = $2 AND dek IS NULL', [wrapped, owner.row]);
  return { ...owner, key };
}
