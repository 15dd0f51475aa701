import type { Urgency } from '@kapi/contract';
import { type DataKey, open, SealingError, seal } from '../../sealing/index.ts';

/** Thrown where stored bytes are not what was sealed, or do not read as what they were. */
export const isDamage = (thrown: unknown): thrown is Error =>
  thrown instanceof SealingError || thrown instanceof SyntaxError || thrown instanceof RangeError;

/** Whose data key seals a document. `id` is the contract's id and part of what is authenticated. */
export interface Owner {
  readonly id: string;
  readonly row: number;
  /** Undefined once erased. */
  readonly key: DataKey | undefined;
  /** Of a record, where its writer just wrote it. */
  readonly urgency?: Urgency;
}

// Field names are authenticated with the bytes: never change one.

export function sealTo(owner: Owner, field: string, plain: string | Uint8Array): Buffer {
  if (!owner.key) throw new Error(`The owner of ${field} has been erased.`);
  return seal(owner.key, plain, `${owner.id}:${field}`);
}

export function openFrom(
  owner: Owner | undefined,
  field: string,
  sealed: Uint8Array | undefined,
): string | undefined {
  if (!owner?.key || !sealed) return undefined;
  return open(owner.key, sealed, `${owner.id}:${field}`).toString();
}

/** Envelope: lengths of head and of the entrance's own message (4 bytes each), both as JSON, then the body. */
export function sealEnvelope(owner: Owner, head: string, own: string, body: Uint8Array): Buffer {
  const headBytes = Buffer.byteLength(head);
  const ownBytes = Buffer.byteLength(own);
  const whole = Buffer.allocUnsafe(8 + headBytes + ownBytes + body.length);
  whole.writeUInt32BE(headBytes);
  whole.writeUInt32BE(ownBytes, 4);
  whole.write(head, 8);
  whole.write(own, 8 + headBytes);
  whole.set(body, 8 + headBytes + ownBytes);
  return sealTo(owner, 'envelope', whole);
}

export function openEnvelope(
  owner: Owner | undefined,
  sealed: Uint8Array | undefined,
): { readonly head: string; readonly own: string; readonly body: Uint8Array } | undefined {
  if (!owner?.key || !sealed) return undefined;
  const whole = open(owner.key, sealed, `${owner.id}:envelope`);
  const headEnd = 8 + whole.readUInt32BE(0);
  const ownEnd = headEnd + whole.readUInt32BE(4);
  return {
    head: whole.toString('utf8', 8, headEnd),
    own: whole.toString('utf8', headEnd, ownEnd),
    body: new Uint8Array(whole.subarray(ownEnd)),
  };
}
