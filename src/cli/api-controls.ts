import {
  auditCheckAnswer,
  bookAnswer,
  deadLetterAnswer,
  eraseAnswer,
  keyAnswer,
  outgoingAnswer,
  pageOf,
  previewAnswer,
  quarantineEntry,
  resendAnswer,
} from '@kapi/contract';
import { z } from 'zod';
import type { ApiClient } from './api-client.ts';
import type { Controls } from './controls.ts';

const keysAnswer = z.strictObject({ keys: z.array(keyAnswer) });
const keyMade = z.strictObject({ id: z.string(), key: z.string() });
const replayAnswer = z.strictObject({ envelopes: z.int() });
const anything = z.unknown();

/** Acts through the API of the running gateway, with its admin key. */
export function createApiControls(client: ApiClient): Controls {
  async function collect<T>(
    path: string,
    page: z.ZodType<{ readonly items: readonly T[]; readonly next?: string | undefined }>,
    limit: number,
    query: Readonly<Record<string, string | undefined>> = {},
  ): Promise<readonly T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const size = Math.min(200, limit - items.length);
      const answer = await client.call(path, page, {
        query: { ...query, limit: String(size), cursor },
      });
      items.push(...answer.items);
      cursor = answer.next;
    } while (cursor !== undefined && items.length < limit);
    return items;
  }
  const post = async (path: string, body?: unknown) => {
    await client.call(path, anything, { method: 'POST', body: body ?? {} });
  };
  const segment = encodeURIComponent;

  return {
    where: client.url,
    quarantine: ({ limit, account }) =>
      collect('/v1/quarantine', pageOf(quarantineEntry), limit, { account }),
    replay: (id) => post(`/v1/quarantine/${segment(id)}/replay`),
    async replaySince(since, account) {
      const body = { since, ...(account !== undefined && { account }) };
      return (await client.call('/v1/replay', replayAnswer, { method: 'POST', body })).envelopes;
    },
    deadLetters: ({ limit, destination }) =>
      collect('/v1/deadletters', pageOf(deadLetterAnswer), limit, { destination }),
    async resend(what) {
      const [path, body] =
        'id' in what
          ? [`/v1/deadletters/${segment(what.id)}/resend`, {}]
          : ['/v1/deadletters/resend', { destination: what.destination }];
      return (await client.call(path, resendAnswer, { method: 'POST', body })).resent;
    },
    keys: async () => (await client.call('/v1/keys', keysAnswer)).keys,
    createKey: (request) => client.call('/v1/keys', keyMade, { method: 'POST', body: request }),
    async revokeKey(id) {
      await client.call(`/v1/keys/${segment(id)}`, anything, { method: 'DELETE' });
    },
    erase: (what, reason) =>
      client.call('/v1/erase', eraseAnswer, { method: 'POST', body: { ...what, reason } }),
    async books() {
      const kept = await client.call('/v1/books', bookAnswer);
      const counted = await client.call('/v1/books', bookAnswer, { query: { recount: 'true' } });
      return { kept: kept.books, counted: counted.books };
    },
    async audit() {
      const { rows, brokenAt } = await client.call('/v1/audit/check', auditCheckAnswer);
      return { rows, ...(brokenAt !== undefined && { brokenAt }) };
    },
    preview: (request) => client.call('/v1/preview', previewAnswer, { method: 'POST', body: request }),
    async outgoing(number, destination) {
      const query = { destination, reveal: 'kapi try' };
      return (await client.call(`/v1/records/${segment(number)}/outgoing`, outgoingAnswer, { query })).events;
    },
    close: async () => undefined,
  };
}
