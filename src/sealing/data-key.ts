import { createSecretKey, randomFillSync } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';
import { type NamedKey, open, seal, sealedBy } from './seal.ts';

/** A data key: seals the fields of one owner. Its id on the sealed values is 0, the owner has only one. */
export type DataKey = NamedKey;

const pool = Buffer.alloc(32 * 256);
let used = pool.length;

/** A fresh data key and its wrapped form, which alone is stored. Overwriting that erases all it sealed. */
export function newDataKey(ring: KeyRing, owner: string): { key: DataKey; wrapped: Buffer } {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const secret = pool.subarray(used, used + 32);
  used += 32;
  const made = { key: { id: 0, secret: createSecretKey(secret) }, wrapped: wrap(ring, secret, owner) };
  secret.fill(0);
  return made;
}

const wrap = (ring: KeyRing, secret: Uint8Array, owner: string): Buffer =>
  seal(ring.active, secret, `${owner}:key`);

/** @throws SealingError */
export function unwrapDataKey(ring: KeyRing, wrapped: Uint8Array, owner: string): DataKey {
  const secret = open(ring.key(sealedBy(wrapped)), wrapped, `${owner}:key`);
  return { id: 0, secret: createSecretKey(secret) };
}

/** The same data key under the ring's active key, or undefined where it already is. */
export function rewrapDataKey(ring: KeyRing, wrapped: Uint8Array, owner: string): Buffer | undefined {
  if (sealedBy(wrapped) === ring.active.id) return undefined;
  return wrap(ring, open(ring.key(sealedBy(wrapped)), wrapped, `${owner}:key`), owner);
}
