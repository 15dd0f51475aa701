import { type Urgency, urgencies } from '@kapi/contract';
import { newDataKey } from '../../../sealing/index.ts';
import { Abort } from '../../shared/abort.ts';
import { priorityOf } from '../../shared/deliveries.ts';
import { clearColumns, type PackedEvent, type PackedRecord } from '../../shared/pack.ts';
import { integer, maybeBytes, type Row, text, word } from '../../shared/rows.ts';
import type { Owner } from '../../shared/sealed.ts';
import { lookupBlock, versionId } from '../documents.ts';
import { addDelivery, reprioritise } from './deliveries.ts';
import type { Writing } from './writing.ts';

export function putRecord(w: Writing, change: PackedRecord, now: number): void {
  if (change.version !== change.expectedVersion + 1)
    throw new Abort({
      result: 'failed',
      code: 'internal',
      detail: 'A record moves by one version at a time.',
    });
  const owner = change.expectedVersion === 0 ? insertRecord(w, change, now) : updateRecord(w, change, now);
  w.connection.run(
    'INSERT INTO record_versions (vid, sealed) VALUES (?, ?)',
    versionId(owner.row, change.version),
    w.documents.sealTo(owner, `record:${change.version}`, change.doc),
  );
}

const insertSql = `INSERT INTO records (rid, id, ${clearColumns.join(', ')}, updated_at, promise_rings_at, dek, lookups)
  VALUES (${Array.from({ length: clearColumns.length + 6 }, () => '?').join(', ')})`;
const updateSql = `UPDATE records SET ${clearColumns.map((column) => `${column} = ?`).join(', ')}, updated_at = ?,
  promise_rings_at = CASE WHEN ? IS NULL THEN promise_rings_at END, lookups = ? WHERE rid = ?`;

function insertRecord(w: Writing, change: PackedRecord, now: number): Owner {
  const { key, wrapped } = newDataKey(w.documents.ring, change.id);
  const lookups = lookupHashes(w, change);
  const row = w.nextRow('records');
  try {
    w.connection.run(
      insertSql,
      row,
      change.id,
      ...change.clear,
      now,
      change.promiseRingsAt,
      wrapped,
      Buffer.concat(lookups),
    );
  } catch (thrown) {
    // Asked only where it failed: a fresh id is there once in a million records.
    const taken = w.connection.get('SELECT version FROM records WHERE id = ?', change.id);
    if (!taken) throw thrown;
    throw new Abort({ result: 'conflict', recordId: change.id, version: integer(taken, 'version') });
  }
  for (const hash of lookups) addLookup(w, row, hash);
  return w.documents.remember('record', { id: change.id, row, key, urgency: change.urgency });
}

function updateRecord(w: Writing, change: PackedRecord, now: number): Owner {
  const row = w.connection.get('SELECT rid, version, urgency, lookups FROM records WHERE id = ?', change.id);
  const version = row ? integer(row, 'version') : 0;
  if (!row || version !== change.expectedVersion)
    throw new Abort({ result: 'conflict', recordId: change.id, version });
  const rid = integer(row, 'rid');
  const lookups = lookupHashes(w, change);
  replaceLookups(w, rid, maybeBytes(row, 'lookups'), lookups);
  w.connection.run(updateSql, ...change.clear, now, change.promiseMetAt, Buffer.concat(lookups), rid);
  if (text(row, 'urgency') !== change.urgency) reprioritise(w, rid, change.urgency);
  return w.documents.remember('record', { ...keyed(w, change.id), urgency: change.urgency });
}

/** The owner with a key: an erased record that is written to again gets a fresh one. */
export function keyed(w: Writing, recordId: string): Owner {
  const owner = w.documents.record(recordId);
  if (!owner) throw new Abort({ result: 'failed', code: 'not_found', detail: 'There is no such record.' });
  if (owner.key) return owner;
  const { key, wrapped } = newDataKey(w.documents.ring, recordId);
  w.connection.run('UPDATE records SET dek = ? WHERE rid = ?', wrapped, owner.row);
  return w.documents.remember('record', { ...owner, key });
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
function replaceLookups(
  w: Writing,
  rid: number,
  old: Uint8Array | undefined,
  hashes: readonly Buffer[],
): void {
  const joined = Buffer.concat(hashes);
  if (old && joined.equals(old)) return;
  for (const hash of split(old))
    w.connection.run(
      'DELETE FROM lookups WHERE block = ? AND hash = ? AND rid = ?',
      lookupBlock(rid),
      hash,
      rid,
    );
  for (const hash of hashes) addLookup(w, rid, hash);
}
const addLookup = (w: Writing, rid: number, hash: Uint8Array): unknown =>
  w.connection.run('INSERT INTO lookups (block, hash, rid) VALUES (?, ?, ?)', lookupBlock(rid), hash, rid);

export const dropLookups = (w: Writing, rid: number, old: Uint8Array | undefined): void =>
  replaceLookups(w, rid, old, []);

function split(joined: Uint8Array | undefined): readonly Uint8Array[] {
  return Array.from({ length: (joined?.length ?? 0) / hashBytes }, (_, index) =>
    (joined ?? new Uint8Array()).slice(index * hashBytes, (index + 1) * hashBytes),
  );
}

export function putEvent(w: Writing, change: PackedEvent, now: number): void {
  const { event } = change;
  const owner = event.data === undefined ? w.documents.record(event.recordId) : keyed(w, event.recordId);
  if (!owner) throw new Abort({ result: 'failed', code: 'not_found', detail: 'There is no such record.' });
  const key = change.key === undefined ? null : w.hash('event', change.key);
  if (key && w.connection.get('SELECT 1 AS one FROM events WHERE rid = ? AND key = ?', owner.row, key))
    throw new Abort({ result: 'exists', what: 'event-key' });
  const position = w.connection.run(
    'INSERT INTO events (id, rid, sequence, version, name, at, actor, key, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    event.id,
    owner.row,
    event.sequence,
    event.version,
    event.name,
    event.at,
    event.actor,
    key,
    event.data === undefined ? null : w.documents.sealTo(owner, `event:${event.id}`, event.data),
  ).rowid;
  w.sawPosition(position);
  w.wake('forward');
  if (change.destinations.length === 0) return;
  const urgency =
    owner.urgency ?? urgencyOf(w.connection.get('SELECT urgency FROM records WHERE rid = ?', owner.row));
  for (const { name, profile } of change.destinations) {
    const did = w.destination(name);
    const open =
      event.sequence > 1 &&
      w.connection.get(
        'SELECT 1 AS one FROM deliveries WHERE rid = ? AND did = ? AND state < 4 LIMIT 1',
        owner.row,
        did,
      );
    addDelivery(w, {
      position,
      rid: owner.row,
      did,
      profile,
      priority: priorityOf(urgency),
      at: now,
      behind: Boolean(open),
    });
  }
}

const urgencyOf = (row: Row | undefined): Urgency => (row ? word(row, 'urgency', urgencies) : 'normal');
