import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

/**
 * The token of a record's tracking link, and back. A token is the record's id (a UUID: one block) under
 * AES-256 with a key of its own: 128 bits that nobody can guess or tell apart from random ones, and that
 * need no row to be found again. The same record has the same token for ever.
 */
export interface TrackingTokens {
  /** 22 characters, base64url. */
  tokenOf(recordId: string): string;
  /** The id a token stands for, or undefined where it cannot be a token. Any 22 characters stand for some id. */
  recordOf(token: string): string | undefined;
}

export function trackingTokens(ring: KeyRing): TrackingTokens {
  const key = ring.derive('tracking-token');
  // One block without chaining keeps no state, so both serve every call.
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  return {
    tokenOf: (recordId) =>
      cipher.update(Buffer.from(recordId.replaceAll('-', ''), 'hex')).toString('base64url'),
    recordOf(token) {
      if (!/^[\w-]{22}$/.test(token)) return undefined;
      const hex = decipher.update(Buffer.from(token, 'base64url')).toString('hex');
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
  };
}
