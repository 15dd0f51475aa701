import { createHash } from 'node:crypto';

/** What the first row of the chain follows from. */
export const auditStart = Buffer.alloc(32);

/** SHA-256 over the hash before and the row in one fixed form. */
export function auditHash(
  before: Uint8Array,
  row: { sequence: number; at: number; actor: string; action: string; subject: string; detail: string },
): Buffer {
  const canonical = JSON.stringify([row.sequence, row.at, row.actor, row.action, row.subject, row.detail]);
  return createHash('sha256').update(before).update(canonical).digest();
}
