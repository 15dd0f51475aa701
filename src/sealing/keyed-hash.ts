import { createHmac } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

/**
 * 16 bytes that find a value again and say nothing about it without the index key. A plain hash would
 * not do: all valid TCKN can be tried in under an hour.
 */
export const keyedHash = (ring: KeyRing, kind: string, value: string): Buffer =>
  createHmac('sha256', ring.index).update(`${kind}:${value}`).digest().subarray(0, 16);
