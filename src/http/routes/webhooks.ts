import { codeOf, type PushRequest, RefusedRequest } from '@kapi/contract';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { collect, refuseDeclared } from '../body-stream.ts';
import { type Answer, type Call, defineRoute, type House, noBody, type Route } from '../route.ts';

const accountPath = z.strictObject({ adapter: z.string().max(64), account: z.string().max(64) });

/** A header sent twice is an array: Node would join or drop it, and signatures look at what was sent. */
function distinctHeaders(request: FastifyRequest): PushRequest['headers'] {
  const { rawHeaders } = request.raw;
  const headers = new Map<string, string | string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? '';
    const value = rawHeaders[i + 1] ?? '';
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(headers);
}

function toPushRequest(
  request: FastifyRequest,
  house: House,
  method: 'GET' | 'POST',
  body: Uint8Array,
): PushRequest {
  const target = request.raw.url ?? '/';
  const query = target.indexOf('?');
  return {
    method,
    target,
    publicUrl: `${house.config.publicUrl}${target}`,
    query: new URLSearchParams(query === -1 ? '' : target.slice(query + 1)),
    headers: distinctHeaders(request),
    body,
    remoteAddress: request.ip,
  };
}

async function push(
  { params, request, house }: Call<z.output<typeof accountPath>, unknown, unknown>,
  method: 'GET' | 'POST',
): Promise<Answer> {
  const { adapter, account } = params;
  const { providers } = house.gateway;
  const limit = providers.limit(adapter, account);
  if (limit === undefined)
    throw new RefusedRequest('unknown_account', 'No enabled account of that name exists.');
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new RefusedRequest('unsupported_media_type', 'Encoded bodies are not accepted.');
  }
  refuseDeclared(request.headers['content-length'], limit);
  const body = method === 'GET' ? new Uint8Array() : await collect(request.raw, limit, house.hold);
  const answer = await providers
    .push(adapter, account, toPushRequest(request, house, method, body))
    .catch((thrown: unknown) => {
      // After the verdict: whoever shares an address with a forger is still heard.
      throw codeOf(thrown) === 'bad_signature' ? house.failed(request, thrown) : thrown;
    });
  return {
    status: answer.status,
    ...(answer.body !== undefined && { body: answer.body }),
    headers: { 'content-type': answer.contentType ?? 'text/plain; charset=utf-8' },
  };
}

const shared = {
  path: '/webhooks/{adapter}/{account}',
  tag: 'Providers',
  access: { public: true },
  load: 'provider',
  params: accountPath,
  // Providers add what they like.
  query: z.record(z.string(), z.unknown()),
  body: noBody,
  rawBody: ['*'],
  // The account's own limit is read in the handler; this one only bounds what any adapter may ask for.
  bodyLimit: () => 64 * 1024 * 1024,
  errors: ['unknown_account', 'bad_signature', 'stale_request', 'body_too_large', 'rate_limited'],
} as const;

const receivePush = defineRoute({
  ...shared,
  method: 'POST',
  summary: 'A provider hands in an envelope',
  description:
    'The exact bytes are judged by the adapter (signature, token) before anything reads them; a forged request is answered 401 and not stored, many from one address 429. 2xx only after the envelope is durable.',
  answers: { 200: { description: 'As the provider expects it.', contentType: 'text/plain' } },
  examples: [
    {
      name: 'A forged one',
      path: { adapter: 'sms-example', account: 'sms-153' },
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-signature': 'wrong' },
      body: 'From=%2B905321234567',
      status: 401,
    },
    {
      name: 'An unknown account',
      path: { adapter: 'sms-example', account: 'nobody' },
      headers: { 'content-type': 'text/plain' },
      body: 'x',
      status: 404,
    },
  ],
  handle: (call) => push(call, 'POST'),
});

const handshake = defineRoute({
  ...shared,
  method: 'GET',
  summary: "A provider's set-up call",
  answers: { 200: { description: 'The challenge, as the provider expects it.', contentType: 'text/plain' } },
  examples: [
    {
      name: 'A challenge',
      path: { adapter: 'sms-example', account: 'sms-153' },
      query: { challenge: '12345' },
      status: 200,
    },
  ],
  handle: (call) => push(call, 'GET'),
});

export const webhookRoutes: readonly Route[] = [receivePush, handshake];
