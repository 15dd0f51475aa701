import type { PulledEnvelope } from '@kapi/contract';
import type { ImapFlow } from 'imapflow';
import type { Config } from './config.ts';
import { contentKeyOf, tooLargeKey } from './content-key.ts';
import { arrivedHeader, contentKeyHeader } from './normalize.ts';
import { tooLargeHeader } from './parts.ts';

/** Mails of one folder to envelopes, in batches that fit into memory. */

const maxBatchMails = 50;
const maxBatchBytes = 8 * 1024 * 1024;
const tooLargeBytes = 256 * 1024;

export type Listed = {
  readonly uid: number;
  readonly size: number;
  readonly arrivedAt: string;
  readonly seen: boolean;
};

/** The next mails of the queue, which loses them; at least one. */
export function takeBatch(queue: Listed[], config: Config): Listed[] {
  let bytes = 0;
  let count = 0;
  for (const mail of queue.slice(0, maxBatchMails)) {
    bytes += mail.size > config.maxBytes ? tooLargeBytes : mail.size;
    if (count > 0 && bytes > maxBatchBytes) break;
    count += 1;
  }
  return queue.splice(0, count);
}

export interface Fetched {
  readonly uid: number;
  readonly tooLarge: boolean;
  readonly envelope: PulledEnvelope;
}

export async function fetchMails(
  client: ImapFlow,
  folder: string,
  uidValidity: string,
  some: readonly Listed[],
  config: Config,
): Promise<Fetched[]> {
  const isTooLarge = (mail: Listed) => mail.size > config.maxBytes;
  const bodies = new Map<number, Buffer>();
  // Never without an end: RFC822.SIZE may be wrong, and a literal past the cap would end every connection anew.
  const fetchInto = async (mails: readonly Listed[], maxLength: number) => {
    if (mails.length === 0) return;
    const source = { start: 0, maxLength };
    for (const mail of await client.fetchAll(
      mails.map(({ uid }) => uid),
      { uid: true, source },
      { uid: true },
    )) {
      if (mail.source !== undefined) bodies.set(mail.uid, mail.source);
    }
  };
  await fetchInto(
    some.filter((mail) => !isTooLarge(mail)),
    config.maxBytes + 1,
  );
  await fetchInto(some.filter(isTooLarge), tooLargeBytes);
  const fetched: Fetched[] = [];
  for (const mail of some) {
    const given = bodies.get(mail.uid);
    // Gone between the two questions: another reader of the mailbox removed it.
    if (given === undefined) continue;
    const larger = given.length > config.maxBytes && !isTooLarge(mail);
    const tooLarge = larger || isTooLarge(mail);
    const body = larger ? given.subarray(0, Math.min(tooLargeBytes, config.maxBytes)) : given;
    const size = Math.max(mail.size, given.length);
    const content = await contentKeyOf(body, mail.arrivedAt);
    const key = tooLarge ? tooLargeKey(content, size) : content;
    fetched.push({
      uid: mail.uid,
      tooLarge,
      envelope: {
        key,
        contentType: 'message/rfc822',
        headers: {
          'x-kapi-mailbox': folder,
          'x-kapi-uidvalidity': uidValidity,
          'x-kapi-uid': String(mail.uid),
          [arrivedHeader]: mail.arrivedAt,
          [contentKeyHeader]: key,
          ...(tooLarge ? { [tooLargeHeader]: String(size) } : {}),
        },
        body,
      },
    });
  }
  return fetched;
}
