import { PayloadError } from '@kapi/contract';
import { parseJson } from '@kapi/kit';
import { z } from 'zod';

/** What the provider documents: address and date of its page stand here. */
const payload = z.looseObject({ messages: z.array(z.unknown()).max(1000) });

export const providerMessage = z.looseObject({
  id: z.string().trim().min(1).max(200),
  from: z.string(),
  text: z.string(),
  sentAt: z.iso.datetime({ offset: true }).optional(),
});
export type ProviderMessage = z.output<typeof providerMessage>;

/**
 * The items of one call, each still unread: one that cannot be read must not take the others with it.
 * @throws PayloadError where nothing of the call can be read
 */
export function readPayload(body: Uint8Array): readonly unknown[] {
  const parsed = payload.safeParse(parseJson(body));
  if (!parsed.success) throw new PayloadError('payload_unreadable', 'no list of messages');
  return parsed.data.messages;
}
