import {
  type DataKey,
  KeyRing,
  keyedHash,
  newDataKey,
  open,
  rewrapDataKey,
  SealingError,
  seal,
  unwrapDataKey,
} from '../../../sealing/index.ts';
import type { RewrapPosition, RewrapStep } from '../../shared/command.ts';
import { bytes, integer, maybeBytes, text } from '../../shared/rows.ts';
import { first, type Queries } from '../session.ts';
import type { Writing } from './writing.ts';

/**
 * Proves that the ring is the one this data was sealed with, notes its new keys, and opens the key of what
 * belongs to no record and no envelope; the first gateway of a database makes that.
 * @throws SealingError `key_missing`
 */
export async function checkKeys(queries: Queries, ring: KeyRing): Promise<DataKey> {
  const probe = keyedHash(ring, 'probe', 'index');
  await queries.all('INSERT INTO sealing_keys (id, probe) VALUES (0, $1) ON CONFLICT DO NOTHING', [probe]);
  const known = await queries.all('SELECT id, probe FROM sealing_keys');
  const index = known.find((row) => integer(row, 'id') === 0);
  if (!index || !probe.equals(bytes(index, 'probe')))
    throw new SealingError('The index key is not the one this data was sealed with.');
  // Only keys that still wrap something are needed; the active one at the last start may be retired since.
  for (const row of known) {
    const id = integer(row, 'id');
    if (id === 0) continue;
    if (ring.ids.includes(id)) open(ring.key(id), bytes(row, 'probe'), 'probe:key');
    else if (await stillUsed(queries, id)) ring.key(id);
  }
  await queries.all('INSERT INTO sealing_keys (id, probe) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    ring.active.id,
    seal(ring.active, 'kapi', 'probe:key'),
  ]);
  const made = newDataKey(ring, 'house');
  await queries.all(`INSERT INTO meta (name, value) VALUES ('house_key', $1) ON CONFLICT DO NOTHING`, [
    made.wrapped,
  ]);
  const house = await first(queries, `SELECT value FROM meta WHERE name = 'house_key'`);
  return unwrapDataKey(ring, bytes(house ?? {}, 'value'), 'house');
}

// The wrapping key's id stands in bytes 2 to 5 of a wrapped key.
const prefix = (id: number): Buffer => {
  const head = Buffer.from([1, 0, 0, 0, 0]);
  head.writeUInt32BE(id, 1);
  return head;
};
const stillUsed = async (queries: Queries, id: number): Promise<boolean> =>
  (
    await queries.all(
      'SELECT 1 FROM records WHERE substring(dek FOR 5) = $1 UNION ALL SELECT 1 FROM envelopes WHERE substring(dek FOR 5) = $1 LIMIT 1',
      [prefix(id)],
    )
  ).length > 0;

/** Wraps the data keys of up to `max` rows with the ring's active key. What they seal stays as it is. */
export async function rewrapSome(
  w: Writing,
  step: { keys: string; after: RewrapPosition; max: number },
): Promise<RewrapStep> {
  const ring = KeyRing.parse(step.keys);
  if (w.house.ring.active.id !== ring.active.id) {
    w.house.ring = ring;
    await checkKeys(w, ring);
    w.audit.add(Date.now(), 'store', 'sealing-key-rotated', ring.active.id.toString(16), '');
  }
  const [house] = await w.all(`SELECT value FROM meta WHERE name = 'house_key' FOR UPDATE`);
  const rewrappedHouse = house && rewrapDataKey(ring, bytes(house, 'value'), 'house');
  if (rewrappedHouse) w.send(`UPDATE meta SET value = $1 WHERE name = 'house_key'`, [rewrappedHouse]);

  const { table, row: from } = step.after;
  const key = table === 'records' ? 'rid' : 'eid';
  const rows = await w.all(
    `SELECT ${key} AS row, id, dek FROM ${table} WHERE ${key} > $1 ORDER BY ${key} LIMIT $2 FOR NO KEY UPDATE`,
    [from, step.max],
  );
  let rewrapped = 0;
  for (const row of rows) {
    const dek = maybeBytes(row, 'dek');
    const wrapped = dek && rewrapDataKey(ring, dek, text(row, 'id'));
    if (!wrapped) continue;
    w.send(`UPDATE ${table} SET dek = $1 WHERE ${key} = $2`, [wrapped, integer(row, 'row')]);
    rewrapped += 1;
  }
  const last = rows.at(-1);
  if (last) return { rewrapped, next: { table, row: integer(last, 'row') } };
  return table === 'records' ? { rewrapped, next: { table: 'envelopes', row: 0 } } : { rewrapped };
}
