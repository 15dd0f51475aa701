import { BlockList, isIPv6 } from 'node:net';
import { RefusedRequest } from '@kapi/contract';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { HttpConfig } from '../config.ts';
import { defineRoute, noBody, none, ok, type Route } from '../route.ts';

const family = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

/** Addresses and CIDR ranges as one list; `BlockList` matches v4-mapped IPv6 too. */
export function toAddressList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    if (prefix === undefined) list.addAddress(address, family(address));
    else list.addSubnet(address, Number(prefix), family(address));
  }
  return list;
}

const lists = new WeakMap<HttpConfig, BlockList>();

/**
 * Behind a proxy that is not in `trustProxy` everybody would look like the proxy, often loopback: a
 * forwarded request from there is a stranger's.
 */
export function mayReadMetrics(request: FastifyRequest, config: HttpConfig): boolean {
  let list = lists.get(config);
  if (list === undefined) {
    list = toAddressList(config.metricsAllow);
    lists.set(config, list);
  }
  const { headers } = request;
  const forwarded =
    headers['x-forwarded-for'] !== undefined ||
    headers.forwarded !== undefined ||
    headers['x-real-ip'] !== undefined;
  if (forwarded && config.trustProxy.length === 0) return false;
  return list.check(request.ip, family(request.ip));
}

const status = z.strictObject({ status: z.string() });

const health = defineRoute({
  method: 'GET',
  path: '/healthz',
  tag: 'Health',
  summary: 'The process lives',
  access: { public: true },
  load: 'always',
  params: none,
  query: none,
  body: noBody,
  answers: { 200: { description: 'It does.', schema: status } },
  errors: [],
  examples: [{ name: 'Alive', status: 200 }],
  handle: async () => ok({ status: 'ok' }),
});

const ready = defineRoute({
  method: 'GET',
  path: '/readyz',
  tag: 'Health',
  summary: 'Messages can be accepted',
  access: { public: true },
  load: 'always',
  params: none,
  query: none,
  body: noBody,
  answers: {
    200: { description: 'They can.', schema: status },
    503: { description: 'The store cannot commit, or the process is stopping.', schema: status },
  },
  errors: [],
  examples: [{ name: 'Ready', status: 200 }],
  handle: async ({ house }) =>
    house.gateway.operations.ready() && !house.stopping.aborted
      ? ok({ status: 'ready' })
      : { status: 503, body: { status: 'not ready' } },
});

const metrics = defineRoute({
  method: 'GET',
  path: '/metrics',
  tag: 'Health',
  summary: 'Prometheus metrics, for listed addresses only',
  access: { public: true },
  load: 'always',
  params: none,
  query: none,
  body: noBody,
  answers: { 200: { description: 'Text exposition format.', contentType: 'text/plain' } },
  errors: ['not_found'],
  examples: [{ name: 'Scrape', status: 200 }],
  handle: async ({ request, house }) => {
    if (!mayReadMetrics(request, house.config)) {
      throw new RefusedRequest('not_found', 'There is nothing under this address.');
    }
    const { contentType, body } = await house.metrics.render();
    return ok(body, { 'content-type': contentType });
  },
});

export const healthRoutes: readonly Route[] = [health, ready, metrics];
