import type { Scope } from '@kapi/contract';
import { scopes } from '@kapi/contract';
import { pino } from 'pino';
import { Accounts } from '../../src/compose/accounts.ts';
import { createGateway } from '../../src/compose/gateway.ts';
import { defaultHttpConfig } from '../../src/http/config.ts';
import { buildServer } from '../../src/http/index.ts';
import type { House } from '../../src/intake/house.ts';
import { newKey } from '../../src/intake/operations.ts';
import { planNotices } from '../../src/notify/index.ts';
import { account, house as noticeHouse } from '../../src/notify/test-house.ts';
import { quietPorts, silent, type Town } from './town.ts';

export interface Answered {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an answer of any shape, looked at by its test
  readonly body: any;
}

/** The HTTP API of a town, as programs call it. */
export interface Api {
  /** A key with these scopes; all of them where none are named. */
  key(granted?: readonly Scope[], account?: string): Promise<string>;
  /** With a reason it asks for what is masked. */
  post(path: string, body: unknown, key?: string, reveal?: string): Promise<Answered>;
  get(path: string, key?: string): Promise<Answered>;
  close(): Promise<void>;
}

export async function serve(town: Town): Promise<Api> {
  const gateway = createGateway(town.house, {
    accounts: new Accounts({
      registry: {},
      http: () => Promise.reject(new Error('no network')),
      log: () => silent,
    }),
    parsers: { parse: () => Promise.reject(new Error('no parser')) },
    queues: ['coordination'],
    operations: quietPorts,
    observe: () => undefined,
    leaseKey: new Uint8Array(32),
  });
  const app = await buildServer({
    gateway,
    config: {
      ...defaultHttpConfig,
      // Tests load the machine on purpose.
      limits: {
        ...defaultHttpConfig.limits,
        eventLoopUtilization: 1,
        eventLoopDelayMs: 60_000,
        maxRssBytes: 2 ** 40,
      },
    },
    log: pino({ enabled: false }),
    metrics: {
      answered: () => undefined,
      render: async () => ({ contentType: 'text/plain', body: '' }),
    },
  });
  async function key(granted: readonly Scope[] = scopes, of?: string): Promise<string> {
    const wish = { name: 'x', scopes: granted, ...(of !== undefined && { account: of }), rateLimited: false };
    const made = newKey(wish, town.clock.now());
    await town.house.pipeline.save([{ changes: [made.change] }]);
    return made.key;
  }
  const admin = await key();
  async function call(
    method: 'GET' | 'POST',
    url: string,
    by = admin,
    body?: unknown,
    reveal?: string,
  ): Promise<Answered> {
    const response = await app.inject({
      method,
      url,
      headers: {
        authorization: `Bearer ${by}`,
        ...(reveal !== undefined && { 'kapi-reveal-reason': reveal }),
      },
      ...(body !== undefined && { payload: body as object }),
    });
    return { status: response.statusCode, body: response.body === '' ? undefined : response.json() };
  }
  return {
    key,
    post: (path, body, by, reveal) => call('POST', path, by, body, reveal),
    get: (path, by) => call('GET', path, by),
    close: () => app.close(),
  };
}

/** Notices as the house plans them, with these accounts to write by. */
export const writingBy =
  (...accounts: readonly ReturnType<typeof account>[]): House['planNotices'] =>
  (record, event) =>
    planNotices(
      {
        house: noticeHouse,
        accounts: { list: () => accounts, sendsNotices: () => true },
        newId: () => crypto.randomUUID(),
      },
      record,
      event,
    );

export { account as replyAccount };
