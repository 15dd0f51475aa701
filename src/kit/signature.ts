import { createHmac, timingSafeEqual } from 'node:crypto';

const bytesOf = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? Buffer.from(value, 'utf8') : value;

/** Equality of a secret with what was offered, in constant time for equal lengths; false for unequal ones. */
export function sameSecret(expected: string | Uint8Array, offered: string | Uint8Array): boolean {
  const left = bytesOf(expected);
  const right = bytesOf(offered);
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}

/** HMAC of the bytes as text. */
export function hmac(
  algorithm: 'sha1' | 'sha256',
  secret: string | Uint8Array,
  bytes: string | Uint8Array,
  encoding: 'hex' | 'base64',
): string {
  return createHmac(algorithm, secret).update(bytes).digest(encoding);
}
