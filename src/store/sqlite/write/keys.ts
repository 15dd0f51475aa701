import { KeyRing, keyedHash, open, rewrapDataKey, SealingError, seal } from '../../../sealing/index.ts';
import type { RewrapPosition, RewrapStep } from '../../shared/command.ts';
import { bytes, integer, maybeBytes, text } from '../../shared/rows.ts';
import type { Writing } from './writing.ts';

/**
 * Proves at start that the ring is the one this data was sealed with, and notes its new keys.
 * @throws SealingError `key_missing`
 */
export function checkKeys(w: Writing): void {
  const { connection, documents } = w;
  const { ring } = documents;
  const probe = keyedHash(ring, 'probe', 'index');
  connection.run('INSERT INTO sealing_keys (id, probe) VALUES (0, ?) ON CONFLICT DO NOTHING', probe);
  const index = connection.get('SELECT probe FROM sealing_keys WHERE id = 0');
  if (!index || !probe.equals(bytes(index, 'probe')))
    throw new SealingError('The index key is not the one this data was sealed with.');
  const known = connection.all('SELECT id, probe FROM sealing_keys WHERE id <> 0');
  // Only keys that still wrap something are needed; the active one at the last start may be retired since.
  for (const row of known) {
    const id = integer(row, 'id');
    if (ring.ids.includes(id)) open(ring.key(id), bytes(row, 'probe'), 'probe:key');
    else if (stillUsed(w, id)) ring.key(id);
  }
  connection.run(
    'INSERT INTO sealing_keys (id, probe) VALUES (?, ?) ON CONFLICT DO NOTHING',
    ring.active.id,
    seal(ring.active, 'kapi', 'probe:key'),
  );
  documents.house();
}

// The wrapping key's id stands in bytes 2 to 5 of a wrapped key.
const prefix = (id: number): Buffer => {
  const head = Buffer.from([1, 0, 0, 0, 0]);
  head.writeUInt32BE(id, 1);
  return head;
};
const stillUsed = (w: Writing, id: number): boolean =>
  w.connection.get(
    `SELECT 1 AS one FROM records WHERE substr(dek, 1, 5) = ?1 UNION ALL SELECT 1 FROM envelopes WHERE substr(dek, 1, 5) = ?1 LIMIT 1`,
    prefix(id),
  ) !== undefined;

/** Wraps the data keys of up to `max` rows with the ring's active key. What they seal stays as it is. */
export function rewrapSome(
  w: Writing,
  step: { keys: string; after: RewrapPosition; max: number },
): RewrapStep {
  const { connection, documents } = w;
  const ring = KeyRing.parse(step.keys);
  if (documents.ring.active.id !== ring.active.id) {
    documents.ring = ring;
    checkKeys(w);
    w.audit(Date.now(), 'store', 'sealing-key-rotated', ring.active.id.toString(16), '');
  }
  const house = connection.get(`SELECT value FROM meta WHERE name = 'house_key'`);
  const rewrappedHouse = house && rewrapDataKey(ring, bytes(house, 'value'), 'house');
  if (rewrappedHouse) connection.run(`UPDATE meta SET value = ? WHERE name = 'house_key'`, rewrappedHouse);

  const { table, row: from } = step.after;
  const key = table === 'records' ? 'rid' : 'eid';
  const rows = connection.all(
    `SELECT ${key} AS row, id, dek FROM ${table} WHERE ${key} > ? ORDER BY ${key} LIMIT ?`,
    from,
    step.max,
  );
  let rewrapped = 0;
  for (const row of rows) {
    const dek = maybeBytes(row, 'dek');
    const wrapped = dek && rewrapDataKey(ring, dek, text(row, 'id'));
    if (!wrapped) continue;
    connection.run(`UPDATE ${table} SET dek = ? WHERE ${key} = ?`, wrapped, integer(row, 'row'));
    rewrapped += 1;
  }
  const last = rows.at(-1);
  if (last) return { rewrapped, next: { table, row: integer(last, 'row') } };
  return table === 'records' ? { rewrapped, next: { table: 'envelopes', row: 0 } } : { rewrapped };
}
