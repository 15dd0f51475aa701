import type { IncomingHttpHeaders } from 'node:http';
import { type ErrorCode, type FieldError, RefusedRequest, type Scope } from '@kapi/contract';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor, Gateway } from '../intake/gateway.ts';
import type { HttpConfig } from './config.ts';
import type { KeyRing } from './keys.ts';
import type { Load } from './overload.ts';
import { toFieldErrors } from './problem.ts';
import type { SlowPeers } from './slow-peers.ts';

/** What HTTP is measured by; the process gives one that its `/metrics` shows. */
export interface HttpMetrics {
  /** Once per answered request. `route` is the pattern, never the path: no personal data, few values. */
  answered(method: string, route: string, status: number, seconds: number): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** All that a route may use. */
export interface House {
  readonly gateway: Gateway;
  readonly config: HttpConfig;
  readonly log: FastifyBaseLogger;
  readonly metrics: HttpMetrics;
  readonly keys: KeyRing;
  readonly slowPeers: SlowPeers;
  /** What an attempt that failed is answered: the refusal, or 429 where its address fails too often. */
  readonly failed: (request: FastifyRequest, refusal: unknown) => unknown;
  /** Counts bytes of bodies held in memory; negative when they are released. */
  readonly hold: (bytes: number) => void;
  /** Aborted when the server begins to stop: long polls and streams end. */
  readonly stopping: AbortSignal;
}

export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly actor: Actor;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly house: House;
}

export interface Answer {
  readonly status: number;
  /** JSON value, text, bytes or a stream. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that the reference shows and a test sends. */
export interface Example {
  readonly name: string;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Expected status. */
  readonly status: number;
}

export interface Documented {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Default `application/json`. */
  readonly contentType?: string;
}

export type Access = { readonly public: true } | { readonly scopes: readonly [Scope, ...Scope[]] };

interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As OpenAPI writes it: `/v1/records/{number}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  readonly load: Load;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** What a body lacks beyond its schema: named in one answer with what the schema finds. */
  needs?(body: unknown, headers: IncomingHttpHeaders): readonly FieldError[];
  /** Bodies that no parser touches: the handler reads `request.raw`. */
  readonly rawBody?: readonly string[];
  readonly bodyLimit?: (config: HttpConfig) => number;
  readonly answers: Readonly<Record<number, Documented>>;
  /** Codes particular to this route; those any route may answer are added. */
  readonly errors: readonly ErrorCode[];
  readonly examples: readonly Example[];
  handle(call: Call<z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer>;
}

export interface Route extends Omit<RouteSpec<z.ZodType, z.ZodType, z.ZodType>, 'handle'> {
  readonly url: string;
  /** Plugins of this route alone. */
  prepare?(app: FastifyInstance): Promise<void>;
  run(request: FastifyRequest, reply: FastifyReply, actor: Actor, house: House): Promise<Answer>;
}

/** No parameters, no query. */
export const none = z.strictObject({});
/** No body: whatever comes is not looked at. */
export const noBody = z.unknown();

/** @throws RefusedRequest `invalid_request` naming each wrong field under `base`, and what it `lacks` besides */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  base = '',
  lacks: readonly FieldError[] = [],
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success && lacks.length === 0) return result.data;
  const wrong = result.success ? [] : toFieldErrors(result.error.issues, base);
  throw new RefusedRequest('invalid_request', 'Fields are missing or wrong.', {
    errors: [...wrong, ...lacks],
  });
}

/** Parses once, at the border; the handler sees typed values only. */
export function defineRoute<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  spec: RouteSpec<P, Q, B>,
): Route {
  const { handle, ...documented } = spec;
  return {
    ...documented,
    url: spec.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    run: async (request, reply, actor, house) =>
      handle({
        params: parse(spec.params, request.params, '/path'),
        query: parse(spec.query, request.query, '/query'),
        body: parse(spec.body, request.body, '', spec.needs?.(request.body, request.headers)),
        actor,
        request,
        reply,
        house,
      }),
  };
}

export const ok = (body: unknown, headers?: Readonly<Record<string, string>>): Answer => ({
  status: 200,
  body,
  ...(headers && { headers }),
});
