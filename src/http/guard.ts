import { performance } from 'node:perf_hooks';
import { RefusedRequest, TransientError } from '@kapi/contract';
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Actor } from '../intake/gateway.ts';
import type { HttpConfig } from './config.ts';
import { type KeyRing, type KnownKey, requireScopes } from './keys.ts';
import type { Load, Overload } from './overload.ts';
import { addressGroup, TokenBuckets } from './rate-limit.ts';
import type { Access } from './route.ts';
import type { SlowPeers } from './slow-peers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard of routes that need a key. */
    actor: Actor | null;
  }
  interface FastifyContextConfig {
    /** Who may call this route; one without it keeps the server from starting. */
    access?: Access;
    load?: Load;
  }
}

/** Whoever calls a public route. */
export const nobody: Actor = { name: 'public', scopes: new Set(), account: '' };

/** Smaller bodies are not worth counting one by one. */
const countedBytes = 8 * 1024;
const unknownLength = 256 * 1024;

/** Runs before a body is read: overload, key, scopes, rates. Allocates nothing where it admits a known key. */
export class Guard {
  readonly #config: HttpConfig;
  readonly #keys: KeyRing;
  readonly #overload: Overload;
  readonly #slowPeers: SlowPeers;
  readonly #keyRates: TokenBuckets;
  readonly #addressRates: TokenBuckets;

  constructor(config: HttpConfig, keys: KeyRing, overload: Overload, slowPeers: SlowPeers) {
    const { keyPerSecond, addressPerSecond } = config.limits;
    this.#config = config;
    this.#keys = keys;
    this.#overload = overload;
    this.#slowPeers = slowPeers;
    this.#keyRates = new TokenBuckets(keyPerSecond, keyPerSecond);
    this.#addressRates = new TokenBuckets(addressPerSecond, addressPerSecond * 2);
  }

  /** For routes of the API. `streamed`: the body never stands in memory as a whole. */
  api(access: Access, load: Load, streamed: boolean): onRequestHookHandler {
    if ('public' in access) {
      return (_request, _reply, done) => done(this.#overloaded(load));
    }
    const { scopes } = access;
    const admit = (
      request: FastifyRequest,
      reply: FastifyReply,
      known: KnownKey | undefined,
      now: number,
    ): void => {
      if (known === undefined) {
        const message = 'Send Authorization: Bearer kapi_… with a valid key.';
        throw this.failed(request, new RefusedRequest('unauthorized', message));
      }
      if (known.rateLimited) {
        const wait = this.#keyRates.take(known.id, now);
        if (wait > 0) throw tooMany(wait);
      }
      // Known to the refusal too: the log says whose key lacked what.
      request.actor = known.actor;
      requireScopes(known.actor, scopes);
      if (!streamed) this.#holdBody(request, reply);
    };
    return (request, reply, done) => {
      const refused = this.#overloaded(load);
      if (refused) return done(refused);
      const now = performance.now();
      const found = this.#keys.find(request.headers.authorization, now);
      if (found instanceof Promise) {
        found.then((known) => admit(request, reply, known, now)).then(() => done(), done);
        return;
      }
      try {
        admit(request, reply, found, now);
      } catch (thrown) {
        return done(thrown instanceof Error ? thrown : new Error('refused'));
      }
      done();
    };
  }

  /** For pages anybody may open: a rate per address. */
  readonly page: onRequestHookHandler = (request, _reply, done) => {
    const refused = this.#overloaded(request.method === 'POST' ? 'entrance' : 'read');
    if (refused) return done(refused);
    const wait = this.#addressRates.take(addressGroup(request.ip), performance.now());
    if (wait > 0) return done(tooMany(wait));
    if (request.headers['content-type']?.startsWith('multipart/')) this.#slowPeers.long(request.raw);
    done();
  };

  #overloaded(load: Load): TransientError | undefined {
    return this.#overload.refuses(load)
      ? new TransientError('overloaded', 'Too much is waiting here; come again shortly.', {
          retryAfterMs: this.#config.limits.retryAfterSeconds * 1000,
        })
      : undefined;
  }

  /** Failed keys and signatures are counted per address, so that nobody can try many: past its rate all are 429. */
  failed(request: FastifyRequest, refusal: unknown): unknown {
    const wait = this.#addressRates.take(addressGroup(request.ip), performance.now());
    return wait > 0 ? tooMany(wait) : refusal;
  }

  #holdBody(request: FastifyRequest, reply: FastifyReply): void {
    const { headers } = request;
    const length = headers['content-length'];
    const declared =
      length !== undefined ? Number(length) : headers['transfer-encoding'] === undefined ? 0 : unknownLength;
    if (declared < countedBytes) return;
    const bytes = Math.min(declared, request.routeOptions.bodyLimit ?? declared);
    this.#overload.hold(bytes);
    // `close` comes however the exchange ends; Fastify's onResponse does not.
    reply.raw.once('close', () => this.#overload.hold(-bytes));
  }
}

const tooMany = (waitMs: number): RefusedRequest =>
  new RefusedRequest('rate_limited', 'Too many requests.', { retryAfterMs: waitMs });
