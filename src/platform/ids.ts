import { randomFillSync, randomUUIDv7 } from 'node:crypto';

/** Random bytes are drawn in one call for many ids: a call of the system costs more than the bytes. */
const pool = Buffer.allocUnsafeSlow(8192);
let used = pool.length;

/** Fresh bytes of the system's generator, each given out once. At most 1024. */
export function randomBytesPooled(length: number): Buffer {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.from(pool.subarray(used, used + length));
  pool.fill(0, used, used + length);
  used += length;
  return bytes;
}

/** UUIDv7: sorts by time of making. */
export const newId = (): string => randomUUIDv7();

const pins = 1_000_000;
// Values from here on would make the first pins more likely than the last.
const unbiased = Math.floor(2 ** 32 / pins) * pins;

/** Six decimal digits, each of the million equally likely. */
export function newPin(): string {
  for (;;) {
    const value = randomBytesPooled(4).readUInt32BE();
    if (value < unbiased) return String(value % pins).padStart(6, '0');
  }
}

/** 128 bits, base64url, 22 characters: opens a tracking page from a link. */
export const newToken = (): string => randomBytesPooled(16).toString('base64url');

/** 96 bits for AES-GCM. */
export const newNonce = (): Buffer => randomBytesPooled(12);
