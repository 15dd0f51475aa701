import { createHash } from 'node:crypto';
import { headerEnd, readHeaders } from './headers.ts';

/** Written by servers on the way, so two copies of one mail differ in them. */
const traceHeaders =
  /^(?:received|x-received|return-path|delivered-to|x-delivered-to|x-original-to|envelope-to|x-envelope-to|received-spf|authentication-results|arc-[a-z-]+|x-spam-[a-z-]+|x-virus-[a-z-]+|x-gmail-[a-z-]+|x-gm-[a-z-]+|x-forwarded-[a-z-]+|x-ms-exchange-[a-z-]+|status|x-status|x-keywords|x-uid|x-uidl|x-mozilla-[a-z0-9-]+|lines|content-length)\s*:/i;

/**
 * The bytes that are the mail itself: without the header fields servers add on the way. Where a mail
 * has neither Message-ID nor Date, the time it reached the mailbox tells two identical ones apart.
 */
function essence(raw: Uint8Array, arrivedAt: string | undefined): Uint8Array[] {
  const { end } = headerEnd(raw);
  const block = Buffer.from(raw.buffer, raw.byteOffset, end).toString('latin1');
  const kept: string[] = [];
  let keep = true;
  for (const line of block.split('\n')) {
    if (!/^[ \t]/.test(line)) keep = !traceHeaders.test(line);
    if (keep) kept.push(line);
  }
  const headers = readHeaders(raw);
  if (arrivedAt !== undefined && !headers.has('message-id') && !headers.has('date'))
    kept.push(`arrived: ${arrivedAt}`);
  return [Buffer.from(kept.join('\n'), 'latin1'), raw.subarray(end)];
}

/** SHA-256 hex of the mail itself, the same in every folder and after every UIDVALIDITY. */
export function contentKey(raw: Uint8Array, arrivedAt?: string): string {
  const hash = createHash('sha256');
  for (const bytes of essence(raw, arrivedAt)) hash.update(bytes);
  return hash.digest('hex');
}

/** As `contentKey`, off the main thread: a large mail must not hold up the others. */
export async function contentKeyOf(raw: Uint8Array, arrivedAt?: string): Promise<string> {
  if (raw.length < 256 * 1024) return contentKey(raw, arrivedAt);
  const digest = await crypto.subtle.digest('SHA-256', Buffer.concat(essence(raw, arrivedAt)));
  return Buffer.from(digest).toString('hex');
}

/** Key of a mail of which only the beginning was read: its full size belongs to it. */
export function tooLargeKey(beginning: string, bytes: number): string {
  return createHash('sha256').update(`${beginning}+${bytes}`).digest('hex');
}

/**
 * Key of a message: content, then Message-ID, so that one Message-ID with two contents is two messages
 * and a reply can still name the Message-ID it answers.
 */
export function messageKey(content: string, messageId: string | undefined): string {
  return messageId === undefined || messageId.length > 300 ? content : `${content}:${messageId}`;
}

/** The Message-ID inside a message key. */
export function messageIdOfKey(key: string): string | undefined {
  return /^[0-9a-f]{64}:(\S+)$/.exec(key)?.[1];
}
