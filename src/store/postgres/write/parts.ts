import type { PackedPart } from '../../shared/pack.ts';
import { sealTo } from '../../shared/sealed.ts';
import type { EnvelopeOwner } from './owners.ts';
import type { Writing } from './writing.ts';

const finalStates: ReadonlySet<string> = new Set(['stored', 'expired', 'refused', 'infected']);

export async function putPart(
  w: Writing,
  envelope: EnvelopeOwner,
  part: PackedPart,
  now: number,
): Promise<void> {
  w.add('parts', [
    await w.id(),
    envelope.row,
    part.key,
    part.state,
    part.wait,
    part.kind,
    part.blobId,
    part.reason,
    sealTo(envelope, `part:${part.key}`, part.doc),
    now,
    envelope.urgent,
  ]);
  if (!finalStates.has(part.state)) w.wake('fetch');
  if (!envelope.fresh) wakeRead(w, envelope.row, now);
}

/** The read stage may be waiting for parts: with each that comes it looks again. */
export function wakeRead(w: Writing, eid: number, now: number): void {
  w.send(`UPDATE envelopes SET due_at = $1 WHERE eid = $2 AND state = 'unread' AND due_at > $1`, [now, eid]);
  w.wake('read');
}
