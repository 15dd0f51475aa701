import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { codeOf, kindOfError } from '@kapi/contract';
import { type Counterpart, type CounterpartMode, testDestination, testEvent } from '@kapi/contract/testing';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.ts';
import { secretBytes, signatureHeaders } from './standard-webhooks.ts';
import { createWebhook, webhookConfig, webhookScheduleMs } from './webhook.ts';

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes 123').toString('base64')}`;
const nextSecret = `whsec_${Buffer.from('another secret, thirty-two bytes').toString('base64')}`;
const certificate = {
  key: readFileSync(new URL('./fixtures/loopback.key', import.meta.url)),
  cert: readFileSync(new URL('./fixtures/loopback.crt', import.meta.url)),
};

interface Request {
  readonly headers: IncomingMessage['headers'];
  readonly id: string;
  readonly body: Uint8Array;
  readonly taken: boolean;
}
type Answer = (response: ServerResponse, socket: Socket) => void;

/** Status and headers, or something ruder; `taken` where the receiver keeps the event. */
const answers: Readonly<Record<CounterpartMode, { readonly taken: boolean; readonly answer: Answer }>> = {
  ok: { taken: true, answer: (response) => response.writeHead(204).end() },
  failing: { taken: false, answer: (response) => response.writeHead(500).end('our secret stack trace') },
  hanging: { taken: false, answer: () => undefined },
  reset: { taken: false, answer: (_response, socket) => socket.resetAndDestroy() },
  'taken-then-reset': { taken: true, answer: (_response, socket) => socket.resetAndDestroy() },
  slow: {
    taken: true,
    answer: (response) => {
      setTimeout(() => response.writeHead(200).end('done'), 100);
    },
  },
  gone: { taken: false, answer: (response) => response.writeHead(410).end() },
  throttled: { taken: false, answer: (response) => response.writeHead(429, { 'retry-after': '7' }).end() },
  refusing: { taken: false, answer: (response) => response.writeHead(422).end() },
};

async function startReceiver(
  options: { readonly secrets?: readonly string[]; readonly now?: () => number } = {},
): Promise<Counterpart & { readonly requests: Request[]; answer: (next: Answer, taken?: boolean) => void }> {
  const secrets = options.secrets ?? [secret];
  const requests: Request[] = [];
  let current = answers.ok;
  const sockets = new Set<Socket>();
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { taken, answer } = request.method === 'POST' ? current : answers.ok;
      if (request.method === 'POST') {
        const id = String(request.headers['webhook-id']);
        requests.push({ headers: request.headers, id, body: Buffer.concat(chunks), taken });
      }
      answer(response, request.socket);
    });
  };
  const servers = [createServer(serve), createTlsServer(certificate, serve)];
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => sockets.delete(socket));
      });
      server.on('tlsClientError', () => undefined);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.address() as AddressInfo).port;
    }),
  );
  return {
    create: (link, timeoutMs) => {
      const url =
        link === 'trusted' ? `http://127.0.0.1:${ports[0]}/in?token=t0p` : `https://127.0.0.1:${ports[1]}/in`;
      return createWebhook(
        webhookConfig.parse({ url, secrets, timeoutSeconds: timeoutMs / 1000 }),
        options.now,
      );
    },
    mode: (mode) => {
      current = answers[mode];
    },
    answer: (next, taken = false) => {
      current = { taken, answer: next };
    },
    requests,
    seen: requests,
    secrets: [...secrets, ...secrets.map((each) => each.slice('whsec_'.length)), 't0p'],
    openConnections: () => sockets.size,
    async close() {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

testDestination('webhook', {
  modes: {
    ok: true,
    failing: true,
    hanging: true,
    reset: true,
    'taken-then-reset': true,
    slow: true,
    gone: true,
    throttled: true,
    refusing: true,
  },
  start: () => startReceiver(),
});

const quiet = {
  signal: new AbortController().signal,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  http: () => Promise.reject(new Error('unused')),
};

describe('webhook: Standard Webhooks 1.0', () => {
  const cleanups: (() => Promise<void> | undefined)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  async function receiver(options: Parameters<typeof startReceiver>[0] = {}) {
    const started = await startReceiver(options);
    const destination = started.create('trusted', 60_000);
    cleanups.push(
      () => destination.close?.(),
      () => started.close(),
    );
    return { ...started, destination };
  }

  it('is verified by the reference library, under every secret while one replaces the other', async () => {
    const { destination, requests } = await receiver({ secrets: [nextSecret, secret] });
    const event = testEvent(1, 1);
    await destination.send(event, quiet);
    const [request] = requests;
    const headers = Object.fromEntries(
      Object.entries(request?.headers ?? {}).map(([k, v]) => [k, String(v)]),
    );
    const payload = Buffer.from(request?.body ?? []).toString();
    for (const key of [secret, nextSecret]) {
      expect(new Webhook(key).verify(payload, headers)).toEqual(JSON.parse(payload));
    }
    const stranger = `whsec_${Buffer.from('a secret that was never given ..').toString('base64')}`;
    expect(() => new Webhook(stranger).verify(payload, headers)).toThrow();
    expect(() => new Webhook(secret).verify(`${payload} `, headers)).toThrow();
    expect(headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(headers['webhook-id']).toBe(event.id);
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
  });

  it('signs each attempt with the time of that attempt', async () => {
    let now = 1_795_000_000_999;
    const { destination, requests } = await receiver({ now: () => now });
    await destination.send(testEvent(1, 1), quiet);
    now += 86_400_000;
    await destination.send(testEvent(1, 1), quiet);
    expect(requests.map(({ headers }) => headers['webhook-timestamp'])).toEqual(['1795000000', '1795086400']);
    expect(requests[0]?.headers['webhook-signature']).not.toBe(requests[1]?.headers['webhook-signature']);
  });

  it('gives the signature of the specification for known bytes', () => {
    // The example of the standardwebhooks test suites.
    const key = secretBytes('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const headers = signatureHeaders(
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1614265330,
      new TextEncoder().encode('{"test": 2432232314}'),
      key ? [key] : [],
    );
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('waits by the schedule of the specification: ten tries in 75 h 35 min 5 s', () => {
    expect(webhookScheduleMs).toHaveLength(9);
    expect(webhookScheduleMs.reduce((sum, step) => sum + step, 0)).toBe(((75 * 60 + 35) * 60 + 5) * 1000);
    expect(webhookScheduleMs.at(-1)).toBe(24 * 3_600_000);
  });

  const rows: readonly [status: number, expected: string, headers?: Record<string, string>][] = [
    [200, 'delivered'],
    [201, 'delivered'],
    [299, 'delivered'],
    [301, 'destination_unavailable', { location: '/elsewhere' }],
    [302, 'destination_unavailable', { location: '/elsewhere' }],
    [304, 'destination_unavailable'],
    [400, 'destination_rejected'],
    [401, 'destination_unavailable'],
    [403, 'destination_unavailable'],
    [404, 'destination_unavailable'],
    [408, 'destination_unavailable'],
    [410, 'destination_gone'],
    [413, 'destination_rejected'],
    [415, 'destination_rejected'],
    [422, 'destination_rejected'],
    [429, 'destination_unavailable'],
    [500, 'destination_unavailable'],
    [502, 'destination_unavailable'],
    [503, 'destination_unavailable'],
    [504, 'destination_unavailable'],
  ];
  it.each(rows)('makes of the answer %i: %s', async (status, expected, headers = {}) => {
    const { destination, requests, answer } = await receiver();
    answer((response) => response.writeHead(status, headers).end());
    const error: unknown = await destination.send(testEvent(1, 1), quiet).catch((thrown: unknown) => thrown);
    expect(codeOf(error) ?? 'delivered').toBe(expected);
    expect(requests, 'no redirect is followed').toHaveLength(1);
  });

  it('takes a 2xx for a delivery though the connection is cut before the answer ends', async () => {
    const { destination, answer } = await receiver();
    answer((response, socket) => {
      response.writeHead(202, { 'content-length': '100' });
      response.write('ha', () => socket.resetAndDestroy());
    }, true);
    await expect(destination.send(testEvent(1, 1), quiet)).resolves.toBeUndefined();
  });

  it('does not read an endless answer to its end', async () => {
    const { destination, answer, openConnections } = await receiver();
    answer((response) => {
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384)));
      };
      response.on('drain', pour);
      pour();
    }, true);
    await destination.send(testEvent(1, 1), quiet);
    await expect.poll(openConnections).toBe(0);
  });

  it('uses a kept connection again, and once more a new one where the kept one had gone', async () => {
    const { destination, answer, mode, requests, openConnections } = await receiver();
    await destination.send(testEvent(1, 1), quiet);
    await destination.send(testEvent(1, 2), quiet);
    expect(openConnections()).toBe(1);
    let resets = 0;
    answer((_response, socket) => {
      resets += 1;
      mode('ok');
      socket.resetAndDestroy();
    });
    await destination.send(testEvent(1, 3), quiet);
    expect(resets).toBe(1);
    expect(requests.map(({ id }) => id).slice(2)).toEqual([testEvent(1, 3).id, testEvent(1, 3).id]);
  });

  it('trusts a private certificate authority that the configuration names', async () => {
    const { close } = await receiver();
    const server = createTlsServer(certificate, (_request, response) => response.writeHead(200).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const url = `https://127.0.0.1:${port}/`;
    const trusting = createWebhook(
      webhookConfig.parse({ url, secrets: [secret], ca: certificate.cert.toString() }),
    );
    cleanups.push(
      () => trusting.close?.(),
      async () => void server.close(),
      close,
    );
    await expect(trusting.send(testEvent(1, 1), quiet)).resolves.toBeUndefined();
  });

  const addresses: readonly [url: string, allowPlain: boolean, accepted: boolean][] = [
    ['https://ebelediye.example/in', false, true],
    ['http://127.0.0.1:9/in', false, true],
    ['http://localhost:9/in', false, true],
    ['http://[::1]:9/in', false, true],
    ['http://ebelediye.example/in', false, false],
    ['http://127.0.0.1.example/in', false, false],
    ['http://10.1.2.3/in', false, false],
    ['http://10.1.2.3/in', true, true],
  ];
  it.each(addresses)('with %s and allowPlain %s: accepted %s', (url, allowPlain, accepted) => {
    const create = () => createWebhook(webhookConfig.parse({ url, secrets: [secret], allowPlain }));
    if (accepted) expect(create).not.toThrow();
    else expect(create).toThrow(expect.toSatisfy((error) => kindOfError(error) === 'config'));
  });

  const secrets: readonly [string, boolean][] = [
    [secret, true],
    [secret.slice('whsec_'.length), true],
    ['whsec_c2hvcnQ=', false],
    [`whsec_${Buffer.alloc(65, 1).toString('base64')}`, false],
    ['whsec_not base64 at all, not at all, not', false],
    ['', false],
  ];
  it.each(secrets)('takes the secret %s: %s', (each, accepted) => {
    expect(webhookConfig.safeParse({ url: 'https://a.example', secrets: [each] }).success).toBe(accepted);
  });

  const waits: readonly [string | undefined, number | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5_000],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['Sun, 22 Nov 2026 06:15:00 GMT', 60_000],
    ['Sun, 22 Nov 2026 06:13:00 GMT', 0],
    ['2026-11-22', undefined],
  ];
  it.each(waits)('reads Retry-After %s as %s ms', (header, expected) => {
    expect(retryAfterMs(header, Date.parse('2026-11-22T06:14:00Z'))).toBe(expected);
  });
});
