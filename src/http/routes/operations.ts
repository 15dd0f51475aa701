import {
  accountsAnswer,
  closeCallbackRequest,
  deadLetterAnswer,
  envelopeAnswer,
  maskText,
  notACaseAnswer,
  outgoingAnswer,
  type PageOptions,
  pageOf,
  pageRequest,
  quarantineEntry,
  RefusedRequest,
  recordSummary,
  replayRequest,
  resendAnswer,
  resendRequest,
  shownCallback,
  toEpoch,
  toInstant,
} from '@kapi/contract';
import { z } from 'zod';
import { revealQuery, revealReason } from '../reveal.ts';
import { defineRoute, noBody, none, ok, type Route } from '../route.ts';
import { showCallback, showSummary } from '../shown.ts';
import { numberOf } from './records.ts';

export const idPath = z.strictObject({ id: z.string().min(1).max(200) });

const page = (query: z.output<typeof pageRequest>): PageOptions => ({
  limit: query.limit,
  ...(query.cursor !== undefined && { cursor: query.cursor }),
});

const callbacks = defineRoute({
  method: 'GET',
  path: '/v1/callbacks',
  tag: 'Work',
  summary: 'Citizens a person must call',
  access: { scopes: ['records:read'] },
  load: 'read',
  params: none,
  query: pageRequest.extend({ open: z.enum(['true', 'false']).default('true') }),
  body: noBody,
  answers: { 200: { description: 'One page, telephone masked.', schema: pageOf(shownCallback) } },
  errors: [],
  examples: [{ name: 'Open ones', status: 200 }],
  handle: async ({ query, house }) => {
    const found = await house.gateway.reader.callbacks({ ...page(query), open: query.open === 'true' });
    return ok({ items: found.items.map((callback) => showCallback(callback, 'masked')), next: found.next });
  },
});

const closeCallback = defineRoute({
  method: 'POST',
  path: '/v1/callbacks/{id}/close',
  tag: 'Work',
  summary: 'The citizen was called',
  description:
    'Without a body all that it `tells` was told. With `told` only these events were; it stays open while others are left. Telling a plan, an answer or a reason meets the 48-hour promise, telling anything else does not.',
  access: { scopes: ['events'] },
  load: 'entrance',
  params: idPath,
  query: none,
  body: z.union([closeCallbackRequest, z.undefined()]),
  answers: { 204: { description: 'Written down.' } },
  errors: ['not_found'],
  examples: [
    { name: 'Done', path: { id: 'callback-1' }, status: 204 },
    {
      name: 'One of two things was told',
      path: { id: 'callback-1' },
      body: { told: ['0198c2a0-0000-7000-8000-0000000000e1'] },
      status: 204,
    },
  ],
  handle: async ({ params, body, actor, house }) => {
    await house.gateway.operations.closeCallback(params.id, actor, body?.told);
    return { status: 204 };
  },
});

const deadlines = defineRoute({
  method: 'GET',
  path: '/v1/deadlines',
  tag: 'Work',
  summary: 'Records whose promise is unmet and soon due or late, soonest first',
  access: { scopes: ['records:read'] },
  load: 'read',
  params: none,
  query: pageRequest.extend({
    before: z.iso.datetime({ offset: true }).optional().describe('Due before; default: 24 hours from now'),
  }),
  body: noBody,
  answers: { 200: { description: 'One page.', schema: pageOf(recordSummary) } },
  errors: [],
  examples: [{ name: 'The next day', status: 200 }],
  handle: async ({ query, house }) => {
    const before = query.before === undefined ? Date.now() + 24 * 3600_000 : toEpoch(query.before);
    const found = await house.gateway.reader.lateRecords(before, page(query));
    return ok({ items: found.items.map(showSummary), next: found.next });
  },
});

const quarantine = defineRoute({
  method: 'GET',
  path: '/v1/quarantine',
  tag: 'Operations',
  summary: 'Envelopes and items stored but not understood',
  access: { scopes: ['admin'] },
  load: 'read',
  params: none,
  query: pageRequest.extend({ account: z.string().max(64).optional() }),
  body: noBody,
  answers: { 200: { description: 'One page.', schema: pageOf(quarantineEntry) } },
  errors: [],
  examples: [{ name: 'All', status: 200 }],
  handle: async ({ query, house }) => {
    const found = await house.gateway.reader.quarantine({
      ...page(query),
      ...(query.account !== undefined && { account: query.account }),
    });
    return ok({
      items: found.items.map((entry) => ({
        ...entry,
        detail: maskText(entry.detail),
        receivedAt: toInstant(entry.receivedAt),
      })),
      next: found.next,
    });
  },
});

const showEnvelope = defineRoute({
  method: 'GET',
  path: '/v1/quarantine/{id}',
  tag: 'Operations',
  summary: 'One envelope: what is known of it, without its content',
  access: { scopes: ['admin'] },
  load: 'read',
  params: idPath,
  query: none,
  body: noBody,
  answers: { 200: { description: 'The envelope.', schema: envelopeAnswer } },
  errors: ['not_found'],
  examples: [{ name: 'One', path: { id: 'envelope-1' }, status: 200 }],
  handle: async ({ params, house }) => {
    const found = await house.gateway.reader.envelope(params.id);
    if (found === undefined) throw new RefusedRequest('not_found', 'No envelope has this id.');
    const { envelope, parts, state } = found;
    const reason = found.reason && maskText(found.reason);
    return ok({
      id: envelope.id,
      adapter: envelope.adapter,
      account: envelope.account,
      receivedAt: envelope.receivedAt,
      contentType: envelope.contentType,
      bytes: envelope.body.length,
      state,
      reason,
      parts: parts.map((part) => ({
        key: part.key,
        kind: part.kind,
        state: part.state,
        reason: part.reason,
      })),
    });
  },
});

const replay = defineRoute({
  method: 'POST',
  path: '/v1/quarantine/{id}/replay',
  tag: 'Operations',
  summary: 'Read an envelope again',
  description:
    'By envelope id. Adds what was missing and revisions of what changed; never a second record or notice.',
  access: { scopes: ['admin'] },
  load: 'entrance',
  params: idPath,
  query: none,
  body: noBody,
  answers: { 202: { description: 'Put back to be read.' } },
  errors: ['not_found'],
  examples: [{ name: 'One', path: { id: 'envelope-1' }, status: 202 }],
  handle: async ({ params, actor, house }) => {
    await house.gateway.operations.replay(params.id, actor);
    return { status: 202 };
  },
});

const replaySince = defineRoute({
  method: 'POST',
  path: '/v1/replay',
  tag: 'Operations',
  summary: 'Read every envelope since a moment again',
  access: { scopes: ['admin'] },
  load: 'entrance',
  params: none,
  query: none,
  body: replayRequest,
  answers: {
    202: { description: 'How many were put back.', schema: z.strictObject({ envelopes: z.int() }) },
  },
  errors: [],
  examples: [
    { name: 'One account', body: { since: '2026-11-22T00:00:00+03:00', account: 'sms-153' }, status: 202 },
  ],
  handle: async ({ body, actor, house }) => ({
    status: 202,
    body: { envelopes: await house.gateway.operations.replaySince(body.since, body.account, actor) },
  }),
});

const deadLetters = defineRoute({
  method: 'GET',
  path: '/v1/deadletters',
  tag: 'Operations',
  summary: 'Deliveries and notices refused for good',
  access: { scopes: ['admin'] },
  load: 'read',
  params: none,
  query: pageRequest.extend({ destination: z.string().max(64).optional() }),
  body: noBody,
  answers: { 200: { description: 'One page.', schema: pageOf(deadLetterAnswer) } },
  errors: [],
  examples: [{ name: 'All', status: 200 }],
  handle: async ({ query, house }) => {
    const found = await house.gateway.reader.deadLetters({
      ...page(query),
      ...(query.destination !== undefined && { destination: query.destination }),
    });
    return ok({
      items: found.items.map((letter) => ({
        ...letter,
        detail: maskText(letter.detail),
        at: toInstant(letter.at),
      })),
      next: found.next,
    });
  },
});

const resendOne = defineRoute({
  method: 'POST',
  path: '/v1/deadletters/{id}/resend',
  tag: 'Operations',
  summary: 'Try a dead letter again',
  access: { scopes: ['admin'] },
  load: 'entrance',
  params: idPath,
  query: none,
  body: noBody,
  answers: { 202: { description: 'How many are ready to go again.', schema: resendAnswer } },
  errors: ['not_found'],
  examples: [{ name: 'One', path: { id: 'delivery-1' }, status: 202 }],
  handle: async ({ params, actor, house }) => {
    const resent = await house.gateway.operations.resend({ id: params.id }, actor);
    return { status: 202, body: { resent } };
  },
});

const resendAll = defineRoute({
  method: 'POST',
  path: '/v1/deadletters/resend',
  tag: 'Operations',
  summary: 'Try every dead letter of a destination again',
  access: { scopes: ['admin'] },
  load: 'entrance',
  params: none,
  query: none,
  body: resendRequest,
  answers: { 202: { description: 'How many are ready to go again.', schema: resendAnswer } },
  errors: ['not_found'],
  examples: [
    { name: 'A destination', body: { destination: 'ebelediye' }, status: 202 },
    { name: 'None of that name', body: { destination: 'baska' }, status: 404 },
  ],
  handle: async ({ body, actor, house }) => {
    const resent = await house.gateway.operations.resend({ destination: body.destination }, actor);
    return { status: 202, body: { resent } };
  },
});

const outgoing = defineRoute({
  method: 'GET',
  path: '/v1/records/{number}/outgoing',
  tag: 'Operations',
  summary: 'The events of a record as they leave for a destination',
  description:
    'Those that left, as they left; those still to leave, as they would. The destination may be off; nothing is sent. Where its profile is `full`, needs `records:reveal` and a reason, in `reveal` or the `Kapi-Reveal-Reason` header, and is written to the audit chain.',
  access: { scopes: ['admin'] },
  load: 'read',
  params: z.strictObject({ number: z.string().max(64) }),
  query: z.strictObject({ destination: z.string().max(64), reveal: revealQuery }),
  body: noBody,
  answers: { 200: { description: 'Oldest first.', schema: outgoingAnswer } },
  errors: ['not_found', 'forbidden'],
  examples: [
    {
      name: 'To a receiver of masked events',
      path: { number: 'SOK-26-0001234-9' },
      query: { destination: 'ebelediye' },
      status: 200,
    },
    {
      name: 'To none',
      path: { number: 'SOK-26-0001234-9' },
      query: { destination: 'baska' },
      status: 404,
    },
  ],
  handle: async ({ params, query, request, actor, house }) => {
    const number = numberOf(params.number);
    const reason = revealReason(request, actor, query.reveal);
    const events = await house.gateway.operations.outgoing(number, query.destination, actor, reason);
    return ok({ events });
  },
});

const notCases = defineRoute({
  method: 'GET',
  path: '/v1/not-a-case',
  tag: 'Work',
  summary: 'Messages kept as «not a case»',
  access: { scopes: ['records:read'] },
  load: 'read',
  params: none,
  query: pageRequest,
  body: noBody,
  answers: { 200: { description: 'One page.', schema: pageOf(notACaseAnswer) } },
  errors: [],
  examples: [{ name: 'All', status: 200 }],
  handle: async ({ query, house }) => {
    const found = await house.gateway.reader.notCases(page(query));
    return ok({
      items: found.items.map((entry) => ({ ...entry, receivedAt: toInstant(entry.receivedAt) })),
      next: found.next,
    });
  },
});

const restore = defineRoute({
  method: 'POST',
  path: '/v1/not-a-case/{id}/restore',
  tag: 'Work',
  summary: 'It is a case after all',
  access: { scopes: ['events'] },
  load: 'entrance',
  params: idPath,
  query: none,
  body: noBody,
  answers: { 202: { description: 'Becomes a record.' } },
  errors: ['not_found'],
  examples: [{ name: 'One', path: { id: 'message-1' }, status: 202 }],
  handle: async ({ params, actor, house }) => {
    await house.gateway.operations.restore(params.id, actor);
    return { status: 202 };
  },
});

const accounts = defineRoute({
  method: 'GET',
  path: '/v1/accounts',
  tag: 'Operations',
  summary: 'Accounts and how they are doing',
  access: { scopes: ['admin'] },
  load: 'read',
  params: none,
  query: none,
  body: noBody,
  answers: { 200: { description: 'All accounts.', schema: accountsAnswer } },
  errors: [],
  examples: [{ name: 'All', status: 200 }],
  handle: async ({ house }) => ok({ accounts: house.gateway.operations.accounts() }),
});

export const operationRoutes: readonly Route[] = [
  callbacks,
  closeCallback,
  deadlines,
  quarantine,
  showEnvelope,
  replay,
  replaySince,
  deadLetters,
  resendAll,
  resendOne,
  outgoing,
  notCases,
  restore,
  accounts,
];
