import { type Urgency, urgencies } from '@kapi/contract';
import { newDataKey } from '../../../sealing/index.ts';
import { Abort } from '../../shared/abort.ts';
import { deliveryCounter, priorityOf, stateCode } from '../../shared/deliveries.ts';
import { clearColumns, type PackedEvent, type PackedRecord } from '../../shared/pack.ts';
import { integer } from '../../shared/rows.ts';
import { sealTo } from '../../shared/sealed.ts';
import type { RecordOwner } from './owners.ts';
import type { Writing } from './writing.ts';

export async function putRecord(w: Writing, change: PackedRecord, now: number): Promise<void> {
  if (change.version !== change.expectedVersion + 1)
    throw new Abort({
      result: 'failed',
      code: 'internal',
      detail: 'A record moves by one version at a time.',
    });
  const owner =
    change.expectedVersion === 0 ? await insertRecord(w, change, now) : await updateRecord(w, change, now);
  w.add('record_versions', [
    owner.row,
    change.version,
    sealTo(owner, `record:${change.version}`, change.doc),
  ]);
}

/** A taken id or number breaks its constraint, and the item is then told which. */
async function insertRecord(w: Writing, change: PackedRecord, now: number): Promise<RecordOwner> {
  const { key, wrapped } = newDataKey(w.house.ring, change.id);
  const hashes = lookupHashes(w, change);
  const lookups = Buffer.concat(hashes);
  const row = await w.id();
  w.add('records', [row, change.id, ...change.clear, now, change.promiseRingsAt, wrapped, lookups]);
  for (const hash of hashes) w.add('lookups', [hash, row]);
  const { id, version, urgency } = change;
  return w.owners.rememberRecord({ id, row, key, version, urgency, lookups });
}

const updateSql = `UPDATE records SET ${clearColumns.map((column, index) => `${column} = $${index + 4}`).join(', ')}, updated_at = $3,
  promise_rings_at = CASE WHEN $${clearColumns.indexOf('promise_met_at') + 4}::bigint IS NULL THEN promise_rings_at END, lookups = $2 WHERE rid = $1`;

async function updateRecord(w: Writing, change: PackedRecord, now: number): Promise<RecordOwner> {
  const known = await w.owners.record(change.id);
  const version = known?.version ?? 0;
  if (!known || version !== change.expectedVersion)
    throw new Abort({ result: 'conflict', recordId: change.id, version });
  const owner = await w.owners.keyed(change.id);
  const lookups = replaceLookups(w, owner, lookupHashes(w, change));
  w.send(updateSql, [owner.row, lookups, now, ...change.clear]);
  if (owner.urgency !== change.urgency) await reprioritise(w, owner.row, change.urgency);
  return w.owners.rememberRecord({ ...owner, version: change.version, urgency: change.urgency, lookups });
}

const lookupHashes = (w: Writing, change: PackedRecord): readonly Buffer[] => [
  ...new Map(
    change.lookups.map((lookup) => {
      const hash = w.hash(lookup.kind, lookup.value);
      return [hash.toString('base64'), hash];
    }),
  ).values(),
];

const hashBytes = 16;
export function replaceLookups(
  w: Writing,
  { row, lookups }: Pick<RecordOwner, 'row' | 'lookups'>,
  hashes: readonly Buffer[],
): Buffer {
  const joined = Buffer.concat(hashes);
  if (lookups && joined.equals(lookups)) return joined;
  if (lookups && lookups.length > 0)
    w.send('DELETE FROM lookups WHERE rid = $1 AND hash = ANY($2::bytea[])', [row, split(lookups)]);
  for (const hash of hashes) w.add('lookups', [hash, row]);
  return joined;
}

const split = (joined: Uint8Array): readonly Buffer[] =>
  Array.from({ length: joined.length / hashBytes }, (_, index) =>
    Buffer.from(joined.slice(index * hashBytes, (index + 1) * hashBytes)),
  );

/** All open deliveries of a record take its new urgency: an emergency is not held up by its own past. */
async function reprioritise(w: Writing, rid: number, urgency: Urgency): Promise<void> {
  const priority = priorityOf(urgency);
  const rows = await w.all(
    `UPDATE deliveries d SET priority = $2 FROM (
       SELECT rid, sequence, did, priority FROM deliveries WHERE rid = $1 AND state < 4 AND priority <> $2 FOR UPDATE
     ) o WHERE d.rid = o.rid AND d.sequence = o.sequence AND d.did = o.did
     RETURNING d.did, d.state, o.priority AS before`,
    [rid, priority],
  );
  for (const row of rows) {
    const did = integer(row, 'did');
    const state = integer(row, 'state');
    w.count(deliveryCounter(did, state, integer(row, 'before')), -1);
    w.count(deliveryCounter(did, state, priority), 1);
    if (state === stateCode('ready')) w.hinted.add(w.destinationName(did));
  }
}

export async function putEvent(w: Writing, change: PackedEvent, now: number): Promise<void> {
  const { event } = change;
  const owner =
    event.data === undefined ? await w.owners.recordOf(event.recordId) : await w.owners.keyed(event.recordId);
  const key = change.key === undefined ? null : w.hash('event', change.key);
  // The record is locked: nobody can add the same key meanwhile.
  if (key && (await w.all('SELECT 1 FROM events WHERE rid = $1 AND key = $2', [owner.row, key])).length > 0)
    throw new Abort({ result: 'exists', what: 'event-key' });
  w.add('events', [
    owner.row,
    event.sequence,
    event.id,
    event.version,
    event.name,
    event.at,
    event.actor,
    key,
    event.data === undefined ? null : sealTo(owner, `event:${event.id}`, event.data),
  ]);
  w.wake('forward');
  for (const { name, profile } of change.destinations) {
    const did = await w.destination(name);
    const behind = event.sequence > 1 && (await isOpen(w, owner.row, did));
    const state = stateCode(behind ? 'behind' : 'ready');
    const priority = priorityOf(owner.urgency ?? urgencies[0]);
    w.add('deliveries', [owner.row, event.sequence, did, await w.id(), profile, state, priority, now]);
    w.count(deliveryCounter(did, state, priority), 1);
    w.count('delivery.total', 1);
    if (!behind) w.hinted.add(name);
  }
}

/**
 * Whether a delivery of the record to the destination is open. Its row is locked: should its end be under
 * way elsewhere, this waits for it; should it end later, what is written now is seen there and let through.
 */
export const isOpen = async (w: Writing, rid: number, did: number): Promise<boolean> =>
  (
    await w.all(
      'SELECT 1 FROM deliveries WHERE rid = $1 AND did = $2 AND state < 4 ORDER BY sequence LIMIT 1 FOR UPDATE',
      [rid, did],
    )
  ).length > 0;
