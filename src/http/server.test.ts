import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { TransientError } from '@kapi/contract';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { apiRoutes } from './routes/index.ts';
import { type TestingServer, testingServer } from './testing-server.ts';

const open: TestingServer[] = [];
const serve = async (...args: Parameters<typeof testingServer>): Promise<TestingServer> => {
  const server = await testingServer(...args);
  open.push(server);
  return server;
};
afterEach(async () => {
  for (const server of open.splice(0)) await server.app.close();
});

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const message = { sourceId: 's-1', channel: 'sms', text: 'Çöp alınmadı' } as const;
const pages: FastifyPluginAsync = async (app) => {
  app.get('/', async () => 'merhaba');
  app.post('/basvuru', { config: {} }, async () => 'alındı');
};

describe('an address that is none', () => {
  const notFoundPage = {
    wants: ({ headers }: FastifyRequest) => headers.accept === 'text/html',
    send: (_refusal: unknown, _request: unknown, reply: FastifyReply) =>
      reply.code(404).type('text/html').send('<p>Sayfa yok'),
  };

  it.each([
    { accept: 'text/html', url: '/yok', status: 404, type: 'text/html' },
    { accept: 'application/json', url: '/yok', status: 404, type: 'application/problem+json; charset=utf-8' },
    {
      accept: 'text/html',
      url: '/v1/messages',
      status: 405,
      type: 'application/problem+json; charset=utf-8',
    },
  ])('is $status as $type to who accepts $accept', async ({ accept, url, status, type }) => {
    const { app, answered } = await serve({ notFoundPage });
    const response = await app.inject({ url, headers: { accept } });
    expect([response.statusCode, response.headers['content-type']]).toEqual([status, type]);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    expect(answered).toEqual([{ route: 'unknown', status }]);
  });
});

describe('who may call', () => {
  it('is written down where a key lacks what it needs, without the key', async () => {
    const { app, gateway, logged } = await serve();
    const key = gateway.grant('less', ['intake']);
    await app.inject({ url: '/v1/keys', headers: bearer(key) });
    await app.inject({ url: '/v1/keys', headers: bearer('kapi_x_0123456789abcdef0123') });
    const lines = logged.map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { level: 40, code: 'forbidden', route: '/v1/keys', key: 'key:less' },
      { level: 40, code: 'unauthorized', route: '/v1/keys', peer: '127.0.0.1' },
    ]);
    expect(logged.join()).not.toContain(key.slice(-10));
    expect(logged.join()).not.toContain('0123456789abcdef0123');
  });

  it('every route says either its scopes or that it is public', async () => {
    const { app } = await serve({ publicPlugins: [pages] });
    const undecided = app
      .registeredRoutes()
      .filter(({ access }) => !(access && ('public' in access || access.scopes.length > 0)));
    expect(undecided).toEqual([]);
  });

  it('a route without either keeps the server from starting', async () => {
    const server = await testingServer();
    server.app.get('/forgotten', async () => 'open');
    await expect(server.app.ready()).rejects.toThrow('/forgotten');
  });

  it('nothing under /v1 is public', () => {
    expect(apiRoutes.filter(({ path, access }) => path.startsWith('/v1') && 'public' in access)).toEqual([]);
  });

  const guarded = apiRoutes.flatMap((route) =>
    'scopes' in route.access
      ? route.access.scopes.map((scope) => ({ route, scope, title: `${route.method} ${route.path}` }))
      : [],
  );

  it.each(guarded)(
    '$title without a key is 401, with every scope but $scope 403',
    async ({ route, scope }) => {
      const { app, gateway } = await serve();
      const all = [
        'intake',
        'queue',
        'records:read',
        'records:reveal',
        'records:join',
        'events',
        'admin',
      ] as const;
      const key = gateway.grant(
        'less',
        all.filter((name) => name !== scope),
      );
      const url = route.path.replaceAll(/\{\w+\}/g, 'x');
      const without = await app.inject({ method: route.method, url });
      expect([without.statusCode, without.json().code, without.headers['www-authenticate']]).toEqual([
        401,
        'unauthorized',
        'Bearer realm="kapi"',
      ]);
      const less = await app.inject({ method: route.method, url, headers: bearer(key) });
      expect([less.statusCode, less.json().code, less.json().scope]).toEqual([403, 'forbidden', scope]);
    },
  );

  it.each([
    '',
    'Basic a2FwaQ==',
    'Bearer',
    'Bearer kapi_',
    'Bearer kapi_a_b',
    `Bearer kapi_a_${'x'.repeat(100)}`,
    'Bearer ş',
  ])('the header %j opens nothing', async (authorization) => {
    const { app } = await serve();
    const response = await app.inject({ url: '/v1/records', headers: { authorization } });
    expect(response.statusCode).toBe(401);
  });

  it('asks for a key once, not at every request', async () => {
    const { app, key, gateway } = await serve();
    for (let i = 0; i < 20; i++) await app.inject({ url: '/v1/records', headers: bearer(key) });
    await Promise.all(
      Array.from({ length: 20 }, () =>
        app.inject({ url: '/v1/records', headers: bearer('kapi_no_0123456789abcdef') }),
      ),
    );
    expect(gateway.state.keyLookups).toBe(2);
  });

  it('a key revoked here opens nothing from then on', async () => {
    const { app, key, gateway } = await serve();
    const other = gateway.grant('other', ['records:read']);
    const read = () => app.inject({ url: '/v1/records', headers: bearer(other) });
    expect((await read()).statusCode).toBe(200);
    await app.inject({ method: 'DELETE', url: '/v1/keys/other', headers: bearer(key) });
    expect((await read()).statusCode).toBe(401);
  });

  it('naming a case it may not join refuses no message', async () => {
    const { app, gateway } = await serve();
    const key = gateway.grant('plain', ['intake']);
    const response = await app.inject({
      method: 'POST',
      url: '/v1/messages',
      headers: bearer(key),
      payload: { ...message, thread: 'SOK-26-0001234-9' },
    });
    expect([response.statusCode, response.json().thread]).toEqual([202, 'linked']);
  });

  it('an upload serves only the key that made it', async () => {
    const { app, key, gateway } = await serve();
    const made = await app.inject({
      method: 'POST',
      url: '/v1/uploads',
      headers: { ...bearer(gateway.grant('other', ['intake'])), 'content-type': 'image/png' },
      payload: 'png',
    });
    const response = await app.inject({
      method: 'POST',
      url: '/v1/messages',
      headers: bearer(key),
      payload: { ...message, attachments: [{ upload: made.json().upload }] },
    });
    expect([made.statusCode, response.statusCode, response.json().code]).toEqual([
      201,
      422,
      'unknown_upload',
    ]);
  });
});

describe('what is asked wrongly', () => {
  it.each([
    { method: 'GET', url: '/nowhere', status: 404, code: 'not_found' },
    { method: 'POST', url: '/nowhere', status: 404, code: 'not_found' },
    { method: 'DELETE', url: '/v1/messages', status: 405, code: 'method_not_allowed', allow: 'POST' },
    {
      method: 'PUT',
      url: '/v1/records/SOK-26-0001234-9',
      status: 405,
      code: 'method_not_allowed',
      allow: 'GET',
    },
    { method: 'GET', url: '/v1/queue/claim', status: 405, code: 'method_not_allowed', allow: 'POST' },
    { method: 'GET', url: '/webhooks/nobody/x', status: 404, code: 'unknown_account' },
  ] as const)('$method $url is $status', async ({ method, url, status, code, ...row }) => {
    const { app } = await serve();
    const response = await app.inject({ method, url });
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    expect(response.headers.allow).toBe('allow' in row ? row.allow : undefined);
  });

  it.each([
    { url: '/v1/records?limit=0', pointer: '/query/limit' },
    { url: '/v1/records?limit=x', pointer: '/query/limit' },
    { url: '/v1/records?status=lost', pointer: '/query/status/0' },
    { url: '/v1/records?phone=05321234567', pointer: '/query/phone' },
    { url: '/v1/deadlines?before=tomorrow', pointer: '/query/before' },
  ])('$url names $pointer', async ({ url, pointer }) => {
    const { app, key } = await serve();
    const response = await app.inject({ url, headers: bearer(key) });
    expect([response.statusCode, response.json().errors[0].pointer]).toEqual([400, pointer]);
  });

  it('our own fault is a bare 500, in the log with its cause', async () => {
    const { app, key, gateway, logged } = await serve();
    gateway.failWith(new Error('SELECT secret FROM somewhere'));
    const response = await app.inject({
      method: 'POST',
      url: '/v1/messages',
      headers: bearer(key),
      payload: message,
    });
    expect(response.json()).toEqual({
      type: '/docs/errors#internal',
      title: 'A fault of the gateway; it has been logged.',
      status: 500,
      code: 'internal',
      instance: '/v1/messages',
    });
    expect(logged.join('')).toContain('SELECT secret');
  });

  it('a store that cannot commit is 503 with Retry-After', async () => {
    const { app, key, gateway } = await serve();
    gateway.failWith(new TransientError('store_unavailable', 'The disk is full.', { retryAfterMs: 12_000 }));
    const response = await app.inject({
      method: 'POST',
      url: '/v1/messages',
      headers: bearer(key),
      payload: message,
    });
    expect([response.statusCode, response.json().code, response.headers['retry-after']]).toEqual([
      503,
      'store_unavailable',
      '12',
    ]);
  });
});

describe('rates', () => {
  it('a key past its rate is 429 with Retry-After; one that is exempt is not', async () => {
    const { app, gateway } = await serve({ limits: { keyPerSecond: 5 } });
    const limited = gateway.grant('limited', ['records:read'], true);
    const exempt = gateway.grant('exempt', ['records:read'], false);
    const statuses = async (key: string) => {
      const responses = await Promise.all(
        Array.from({ length: 8 }, () => app.inject({ url: '/v1/records', headers: bearer(key) })),
      );
      return responses.map(({ statusCode, headers }) => `${statusCode} ${headers['retry-after'] ?? '-'}`);
    };
    expect((await statuses(limited)).filter((status) => status === '429 1').length).toBeGreaterThan(0);
    expect(new Set(await statuses(exempt))).toEqual(new Set(['200 -']));
  });

  it('an address past its rate is 429 on public pages, another address is not', async () => {
    const { app } = await serve({ limits: { addressPerSecond: 2 }, publicPlugins: [pages] });
    const from = (remoteAddress: string) => app.inject({ url: '/', remoteAddress });
    const many = await Promise.all(Array.from({ length: 10 }, () => from('198.51.100.1')));
    expect(many.some(({ statusCode }) => statusCode === 429)).toBe(true);
    expect((await from('198.51.100.2')).statusCode).toBe(200);
  });

  it('a key made for some queues says so, and the counts of others are not its to see', async () => {
    const { app, key } = await serve();
    const make = (queues: readonly string[]) =>
      app.inject({
        method: 'POST',
        url: '/v1/keys',
        headers: bearer(key),
        payload: { name: 'merkez', scopes: ['queue'], queues },
      });
    expect((await make([])).statusCode).toBe(400);
    const { id, key: made } = (await make(['archive'])).json();
    const listed = await app.inject({ url: '/v1/keys', headers: bearer(key) });
    expect(listed.json().keys).toContainEqual(expect.objectContaining({ id, queues: ['archive'] }));
    const stats = await app.inject({ url: '/v1/queue/stats', headers: bearer(made) });
    expect(stats.json()).toEqual({ queues: [] });
  });

  it('an address that tries keys is stopped', async () => {
    const { app } = await serve({ limits: { addressPerSecond: 2 } });
    const tries = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        app.inject({ url: '/v1/records', headers: bearer(`kapi_a_${'0'.repeat(16)}${i}`) }),
      ),
    );
    expect(tries.some(({ statusCode }) => statusCode === 429)).toBe(true);
  });

  it('a forwarded address counts only behind a listed proxy', async () => {
    const plain = await serve({ limits: { addressPerSecond: 1 }, publicPlugins: [pages] });
    const behind = await serve({
      limits: { addressPerSecond: 1 },
      publicPlugins: [pages],
      config: { trustProxy: ['127.0.0.1'] },
    });
    const statuses = async ({ app }: TestingServer) =>
      Promise.all(
        Array.from(
          { length: 6 },
          async (_, i) =>
            (await app.inject({ url: '/', headers: { 'x-forwarded-for': `203.0.113.${i}` } })).statusCode,
        ),
      );
    expect(await statuses(plain)).toContain(429);
    expect(new Set(await statuses(behind))).toEqual(new Set([200]));
  });
});

describe('headers', () => {
  it('an API answer may not be cached or sniffed; https is remembered where the public address is https', async () => {
    const { app } = await serve();
    const { headers } = await app.inject('/healthz');
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(headers['strict-transport-security']).toContain('max-age=31536000');
    const plain = await serve({ config: { publicUrl: 'http://127.0.0.1' } });
    expect((await plain.app.inject('/healthz')).headers['strict-transport-security']).toBeUndefined();
    expect((await plain.app.inject('/docs')).headers['strict-transport-security']).toBeUndefined();
  });

  it('a page has a policy without inline code and cannot be framed', async () => {
    const { app } = await serve({ publicPlugins: [pages] });
    const { headers } = await app.inject('/');
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers['x-powered-by']).toBeUndefined();
  });
});

describe('operators', () => {
  it('readiness follows the gateway', async () => {
    const { app, gateway } = await serve();
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    gateway.state.ready = false;
    expect((await app.inject('/readyz')).statusCode).toBe(503);
    expect((await app.inject('/healthz')).statusCode).toBe(200);
  });

  it.each([
    { name: 'a listed address', remoteAddress: '127.0.0.1', headers: {}, status: 200 },
    { name: 'a listed address as mapped IPv6', remoteAddress: '::ffff:127.0.0.1', headers: {}, status: 200 },
    { name: 'a stranger', remoteAddress: '198.51.100.7', headers: {}, status: 404 },
    {
      name: 'a stranger through an unlisted proxy on the same machine',
      remoteAddress: '127.0.0.1',
      headers: { 'x-forwarded-for': '198.51.100.7' },
      status: 404,
    },
  ])('metrics for $name: $status', async ({ remoteAddress, headers, status }) => {
    const { app } = await serve();
    expect((await app.inject({ url: '/metrics', remoteAddress, headers })).statusCode).toBe(status);
  });

  it('metrics name routes by their pattern, never by what was asked', async () => {
    const { app, key, answered } = await serve();
    await app.inject({ url: '/v1/records/SOK-26-0001234-9', headers: bearer(key) });
    expect(answered).toEqual([{ route: '/v1/records/:number', status: 404 }]);
  });
});

describe('stopping', () => {
  it('finishes what is under way, ends long polls with an empty answer, takes nothing new', async () => {
    const server = await testingServer();
    const port = await server.listen();
    const claim = fetch(`http://127.0.0.1:${port}/v1/queue/claim`, {
      method: 'POST',
      headers: { ...bearer(server.key), 'content-type': 'application/json' },
      body: '{"waitSeconds":30}',
    });
    const connected = () =>
      new Promise<number>((resolve) => server.app.server.getConnections((_, count) => resolve(count)));
    while ((await connected()) === 0) await wait(5);
    await fetch(`http://127.0.0.1:${port}/healthz`);
    const closing = server.app.close();
    const answer = await claim;
    expect([answer.status, await answer.json()]).toEqual([200, { items: [] }]);
    await closing;
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  it('closes the connection of what was under way once it is answered, though its client would keep it', async () => {
    const { app, key, listen } = await testingServer({ limits: { stopSeconds: 3600 } });
    const socket = connect(await listen(), '127.0.0.1');
    const body = '{"waitSeconds":0}';
    const heard = new Promise<string>((resolve) => {
      let all = '';
      socket.on('data', (chunk) => {
        all += chunk.toString();
      });
      socket.on('close', () => resolve(all));
    });
    socket.write(
      `POST /v1/queue/claim HTTP/1.1\r\nHost: kapi\r\nAuthorization: ${bearer(key).authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    await once(socket, 'data');
    const closing = app.close();
    while (app.server.listening) await wait(5);
    socket.write(body);
    await closing;
    expect(await heard).toContain('HTTP/1.1 200 OK');
  });
});
