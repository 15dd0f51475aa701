import { type Page, type PageOptions, scopes, toInstant } from '@kapi/contract';
import { walkAudit } from '../intake/audit-walk.ts';
import type { Actor } from '../intake/gateway.ts';
import type { Controls } from './controls.ts';
import type { OpenGateway } from './parts.ts';

/** The operator at this machine, with every right. */
const operator: Actor = { name: 'cli', scopes: new Set(scopes), account: 'api' };

/** Acts on a stopped gateway's data; stages continue with it at the next start. */
export function controlsOf({ gateway, close }: OpenGateway): Controls {
  const { operations, reader, entrance } = gateway;
  return {
    where: 'the data folder',
    async quarantine({ limit, account }) {
      const found = await collect(limit, (page) =>
        reader.quarantine({ ...page, ...(account !== undefined && { account }) }),
      );
      return found.map((entry) => ({ ...entry, receivedAt: toInstant(entry.receivedAt) }));
    },
    replay: (id) => operations.replay(id, operator),
    replaySince: (since, account) => operations.replaySince(since, account, operator),
    async deadLetters({ limit, destination }) {
      const found = await collect(limit, (page) =>
        reader.deadLetters({ ...page, ...(destination !== undefined && { destination }) }),
      );
      return found.map((letter) => ({ ...letter, at: toInstant(letter.at) }));
    },
    resend: (what) => operations.resend(what, operator),
    async keys() {
      const keys = await reader.apiKeys();
      return keys.map(({ createdAt, revokedAt, queues, ...key }) => ({
        ...key,
        scopes: [...key.scopes],
        ...(queues && { queues: [...queues] }),
        createdAt: toInstant(createdAt),
        ...(revokedAt !== undefined && { revokedAt: toInstant(revokedAt) }),
      }));
    },
    createKey: (request) => operations.createKey(request, operator),
    revokeKey: (id) => operations.revokeKey(id, operator),
    erase: (what, reason) => operations.erase(what, reason, operator),
    books: async () => ({ kept: await reader.books(), counted: await reader.recount() }),
    audit: () => walkAudit(reader),
    preview: (request) => entrance.preview(request, operator),
    async outgoing(number, destination) {
      return [...(await operations.outgoing(number, destination, operator, 'kapi try'))];
    },
    close,
  };
}

async function collect<T>(
  limit: number,
  read: (page: PageOptions) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({
      limit: Math.min(200, limit - items.length),
      ...(cursor !== undefined && { cursor }),
    });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && items.length < limit);
  return items;
}
