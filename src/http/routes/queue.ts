import {
  ackAnswer,
  ackRequest,
  claimAnswer,
  claimRequest,
  extendRequest,
  nackRequest,
  queueStatsAnswer,
  toInstant,
} from '@kapi/contract';
import { defineRoute, noBody, none, ok, type Route } from '../route.ts';

const claim = defineRoute({
  method: 'POST',
  path: '/v1/queue/claim',
  tag: 'Queue',
  summary: 'Take events from a queue, for a while',
  description:
    'Emergencies first, then today, urgent, normal, then the oldest; at most one event of a record at a time. `waitSeconds` waits for the first. What is not acknowledged within `leaseSeconds` comes again. In full for keys with `records:reveal`, else masked. A key bound to queues claims from no other.',
  access: { scopes: ['queue'] },
  load: 'entrance',
  params: none,
  query: none,
  body: claimRequest,
  answers: { 200: { description: 'Up to `max` events; none is an answer too.', schema: claimAnswer } },
  errors: ['not_found'],
  examples: [{ name: 'Ten at most', body: { max: 10, leaseSeconds: 60 }, status: 200 }],
  handle: async ({ body, actor, reply, house }) => {
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    reply.raw.once('close', abort);
    try {
      const signal = AbortSignal.any([gone.signal, house.stopping]);
      return ok(await house.gateway.queue.claim(body, actor, signal));
    } finally {
      reply.raw.off('close', abort);
    }
  },
});

const ack = defineRoute({
  method: 'POST',
  path: '/v1/queue/ack',
  tag: 'Queue',
  summary: 'Events are safe on the other side',
  access: { scopes: ['queue'] },
  load: 'entrance',
  params: none,
  query: none,
  body: ackRequest,
  answers: {
    200: { description: 'Leases that had ended are named; their events come again.', schema: ackAnswer },
  },
  errors: [],
  examples: [{ name: 'One that had ended', body: { leases: ['lease-of-yesterday'] }, status: 200 }],
  handle: async ({ body, actor, house }) => ok(await house.gateway.queue.ack(body.leases, actor)),
});

const nack = defineRoute({
  method: 'POST',
  path: '/v1/queue/nack',
  tag: 'Queue',
  summary: 'An event could not be taken; give it again',
  description: 'After 20 nacks or ended leases the event becomes a dead letter.',
  access: { scopes: ['queue'] },
  load: 'entrance',
  params: none,
  query: none,
  body: nackRequest,
  answers: { 204: { description: 'It comes again, after `retryAfterSeconds`.' } },
  errors: ['lease_expired'],
  examples: [
    {
      name: 'A lease that had ended',
      body: { lease: 'lease-of-yesterday', reason: 'database down', retryAfterSeconds: 30 },
      status: 409,
    },
  ],
  handle: async ({ body, actor, house }) => {
    await house.gateway.queue.nack(body.lease, body.reason ?? '', body.retryAfterSeconds ?? 0, actor);
    return { status: 204 };
  },
});

const extend = defineRoute({
  method: 'POST',
  path: '/v1/queue/extend',
  tag: 'Queue',
  summary: 'Keep an event longer',
  access: { scopes: ['queue'] },
  load: 'entrance',
  params: none,
  query: none,
  body: extendRequest,
  answers: { 204: { description: 'The lease ends `leaseSeconds` from now.' } },
  errors: ['lease_expired'],
  examples: [
    { name: 'A lease that had ended', body: { lease: 'lease-of-yesterday', leaseSeconds: 60 }, status: 409 },
  ],
  handle: async ({ body, actor, house }) => {
    await house.gateway.queue.extend(body.lease, body.leaseSeconds, actor);
    return { status: 204 };
  },
});

const stats = defineRoute({
  method: 'GET',
  path: '/v1/queue/stats',
  tag: 'Queue',
  summary: 'How much waits where',
  access: { scopes: ['queue'] },
  load: 'read',
  params: none,
  query: none,
  body: noBody,
  answers: {
    200: { description: 'One row a queue that the key is not kept from.', schema: queueStatsAnswer },
  },
  errors: [],
  examples: [{ name: 'All queues', status: 200 }],
  handle: async ({ actor, house }) => {
    const queues = await house.gateway.queue.stats(actor);
    return ok({
      queues: queues.map(({ oldestReadyAt, ...queue }) => ({
        ...queue,
        ...(oldestReadyAt !== undefined && { oldestReadyAt: toInstant(oldestReadyAt) }),
      })),
    });
  },
});

export const queueRoutes: readonly Route[] = [claim, ack, nack, extend, stats];
