import {
  auditCheckAnswer,
  auditRow,
  bookAnswer,
  eraseAnswer,
  eraseRequest,
  keyAnswer,
  keyRequest,
  pageOf,
  pageRequest,
  type RecordSummary,
  RefusedRequest,
  summaryAnswer,
  toEpoch,
  toInstant,
} from '@kapi/contract';
import { z } from 'zod';
import { walkAudit } from '../../intake/audit-walk.ts';
import { defineRoute, noBody, none, ok, type Route } from '../route.ts';
import { numberOf } from './records.ts';

const keys = defineRoute({
  method: 'GET',
  path: '/v1/keys',
  tag: 'Administration',
  summary: 'API keys, without their secrets',
  access: { scopes: ['admin'] },
  load: 'read',
  params: none,
  query: none,
  body: noBody,
  answers: { 200: { description: 'All keys.', schema: z.strictObject({ keys: z.array(keyAnswer) }) } },
  errors: [],
  examples: [{ name: 'All', status: 200 }],
  handle: async ({ house }) => {
    const all = await house.gateway.reader.apiKeys();
    return ok({
      keys: all.map((key) => ({
        id: key.id,
        name: key.name,
        scopes: key.scopes,
        ...(key.account !== undefined && { account: key.account }),
        ...(key.queues && { queues: key.queues }),
        createdAt: toInstant(key.createdAt),
        ...(key.revokedAt !== undefined && { revokedAt: toInstant(key.revokedAt) }),
        rateLimited: key.rateLimited,
      })),
    });
  },
});

const createKey = defineRoute({
  method: 'POST',
  path: '/v1/keys',
  tag: 'Administration',
  summary: 'Make an API key; it is shown this once',
  access: { scopes: ['admin'] },
  load: 'entrance',
  params: none,
  query: none,
  body: keyRequest,
  answers: {
    201: { description: 'The key.', schema: z.strictObject({ id: z.string(), key: z.string() }) },
  },
  errors: ['unknown_account'],
  examples: [
    { name: 'For a call centre', body: { name: 'Çağrı merkezi', scopes: ['intake'] }, status: 201 },
    {
      name: 'For the software that empties one queue',
      body: { name: 'Koordinasyon', scopes: ['queue'], queues: ['coordination'] },
      status: 201,
    },
  ],
  handle: async ({ body, actor, house }) => {
    const { name, scopes, account, queues } = body;
    const made = await house.gateway.operations.createKey(
      { name, scopes, ...(account !== undefined && { account }), ...(queues && { queues }) },
      actor,
    );
    house.keys.forget();
    return { status: 201, body: made };
  },
});

const revokeKey = defineRoute({
  method: 'DELETE',
  path: '/v1/keys/{id}',
  tag: 'Administration',
  summary: 'Revoke an API key',
  access: { scopes: ['admin'] },
  load: 'entrance',
  params: z.strictObject({ id: z.string().max(100) }),
  query: none,
  body: noBody,
  answers: { 204: { description: 'It no longer opens anything, on other replicas within seconds.' } },
  errors: ['not_found'],
  examples: [{ name: 'One', path: { id: 'spare' }, status: 204 }],
  handle: async ({ params, actor, house }) => {
    await house.gateway.operations.revokeKey(params.id, actor);
    house.keys.forget();
    return { status: 204 };
  },
});

const erase = defineRoute({
  method: 'POST',
  path: '/v1/erase',
  tag: 'Administration',
  summary: 'Erase a record, or everything of a person, for good',
  description:
    'Exactly one of `number`, `phone`, `tckn`, `email`; 404 where nothing is found. Keys outlive the data: repeats stay recognised.',
  access: { scopes: ['admin'] },
  load: 'entrance',
  params: none,
  query: none,
  body: eraseRequest,
  answers: { 200: { description: 'What was erased.', schema: eraseAnswer } },
  errors: ['not_found'],
  examples: [
    {
      name: 'Two at once',
      body: { phone: '0532 123 45 67', email: 'a@example.org', reason: 'KVKK 11' },
      status: 400,
    },
    { name: 'A person', body: { email: 'kimse@example.org', reason: 'KVKK md. 11 başvurusu' }, status: 200 },
  ],
  handle: async ({ body, actor, house }) => {
    const { number, phone, tckn, email, reason } = body;
    const what = [
      ...(number !== undefined ? [{ number: numberOf(number) }] : []),
      ...(phone !== undefined ? [{ phone }] : []),
      ...(tckn !== undefined ? [{ tckn }] : []),
      ...(email !== undefined ? [{ email }] : []),
    ];
    const [only] = what;
    if (only === undefined || what.length > 1) {
      const message = 'Give exactly one of number, phone, tckn, email.';
      throw new RefusedRequest('invalid_request', message, { errors: [{ pointer: '', message }] });
    }
    return ok(await house.gateway.operations.erase(only, reason, actor));
  },
});

const books = defineRoute({
  method: 'GET',
  path: '/v1/books',
  tag: 'Administration',
  summary: 'Whether the books balance',
  access: { scopes: ['admin'] },
  load: 'read',
  params: none,
  query: z.strictObject({
    recount: z.enum(['true', 'false']).default('false').describe('From the rows; slow on a large store'),
  }),
  body: noBody,
  answers: { 200: { description: 'One balance a unit.', schema: bookAnswer } },
  errors: [],
  examples: [{ name: 'From the counters', status: 200 }],
  handle: async ({ query, house }) => {
    const { reader } = house.gateway;
    const all = await (query.recount === 'true' ? reader.recount() : reader.books());
    const rows = all.map(({ unit, total, parts }) => ({
      unit,
      total,
      parts,
      difference: total - Object.values(parts).reduce((sum, part) => sum + part, 0),
    }));
    return ok({ balanced: rows.every(({ difference }) => difference === 0), books: rows });
  },
});

const audit = defineRoute({
  method: 'GET',
  path: '/v1/audit',
  tag: 'Administration',
  summary: 'The audit chain',
  access: { scopes: ['admin'] },
  load: 'read',
  params: none,
  query: pageRequest,
  body: noBody,
  answers: { 200: { description: 'One page.', schema: pageOf(auditRow) } },
  errors: [],
  examples: [{ name: 'One page', status: 200 }],
  handle: async ({ query, house }) => {
    const { limit, cursor } = query;
    const found = await house.gateway.reader.audit({ limit, ...(cursor !== undefined && { cursor }) });
    return ok({ items: found.items.map((row) => ({ ...row, at: toInstant(row.at) })), next: found.next });
  },
});

const auditCheck = defineRoute({
  method: 'GET',
  path: '/v1/audit/check',
  tag: 'Administration',
  summary: 'Whether the audit chain is whole',
  description: 'Walks it from the first row; takes seconds where there are millions.',
  access: { scopes: ['admin'] },
  load: 'read',
  params: none,
  query: none,
  body: noBody,
  answers: { 200: { description: 'What the walk found.', schema: auditCheckAnswer } },
  errors: [],
  examples: [{ name: 'The whole chain', status: 200 }],
  handle: async ({ house }) => {
    const { rows, last, brokenAt } = await walkAudit(house.gateway.reader);
    return ok({ sound: brokenAt === undefined, rows, head: last, brokenAt });
  },
});

// ------------------------------------------------------------------------------------------- reports

const mostRecords = 20_000;
const reportPage = 500;

function tally(
  records: readonly RecordSummary[],
  of: (record: RecordSummary) => string,
): Record<string, number> {
  const counts = new Map<string, number>();
  for (const record of records) counts.set(of(record), (counts.get(of(record)) ?? 0) + 1);
  return Object.fromEntries(counts);
}

const instant = z.iso.datetime({ offset: true });

const summary = defineRoute({
  method: 'GET',
  path: '/v1/reports/summary',
  tag: 'Work',
  summary: 'Records of a period by channel, kind, status and day',
  access: { scopes: ['records:read'] },
  load: 'read',
  params: none,
  query: z.strictObject({
    from: instant.optional().describe('Default: seven days ago'),
    to: instant.optional().describe('Default: now'),
  }),
  body: noBody,
  answers: {
    200: { description: `Counts; of the newest ${mostRecords} where there are more.`, schema: summaryAnswer },
  },
  errors: [],
  examples: [
    {
      name: 'A day',
      query: { from: '2026-11-22T00:00:00+03:00', to: '2026-11-23T00:00:00+03:00' },
      status: 200,
    },
  ],
  handle: async ({ query, house }) => {
    const to = query.to === undefined ? Date.now() : toEpoch(query.to);
    const from = query.from === undefined ? to - 7 * 86_400_000 : toEpoch(query.from);
    const records: RecordSummary[] = [];
    let cursor: string | undefined;
    do {
      const page = await house.gateway.reader.records({
        limit: reportPage,
        receivedFrom: from,
        receivedTo: to,
        ...(cursor !== undefined && { cursor }),
      });
      records.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined && records.length < mostRecords);
    return ok({
      from: toInstant(from),
      to: toInstant(to),
      records: records.length,
      complete: cursor === undefined,
      byChannel: tally(records, (record) => record.channel),
      byKind: tally(records, (record) => record.kind),
      byStatus: tally(records, (record) => record.status),
      byDay: tally(records, (record) => toInstant(record.receivedAt).slice(0, 10)),
    });
  },
});

export const administrationRoutes: readonly Route[] = [
  keys,
  createKey,
  revokeKey,
  erase,
  books,
  audit,
  auditCheck,
  summary,
];
