import type { AddressInfo } from 'node:net';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { pino } from 'pino';
import { defaultHttpConfig, defaultLimits, type HttpConfig, type HttpLimits } from './config.ts';
import { buildServer, type ServerOptions } from './server.ts';
import { type TestingGateway, testingGateway } from './testing-gateway.ts';

export interface TestingServer {
  readonly app: FastifyInstance;
  readonly gateway: TestingGateway;
  /** A key with every scope. */
  readonly key: string;
  readonly logged: string[];
  readonly answered: { readonly route: string; readonly status: number }[];
  /** Port, once listening. */
  listen(): Promise<number>;
}

/** A server over the in-memory gateway, for tests. */
export async function testingServer(
  options: {
    readonly limits?: Partial<HttpLimits>;
    readonly config?: Partial<HttpConfig>;
    readonly publicPlugins?: readonly FastifyPluginAsync[];
    readonly notFoundPage?: ServerOptions['notFoundPage'];
  } = {},
): Promise<TestingServer> {
  const gateway = testingGateway();
  const key = gateway.grant('tester', [
    'intake',
    'queue',
    'records:read',
    'records:reveal',
    'records:join',
    'events',
    'admin',
  ]);
  const logged: string[] = [];
  const answered: { route: string; status: number }[] = [];
  const app = await buildServer({
    gateway,
    config: {
      ...defaultHttpConfig,
      publicUrl: 'https://kapi.example',
      ...options.config,
      // Tests load the machine on purpose; overload has rows of its own.
      limits: {
        ...defaultLimits,
        eventLoopUtilization: 1,
        eventLoopDelayMs: 60_000,
        maxRssBytes: 2 ** 40,
        ...options.limits,
      },
    },
    log: pino({ level: 'info' }, { write: (line: string) => logged.push(line) }),
    metrics: {
      answered: (_method, route, status) => answered.push({ route, status }),
      render: async () => ({ contentType: 'text/plain', body: `kapi_answers_total ${answered.length}\n` }),
    },
    ...(options.publicPlugins && { publicPlugins: options.publicPlugins }),
    ...(options.notFoundPage && { notFoundPage: options.notFoundPage }),
  });
  return {
    app,
    gateway,
    key,
    logged,
    answered,
    async listen() {
      await app.listen({ host: '127.0.0.1', port: 0 });
      const address: AddressInfo | string | null = app.server.address();
      if (address === null || typeof address === 'string') throw new Error('not listening on a port');
      return address.port;
    },
  };
}
