import type { Envelope, FailedItem, IgnoredItem, InboundMessage, Normalized } from '@kapi/contract';
import { keyOf, toE164 } from '@kapi/kit';
import { type ProviderMessage, providerMessage, readPayload } from './payload.ts';

export function normalize(envelope: Envelope): Normalized {
  const messages: InboundMessage[] = [];
  const ignored: IgnoredItem[] = [];
  const failed: FailedItem[] = [];
  const seen = new Set<string>();
  for (const item of readPayload(envelope.body)) {
    const parsed = providerMessage.safeParse(item);
    const message = parsed.success ? toMessage(parsed.data) : undefined;
    if (message === undefined) {
      const key = unused(`unread:${keyOf(JSON.stringify(item))}`, seen);
      failed.push({ key, code: 'payload_item', detail: 'no id, no text or no telephone number' });
    } else if (seen.has(message.key)) {
      ignored.push({ key: unused(`repeat:${message.key}`, seen), reason: 'repeated-in-call' });
    } else {
      seen.add(message.key);
      messages.push(message);
    }
  }
  return { messages, statuses: [], ignored, failed };
}

/** Items without an id of their own may be alike: each is counted all the same. */
function unused(key: string, seen: Set<string>): string {
  let free = key;
  for (let count = 2; seen.has(free); count++) free = `${key}#${count}`;
  seen.add(free);
  return free;
}

function toMessage({ id, from, text, sentAt }: ProviderMessage): InboundMessage | undefined {
  const phone = toE164(from);
  if (phone === undefined) return undefined;
  return {
    key: id,
    channel: 'sms',
    sender: { id: phone, kind: 'phone', proven: true },
    ...(sentAt === undefined ? {} : { sentAt }),
    text,
    attachments: [],
  };
}
