import { RefusedRequest } from '@kapi/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Guard, nobody } from './guard.ts';
import { problemType, toProblem } from './problem.ts';
import { addressGroup } from './rate-limit.ts';
import type { Answer, House, Route } from './route.ts';

/** Headers of every API answer. Pages get a full set of their own. */
export function apiHeaders(publicUrl: string): Readonly<Record<string, string>> {
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(publicUrl.startsWith('https:') && {
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
    }),
  };
}

/** Answers anything thrown. The rest of a body that was refused is read off, so that the sender sees why. */
export function sendProblem(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  house: House,
): void {
  const { problem, retryAfterMs, fault } = toProblem(thrown, request.raw.url?.split('?')[0] ?? '/');
  if (fault)
    house.log.error({ err: thrown, route: request.routeOptions.url, code: problem.code }, 'request failed');
  else if (problem.status === 401 || problem.status === 403) logRefusal(problem.code, request, house);
  if (!request.raw.complete && !request.raw.destroyed) {
    reply.removeHeader('connection');
    house.slowPeers.refused(request.raw);
    request.raw.unpipe();
    request.raw.resume();
  }
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="kapi"');
  if (problem.status === 429 || problem.status === 503) {
    const seconds = retryAfterMs === undefined ? house.config.limits.retryAfterSeconds : retryAfterMs / 1000;
    reply.header('retry-after', String(Math.max(1, Math.ceil(seconds))));
  }
  const allow = problem.allow;
  if (Array.isArray(allow)) reply.header('allow', allow.join(', '));
  reply
    .code(problem.status)
    .headers(apiHeaders(house.config.publicUrl))
    .header('content-type', problemType)
    .serializer(JSON.stringify)
    .send(problem);
}

/** Attempts without the right key; those of providers are logged where their bytes are judged. */
function logRefusal(code: string, request: FastifyRequest, house: House): void {
  const { url: route, config } = request.routeOptions;
  if (config.access === undefined || 'public' in config.access) return;
  house.log.warn(
    { code, route, key: request.actor?.name, peer: addressGroup(request.ip) },
    'a request was refused',
  );
}

function send(reply: FastifyReply, answer: Answer, headers: Readonly<Record<string, string>>): FastifyReply {
  reply.code(answer.status).headers(headers);
  if (answer.headers) reply.headers(answer.headers);
  return reply.send(answer.body);
}

export async function registerRoute(
  app: FastifyInstance,
  route: Route,
  house: House,
  guard: Guard,
): Promise<void> {
  const streamed = route.rawBody !== undefined;
  const headers = apiHeaders(house.config.publicUrl);
  const bodyLimit = route.bodyLimit?.(house.config);
  const define = (scope: FastifyInstance): void => {
    scope.route({
      method: route.method,
      url: route.url,
      exposeHeadRoute: false,
      ...(bodyLimit !== undefined && { bodyLimit }),
      config: { access: route.access, load: route.load },
      onRequest: guard.api(route.access, route.load, streamed),
      handler: async (request, reply) =>
        send(reply, await route.run(request, reply, request.actor ?? nobody, house), headers),
    });
  };
  if (route.rawBody === undefined) return define(app);
  const types = [...route.rawBody];
  await app.register(async (scope) => {
    if (types.includes('*')) scope.removeAllContentTypeParsers();
    if (route.prepare) await route.prepare(scope);
    scope.addContentTypeParser(types, (_request, _payload, done) => done(null));
    define(scope);
  });
}

/** Method and pattern of each route, to tell 405 from 404. */
export class RouteIndex {
  readonly #routes: { readonly methods: readonly string[]; readonly pattern: RegExp }[] = [];

  add(methods: readonly string[], url: string): void {
    const source = url
      .split('/')
      .map((part) =>
        part === '*' ? '.*' : part.startsWith(':') ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'),
      )
      .join('/');
    this.#routes.push({ methods, pattern: new RegExp(`^${source}$`) });
  }

  refusal(url: string): RefusedRequest {
    const path = url.split('?')[0] ?? '/';
    const allow = [
      ...new Set(this.#routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods)),
    ];
    return allow.length === 0
      ? new RefusedRequest('not_found', 'There is nothing under this address.')
      : new RefusedRequest('method_not_allowed', `Allowed here: ${allow.join(', ')}.`, { extra: { allow } });
  }
}

/** One measurement per answered request. */
export function measure(app: FastifyInstance, house: House): void {
  app.addHook('onResponse', (request, reply, done) => {
    house.metrics.answered(
      request.method,
      request.routeOptions.url ?? 'unknown',
      reply.statusCode,
      reply.elapsedTime / 1000,
    );
    done();
  });
}
