import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto';
import { SealingError } from './key-ring.ts';

const formatVersion = 1;
const headBytes = 1 + 4 + 12;
const tagBytes = 16;

// Random nonces are drawn many at a time: one call per nonce costs half as much as the encryption.
const pool = Buffer.alloc(12 * 1024);
let used = pool.length;
function nextNonce(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 12;
  return pool.subarray(used - 12, used);
}

export interface NamedKey {
  readonly id: number;
  readonly secret: KeyObject | Uint8Array;
}

/**
 * AES-256-GCM as `version(1) | key id(4) | nonce(12) | ciphertext | tag(16)`. `field` names owner and
 * place (`<owner id>:<field>`) and is authenticated, so a value moved to another row or column fails.
 */
export function seal(key: NamedKey, plain: Uint8Array | string, field: string): Buffer {
  const nonce = nextNonce();
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce);
  cipher.setAAD(Buffer.from(field));
  const body = typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain);
  cipher.final();
  const sealed = Buffer.allocUnsafe(headBytes + body.length + tagBytes);
  sealed[0] = formatVersion;
  sealed.writeUInt32BE(key.id, 1);
  nonce.copy(sealed, 5);
  body.copy(sealed, headBytes);
  cipher.getAuthTag().copy(sealed, headBytes + body.length);
  return sealed;
}

/** Id of the key a value was sealed with. */
export function sealedBy(sealed: Uint8Array): number {
  if (sealed.length < headBytes + tagBytes || sealed[0] !== formatVersion)
    throw new SealingError('A sealed value is damaged.');
  return view(sealed).readUInt32BE(1);
}

/** @throws SealingError for a wrong key, a wrong place or a changed byte */
export function open(key: NamedKey, sealed: Uint8Array, field: string): Buffer {
  if (sealedBy(sealed) !== key.id) throw new SealingError(`The sealed value of ${field} has another key.`);
  const bytes = view(sealed);
  const decipher = createDecipheriv('aes-256-gcm', key.secret, bytes.subarray(5, headBytes));
  decipher.setAAD(Buffer.from(field));
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
  const plain = decipher.update(bytes.subarray(headBytes, bytes.length - tagBytes));
  try {
    decipher.final();
  } catch {
    throw new SealingError(`The sealed value of ${field} does not open: wrong key, wrong place or damaged.`);
  }
  return plain;
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
