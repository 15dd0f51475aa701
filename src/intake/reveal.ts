import { RefusedRequest, TransientError } from '@kapi/contract';
import type { Actor, Records } from './gateway.ts';
import type { House } from './house.ts';

/** Writes to the audit chain that personal data of a record was shown, to whom, and why. */
export async function revealed(house: House, number: string, actor: Actor, reason: string): Promise<void> {
  await audit(house, actor, 'reveal', number, reason);
}

/** One file of a record, streamed from the sealed blob; the access is in the audit chain before a byte leaves. */
export async function attachment(
  house: House,
  number: string,
  attachmentId: string,
  actor: Actor,
  reason: string,
): ReturnType<Records['attachment']> {
  const view = await house.reader.record({ number });
  const found = view?.record.attachments.find(({ id, state }) => id === attachmentId && state === 'stored');
  if (found === undefined) throw new RefusedRequest('not_found', 'No such file of this record.');
  await audit(house, actor, 'attachment', number, `${attachmentId}: ${reason}`);
  return {
    name: found.name,
    mediaType: found.mediaType,
    bytes: found.bytes,
    content: house.blobs.open(found.id),
  };
}

async function audit(
  house: House,
  actor: Actor,
  action: string,
  subject: string,
  detail: string,
): Promise<void> {
  const [outcome] = await house.pipeline.save([
    { changes: [{ do: 'audit', at: house.clock.now(), actor: actor.name, action, subject, detail }] },
  ]);
  if (outcome?.result !== 'saved')
    throw new TransientError('store_unavailable', 'The access could not be written down.');
}
