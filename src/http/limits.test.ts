import { request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { RefusedRequest, TransientError } from '@kapi/contract';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defaultLimits } from './config.ts';
import { KeyRing } from './keys.ts';
import { type Load, Overload, refuses } from './overload.ts';
import { errorReference, toFieldErrors, toProblem } from './problem.ts';
import { addressGroup, TokenBuckets } from './rate-limit.ts';
import { dispositionName, safeName } from './routes/uploads.ts';
import { type TestingServer, testingServer } from './testing-server.ts';

const open: TestingServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.app.close();
});
const serve = async (...args: Parameters<typeof testingServer>): Promise<TestingServer> => {
  const server = await testingServer(...args);
  open.push(server);
  return server;
};

describe('overload', () => {
  const calm = { delayMs: 0, utilization: 0, rssBytes: 0, bodyBytes: 0 };
  const MiB = 1024 * 1024;
  const loads: readonly Load[] = ['read', 'entrance', 'provider', 'always'];

  it.each([
    { name: 'calm', sample: calm, refused: [] },
    { name: 'a busy loop', sample: { ...calm, utilization: 0.96 }, refused: ['read'] },
    { name: 'half the delay', sample: { ...calm, delayMs: 260 }, refused: ['read'] },
    { name: 'the delay', sample: { ...calm, delayMs: 500 }, refused: ['read', 'entrance'] },
    {
      name: 'twice the delay',
      sample: { ...calm, delayMs: 1000 },
      refused: ['read', 'entrance', 'provider'],
    },
    { name: 'memory nearly full', sample: { ...calm, rssBytes: 930 * MiB }, refused: ['read'] },
    { name: 'memory full', sample: { ...calm, rssBytes: 1024 * MiB }, refused: ['read', 'entrance'] },
    {
      name: 'memory beyond',
      sample: { ...calm, rssBytes: 1200 * MiB },
      refused: ['read', 'entrance', 'provider'],
    },
    {
      name: 'bodies at their limit',
      sample: { ...calm, bodyBytes: 256 * MiB },
      refused: ['read', 'entrance'],
    },
  ])('$name refuses $refused', ({ sample, refused }) => {
    expect(loads.filter((load) => refuses(load, sample, defaultLimits))).toEqual(refused);
  });

  it('feels body bytes at once, and their release', () => {
    const overload = new Overload(defaultLimits);
    overload.hold(256 * MiB);
    expect(overload.refuses('entrance')).toBe(true);
    overload.hold(-256 * MiB);
    expect(overload.refuses('entrance')).toBe(false);
    overload.stop();
  });

  it('answers 503 with Retry-After while bodies under way fill the memory, health goes on', async () => {
    const server = await serve({ limits: { maxBodyBytesInFlight: 100_000, retryAfterSeconds: 7 } });
    const port = await server.listen();
    const headers = { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' };
    const list = () => server.app.inject({ url: '/v1/records', headers });
    const senders = [1, 2].map(() => {
      const sender = request({
        port,
        method: 'POST',
        path: '/v1/messages',
        headers: { ...headers, 'content-length': 60_000 },
      });
      sender.on('error', () => undefined);
      sender.flushHeaders();
      return sender;
    });
    const post = () => server.app.inject({ method: 'POST', url: '/v1/messages', headers, payload: '{}' });
    while ((await post()).statusCode !== 503) await wait(5);
    expect((await list()).statusCode).toBe(503);
    const refused = await post();
    expect([refused.statusCode, refused.json().code, refused.headers['retry-after']]).toEqual([
      503,
      'overloaded',
      '7',
    ]);
    expect((await server.app.inject('/healthz')).statusCode).toBe(200);
    for (const sender of senders) sender.destroy();
    while ((await list()).statusCode !== 200) await wait(5);
  });
});

describe('token buckets', () => {
  it('give a burst, then as many a second as they are filled with', () => {
    const buckets = new TokenBuckets(10, 3);
    expect([1, 2, 3].map(() => buckets.take('a', 0))).toEqual([0, 0, 0]);
    expect(buckets.take('a', 0)).toBe(100);
    expect(buckets.take('a', 100)).toBe(0);
    expect(buckets.take('b', 100)).toBe(0);
  });

  it('forget the oldest names rather than grow', () => {
    const buckets = new TokenBuckets(1, 1, 10);
    buckets.take('first', 0);
    for (let i = 0; i < 10; i++) buckets.take(`n${i}`, 0);
    expect(buckets.take('first', 0)).toBe(0);
    expect(buckets.take('n9', 0)).toBeGreaterThan(0);
  });

  it.each([
    { address: '198.51.100.7', group: '198.51.100.7' },
    { address: '::ffff:198.51.100.7', group: '198.51.100.7' },
    { address: '2001:db8:1:2:3:4:5:6', group: '2001:db8:1:2' },
    { address: '2001:db8:1:2::1', group: '2001:db8:1:2' },
    { address: '2001:db8::1', group: '2001:db8:0:0' },
    { address: '::1', group: '0:0:0:0' },
  ])('count $address as $group', ({ address, group }) => {
    expect(addressGroup(address)).toBe(group);
  });
});

describe('the key ring', () => {
  const apiKey = { id: 'a', name: 'a', scopes: [], account: 'a', createdAt: 0, rateLimited: true } as const;
  const header = 'Bearer kapi_a_0123456789abcdef';

  it('remembers for its time only: a key revoked elsewhere stops then', async () => {
    let revoked = false;
    const ring = new KeyRing({ apiKey: async () => (revoked ? { ...apiKey, revokedAt: 1 } : apiKey) }, 5000);
    await ring.find(header, 0);
    revoked = true;
    expect(ring.find(header, 4999)).toMatchObject({ id: 'a' });
    expect(await ring.find(header, 5000)).toBeUndefined();
  });

  it('asks once for many at once, and again after a failure', async () => {
    let asked = 0;
    const ring = new KeyRing(
      {
        apiKey: async () => {
          if (++asked === 1) throw new TransientError('store_unavailable', 'down');
          return apiKey;
        },
      },
      5000,
    );
    const failed = await Promise.allSettled([ring.find(header, 0), ring.find(header, 0)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await ring.find(header, 0)).toMatchObject({ id: 'a' });
    expect(asked).toBe(2);
  });

  it.each([
    { queues: ['coordination'], bound: new Set(['coordination']) },
    { queues: undefined, bound: undefined },
  ])('binds whoever has the key to its queues: $queues', async ({ queues, bound }) => {
    const ring = new KeyRing({ apiKey: async () => ({ ...apiKey, ...(queues && { queues }) }) }, 5000);
    expect((await ring.find(header, 0))?.actor.queues).toEqual(bound);
  });

  it('is asked for the hash of the key, never the key', async () => {
    let seen = '';
    const ring = new KeyRing(
      {
        apiKey: async (hash) => {
          seen = hash;
          return undefined;
        },
      },
      5000,
    );
    await ring.find(header, 0);
    expect(seen).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('problems', () => {
  it('carry what an error of ours says and nothing of what others say', () => {
    const refused = new RefusedRequest('illegal_transition', 'Not from closed.', {
      extra: { legal: ['in_progress'], status: 1, code: 'x' },
    });
    expect(toProblem(refused, '/x').problem).toMatchObject({
      status: 409,
      code: 'illegal_transition',
      legal: ['in_progress'],
    });
    expect(JSON.stringify(toProblem(new Error('secret'), '/x'))).not.toContain('secret');
    expect(JSON.stringify(toProblem('secret', '/x'))).not.toContain('secret');
  });

  it.each([{ code: 'config_invalid' }, { code: 'internal' }, { code: 'toString' }, null, undefined, 7])(
    '%j is a bare 500',
    (thrown) => {
      expect(toProblem(thrown, '/x').problem).toMatchObject({ status: 500, code: 'internal' });
    },
  );

  it('name the nearest branch of a union', () => {
    const schema = z.strictObject({
      a: z.array(
        z.union([z.strictObject({ u: z.string() }), z.strictObject({ v: z.string(), w: z.string() })]),
      ),
    });
    const { error } = schema.safeParse({ a: [{ u: 1 }] });
    expect(toFieldErrors(error?.issues ?? [])).toEqual([
      { pointer: '/a/0/u', message: expect.stringContaining('string') },
    ]);
  });

  it('are all in the reference', () => {
    expect(errorReference()).toContain('| <a id="idempotency_conflict"></a>`idempotency_conflict` | 422 |');
  });
});

describe('uploads', () => {
  const boundary = 'x-boundary';
  const form = (...parts: string[]): string =>
    `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`;
  const file = (name: string, content: string): string =>
    `Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: image/png\r\n\r\n${content}`;

  const upload = async (
    payload: string,
    limit = 1000,
    contentType = `multipart/form-data; boundary=${boundary}`,
  ) => {
    const { app, key } = await serve({ limits: { maxUploadBytes: limit } });
    return app.inject({
      method: 'POST',
      url: '/v1/uploads',
      headers: { authorization: `Bearer ${key}`, 'content-type': contentType },
      payload,
    });
  };

  it('a form with a file is stored under the last part of its name', async () => {
    const response = await upload(form(file('../../etc/çukur.png', 'bytes')));
    expect([response.statusCode, response.json().name, response.json().bytes]).toEqual([201, 'çukur.png', 5]);
  });

  it.each([
    {
      name: 'a form without a file',
      payload: form('Content-Disposition: form-data; name="a"\r\n\r\nb'),
      status: 400,
      code: 'invalid_request',
    },
    { name: 'an empty form', payload: '', status: 400, code: 'invalid_request' },
    {
      name: 'a file past the limit',
      payload: form(file('a.png', 'x'.repeat(1001))),
      status: 413,
      code: 'body_too_large',
    },
    {
      name: 'a form that breaks off',
      payload: form(file('a.png', 'xx')).slice(0, -12),
      status: 400,
      code: 'invalid_request',
    },
    {
      name: 'a form without its boundary',
      payload: 'x',
      contentType: 'multipart/form-data',
      status: 400,
      code: 'invalid_request',
    },
  ])('$name is $status', async ({ payload, status, code, ...row }) => {
    const response = await upload(payload, 1000, 'contentType' in row ? row.contentType : undefined);
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
  });

  it.each([
    { header: `attachment; filename="a b.png"`, name: 'a b.png' },
    { header: `attachment; filename=a.png`, name: 'a.png' },
    { header: `attachment; filename="x"; filename*=UTF-8''%C3%A7.png`, name: 'ç.png' },
    { header: `attachment; filename*=UTF-8''%zz`, name: undefined },
    { header: undefined, name: undefined },
  ])('$header names $name', ({ header, name }) => {
    expect(dispositionName(header)).toBe(name);
  });

  it.each([
    ['C:\\Users\\a\\foto.jpg', 'foto.jpg'],
    ['..', 'file'],
    ['a\r\nSet-Cookie: x', 'aSet-Cookie: x'],
    ['', 'file'],
  ])('%j is kept as %j', (given, kept) => {
    expect(safeName(given)).toBe(kept);
  });
});
