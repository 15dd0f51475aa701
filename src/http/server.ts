import type { Socket } from 'node:net';
import helmet from '@fastify/helmet';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Gateway } from '../intake/gateway.ts';
import { apiHeaders, measure, RouteIndex, registerRoute, sendProblem } from './answer.ts';
import type { HttpConfig } from './config.ts';
import { docs } from './docs.ts';
import { Guard } from './guard.ts';
import { useJsonBodies } from './json-body.ts';
import { KeyRing } from './keys.ts';
import { Overload } from './overload.ts';
import { problem } from './problem.ts';
import type { Access, House, HttpMetrics } from './route.ts';
import { apiRoutes } from './routes/index.ts';
import { rawAnswer, SlowPeers } from './slow-peers.ts';

export interface ServerOptions {
  readonly gateway: Gateway;
  readonly config: HttpConfig;
  readonly log: FastifyBaseLogger;
  readonly metrics: HttpMetrics;
  /** Pages for anybody: a rate per address, security headers, no key. */
  readonly publicPlugins?: readonly FastifyPluginAsync[];
  /** What a person's browser sees under an address that is none; everybody else gets a problem document. */
  readonly notFoundPage?: {
    wants(request: FastifyRequest): boolean;
    send(refusal: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply;
  };
}

export interface RegisteredRoute {
  readonly methods: readonly string[];
  readonly url: string;
  readonly access: Access | undefined;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route, with who may call it. */
    registeredRoutes(): readonly RegisteredRoute[];
  }
}

/** What Node refuses before there is a request. */
const socketRefusals: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: rawAnswer(
    431,
    'Request Header Fields Too Large',
    JSON.stringify(problem('headers_too_large')),
  ),
  ERR_HTTP_REQUEST_TIMEOUT: rawAnswer(408, 'Request Timeout', JSON.stringify(problem('request_timeout'))),
};
const notHttp = rawAnswer(
  400,
  'Bad Request',
  JSON.stringify(problem('invalid_request', { detail: 'This is not a well-formed HTTP request.' })),
);

function refuseSocket(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable && socket.bytesWritten === 0) socket.write(socketRefusals[error.code ?? ''] ?? notHttp);
  socket.destroySoon();
}

const pageHeaders = (https: boolean) => ({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
  hsts: https ? { maxAge: 31_536_000, includeSubDomains: true } : false,
  crossOriginEmbedderPolicy: false,
});

/**
 * The HTTP server: API, provider routes, pages. Not yet listening. `close()` stops accepting, ends
 * streams and long polls, lets requests under way finish, and closes what is left after `stopSeconds`.
 */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { gateway, config, log, metrics, publicPlugins = [], notFoundPage } = options;
  const { limits } = config;
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger,
    trustProxy: config.trustProxy.length === 0 ? false : [...config.trustProxy],
    bodyLimit: limits.maxMessageBytes,
    requestTimeout: limits.longBodySeconds * 1000,
    maxRequestsPerSocket: limits.maxRequestsPerSocket,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
    http: {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersSeconds * 1000,
      connectionsCheckingInterval: 500,
    },
    clientErrorHandler: refuseSocket,
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply, house),
  });

  const stopping = new AbortController();
  const overload = new Overload(limits);
  const slowPeers = new SlowPeers(limits);
  const keys = new KeyRing(gateway.reader, limits.keyCacheSeconds * 1000);
  const guard = new Guard(config, keys, overload, slowPeers);
  const house: House = {
    gateway,
    config,
    log,
    metrics,
    keys,
    slowPeers,
    failed: (request, refusal) => guard.failed(request, refusal),
    hold: (bytes) => overload.hold(bytes),
    stopping: stopping.signal,
  };

  app.server.prependListener('request', (request, response) => slowPeers.started(request, response));
  app.decorateRequest('actor', null);
  useJsonBodies(app, (request) => slowPeers.arrived(request.raw));

  const index = new RouteIndex();
  const registered: { methods: string[]; url: string; config?: { access?: Access } }[] = [];
  app.addHook('onRoute', (route) => {
    const methods = [route.method].flat();
    index.add(methods, route.url);
    registered.push(Object.assign(route, { methods }));
  });
  app.decorate('registeredRoutes', () =>
    registered.map((route) => ({ methods: route.methods, url: route.url, access: route.config?.access })),
  );
  // Before a body is read; a missing address costs nothing.
  app.addHook('onRequest', (request, reply, done) => {
    const refusal = request.is404 ? index.refusal(request.raw.url ?? '/') : undefined;
    if (refusal?.code !== 'not_found' || !notFoundPage?.wants(request)) return done(refusal);
    notFoundPage.send(refusal, request, reply.headers(apiHeaders(config.publicUrl)));
  });
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, house));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(index.refusal(request.raw.url ?? '/'), request, reply, house),
  );
  measure(app, house);

  for (const route of apiRoutes) await registerRoute(app, route, house, guard);
  await app.register(async (pages) => {
    pages.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: { public: true } };
      route.onRequest = [guard.page, ...[route.onRequest ?? []].flat()];
    });
    await pages.register(helmet, pageHeaders(config.publicUrl.startsWith('https:')));
    await pages.register(docs);
    for (const plugin of publicPlugins) await pages.register(plugin);
  });

  app.addHook('onReady', async () => {
    const open = registered.filter((route) => route.config?.access === undefined);
    if (open.length > 0) throw new Error(`Routes without access: ${open.map(({ url }) => url).join(', ')}`);
  });
  let sweep: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    stopping.abort();
    setTimeout(() => app.server.closeAllConnections(), limits.stopSeconds * 1000).unref();
    // An answer given from here on leaves its connection idle, and nobody else would close it.
    sweep = setInterval(() => app.server.closeIdleConnections(), 100);
  });
  app.addHook('onClose', async () => {
    clearInterval(sweep);
    overload.stop();
    slowPeers.stop();
  });
  return app;
}
