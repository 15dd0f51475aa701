import { hash } from 'node:crypto';
import type { InboundMessage, Part } from '@kapi/contract';

export const sha256 = (content: string | Uint8Array): string => hash('sha256', content, 'hex');

/** JSON with sorted keys: the same value gives the same text whatever the order it was built in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** What makes a repeat of an item differ from its first version: its content, and the fate of its parts. */
export function messageHash(message: InboundMessage, parts: readonly Part[]): string {
  const fates = message.attachments.map(({ part: key }) => {
    const part = parts.find((candidate) => candidate.key === key);
    return [key, part?.state ?? 'pending', part?.blob?.sha256 ?? ''];
  });
  return sha256(canonicalJson([message, fates]));
}
