import { hash } from 'node:crypto';
import { type Reader, RefusedRequest, type Scope } from '@kapi/contract';
import type { Actor } from '../intake/gateway.ts';

export interface KnownKey {
  readonly id: string;
  readonly actor: Actor;
  readonly rateLimited: boolean;
}

interface Entry {
  readonly known: KnownKey | undefined;
  readonly until: number;
}

const keyPattern = /^Bearer (kapi_[A-Za-z0-9-]{1,64}_[A-Za-z0-9_-]{16,200})$/i;
const maxEntries = 10_000;

/**
 * Who an `Authorization` header belongs to. Keys are found by their SHA-256 and remembered, known or
 * not, for a few seconds: the hot path asks nobody, and a revoked key soon stops working.
 */
export class KeyRing {
  readonly #reader: Pick<Reader, 'apiKey'>;
  readonly #ttlMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<KnownKey | undefined>>();

  constructor(reader: Pick<Reader, 'apiKey'>, ttlMs: number) {
    this.#reader = reader;
    this.#ttlMs = ttlMs;
  }

  /** Synchronous where remembered. `undefined`: no such key. */
  find(authorization: string | undefined, now: number): KnownKey | undefined | Promise<KnownKey | undefined> {
    const key = authorization === undefined ? undefined : keyPattern.exec(authorization)?.[1];
    if (key === undefined) return undefined;
    const digest = hash('sha256', key, 'hex');
    const entry = this.#entries.get(digest);
    if (entry !== undefined && entry.until > now) return entry.known;
    return this.#ask(digest, now);
  }

  /** After a key was made or revoked here. */
  forget(): void {
    this.#entries.clear();
  }

  #ask(digest: string, now: number): Promise<KnownKey | undefined> {
    const asking = this.#asking.get(digest);
    if (asking !== undefined) return asking;
    const asked = this.#load(digest, now).finally(() => this.#asking.delete(digest));
    this.#asking.set(digest, asked);
    return asked;
  }

  async #load(digest: string, now: number): Promise<KnownKey | undefined> {
    const key = await this.#reader.apiKey(digest);
    const known =
      key === undefined || key.revokedAt !== undefined
        ? undefined
        : {
            id: key.id,
            rateLimited: key.rateLimited,
            actor: {
              name: `key:${key.id}`,
              scopes: new Set<Scope>(key.scopes),
              account: key.account ?? 'api',
              ...(key.account !== undefined && !key.scopes.includes('admin') && { bound: true as const }),
              ...(key.queues && { queues: new Set(key.queues) }),
            },
          };
    if (this.#entries.size >= maxEntries) this.#entries.clear();
    this.#entries.set(digest, { known, until: now + this.#ttlMs });
    return known;
  }
}

/** @throws RefusedRequest `forbidden` naming the scope */
export function requireScopes(actor: Actor, scopes: readonly Scope[]): void {
  for (const scope of scopes) {
    if (!actor.scopes.has(scope)) {
      throw new RefusedRequest('forbidden', `The key lacks the scope ${scope}.`, { extra: { scope } });
    }
  }
}
