import { Readable } from 'node:stream';
import {
  appliedEvent,
  canonicalNumber,
  type EventSubmission,
  eventSubmission,
  type Lookup,
  pageOf,
  type RecordQuery,
  type RecordView,
  RefusedRequest,
  recordAnswer,
  recordSummary,
  recordsRequest,
  type SearchRequest,
  searchRequest,
  toEpoch,
} from '@kapi/contract';
import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { z } from 'zod';
import { nameLookup, sameName } from '../../intake/lookups.ts';
import { revealQuery, revealReason } from '../reveal.ts';
import { type Call, defineRoute, noBody, none, ok, type Route } from '../route.ts';
import { showRecord, showSummary } from '../shown.ts';

const numberPath = z.strictObject({ number: z.string().max(64) });
const exampleNumber = 'SOK-26-0001234-9';

/** @throws RefusedRequest `not_found` for what cannot be a number */
export function numberOf(typed: string): string {
  const number = canonicalNumber(typed);
  if (number === undefined) throw new RefusedRequest('not_found', 'No record has this number.');
  return number;
}

const list = defineRoute({
  method: 'GET',
  path: '/v1/records',
  tag: 'Records',
  summary: 'List records by their clear columns',
  access: { scopes: ['records:read'] },
  load: 'read',
  params: none,
  query: recordsRequest,
  body: noBody,
  answers: { 200: { description: 'One page.', schema: pageOf(recordSummary) } },
  errors: [],
  examples: [
    { name: 'Newest first', query: { limit: '10' }, status: 200 },
    { name: 'Waiting emergencies', query: { status: 'queued', urgency: 'emergency,today' }, status: 200 },
  ],
  handle: async ({ query, house }) => {
    const { receivedFrom, receivedTo, ...rest } = query;
    const page = await house.gateway.reader.records(
      withoutAbsent({
        ...rest,
        receivedFrom: receivedFrom === undefined ? undefined : toEpoch(receivedFrom),
        receivedTo: receivedTo === undefined ? undefined : toEpoch(receivedTo),
      }),
    );
    return ok({ items: page.items.map(showSummary), next: page.next });
  },
});

type Absent<T> = { [K in keyof T]: T[K] | undefined };
/** Drops absent members: the reader's options tell absent from undefined. */
function withoutAbsent(query: Absent<RecordQuery>): RecordQuery {
  const {
    limit = 50,
    cursor,
    status,
    urgency,
    channel,
    unit,
    topic,
    receivedFrom,
    receivedTo,
    order,
  } = query;
  return {
    limit,
    ...(cursor !== undefined && { cursor }),
    ...(status && { status }),
    ...(urgency && { urgency }),
    ...(channel && { channel }),
    ...(unit && { unit }),
    ...(topic && { topic }),
    ...(receivedFrom !== undefined && { receivedFrom }),
    ...(receivedTo !== undefined && { receivedTo }),
    ...(order && { order }),
  };
}

const one = defineRoute({
  method: 'GET',
  path: '/v1/records/{number}',
  tag: 'Records',
  summary: 'One record with its events and notices',
  description:
    'Masked. In clear only for keys with `records:reveal` that say why, in `reveal` or the `Kapi-Reveal-Reason` header (percent-encoded); each such reading is written to the audit chain before the answer. The ETag is the version for `If-Match`.',
  access: { scopes: ['records:read'] },
  load: 'read',
  params: numberPath,
  query: z.strictObject({ reveal: revealQuery }),
  body: noBody,
  answers: { 200: { description: 'The record.', schema: recordAnswer } },
  errors: ['not_found', 'forbidden'],
  examples: [
    { name: 'Masked', path: { number: exampleNumber }, status: 200 },
    {
      name: 'In clear',
      path: { number: exampleNumber },
      headers: { 'kapi-reveal-reason': 'yurttaş aranacak'.replaceAll('ş', '%C5%9F') },
      status: 200,
    },
    { name: 'No such record', path: { number: 'SOK-26-0009999-5' }, status: 404 },
  ],
  handle: async ({ params, query, request, actor, house }) => {
    const number = numberOf(params.number);
    const reason = revealReason(request, actor, query.reveal);
    const view = await house.gateway.reader.record({ number });
    if (view === undefined) throw new RefusedRequest('not_found', 'No record has this number.');
    if (reason !== undefined) await house.gateway.records.revealed(number, actor, reason);
    return ok(showRecord(view, reason === undefined ? 'masked' : 'full'), {
      etag: `"${view.record.version}"`,
    });
  },
});

/** A name that may be put in any header: quoted ASCII beside RFC 5987. */
const disposition = (name: string): string =>
  `attachment; filename="${name.replaceAll(/[^\x20-\x7e]|["\\]/g, '_')}"; filename*=UTF-8''${encodeURIComponent(name.toWellFormed())}`;

const attachment = defineRoute({
  method: 'GET',
  path: '/v1/records/{number}/attachments/{id}',
  tag: 'Records',
  summary: 'A file of a record',
  description:
    'A file cannot be masked: needs `records:reveal` and a reason, in `reveal` or the `Kapi-Reveal-Reason` header (percent-encoded), as a record in clear does; each access is written to the audit chain before the first byte.',
  access: { scopes: ['records:read', 'records:reveal'] },
  load: 'read',
  params: numberPath.extend({ id: z.string().max(200) }),
  query: z.strictObject({ reveal: revealQuery }),
  body: noBody,
  answers: { 200: { description: 'The bytes.', contentType: 'application/octet-stream' } },
  errors: ['not_found'],
  examples: [
    {
      name: 'A photo',
      path: { number: exampleNumber, id: 'att-1' },
      query: { reveal: 'keşif' },
      status: 200,
    },
    { name: 'Without a reason', path: { number: exampleNumber, id: 'att-1' }, status: 400 },
  ],
  handle: async ({ params, query, request, actor, reply, house }) => {
    const reason = revealReason(request, actor, query.reveal);
    if (reason === undefined)
      throw new RefusedRequest('invalid_request', 'A file cannot be masked: say why it must be seen.', {
        errors: [{ pointer: '/query/reveal', message: 'Give a reason of 3 to 500 characters.' }],
      });
    const number = numberOf(params.number);
    const file = await house.gateway.records.attachment(number, params.id, actor, reason);
    house.slowPeers.reads(reply.raw);
    return {
      status: 200,
      body: Readable.from(file.content),
      headers: {
        'content-type': /^[\w.+-]+\/[\w.+-]+$/.test(file.mediaType)
          ? file.mediaType
          : 'application/octet-stream',
        'content-length': String(file.bytes),
        'content-disposition': disposition(file.name),
        'content-security-policy': 'sandbox',
      },
    };
  },
});

// ------------------------------------------------------------------------------------------- search

function toLookups(search: SearchRequest): Lookup[] {
  const lookups: Lookup[] = [];
  if (search.phone !== undefined) {
    const phone = parsePhoneNumberFromString(search.phone, 'TR');
    if (phone === undefined) throw wrong('/phone', 'Not a telephone number.');
    lookups.push({ kind: 'phone', value: phone.number });
  }
  if (search.tckn !== undefined) lookups.push({ kind: 'tckn', value: search.tckn.replaceAll(/\D/g, '') });
  if (search.email !== undefined) lookups.push({ kind: 'email', value: search.email.toLowerCase() });
  if (search.handle !== undefined) lookups.push({ kind: 'handle', value: search.handle });
  if (lookups.length > 0) return lookups;
  if (search.name === undefined) throw wrong('', 'Give a phone, tckn, email, handle or name.');
  const name = nameLookup(search.name);
  if (name === undefined) throw wrong('/name', 'No word stands in it.');
  return [name];
}

const wrong = (pointer: string, message: string): RefusedRequest =>
  new RefusedRequest('invalid_request', message, { errors: [{ pointer, message }] });

const fold = (text: string): string => text.toLocaleLowerCase('tr').normalize('NFC').replaceAll(/\s+/g, ' ');

/** Part of a name is enough only for readers who see it: else it could be guessed letter by letter. */
function hasName(view: RecordView | undefined, name: string, revealed: boolean): boolean {
  const whole = view?.record.citizen.name ?? '';
  return sameName(whole, name) || (revealed && fold(whole).includes(fold(name)));
}

const search = defineRoute({
  method: 'POST',
  path: '/v1/records/search',
  tag: 'Records',
  summary: 'Find the records of a person',
  description:
    'By phone, TCKN, e-mail or handle (any that match); `name` narrows what they find: the whole name, or part of it where the key reveals. By `name` alone: the whole name, in any order of its words, with or without Turkish letters, never part of it. Confidential and anonymous records are left out, except for a key with `records:reveal` that says why.',
  access: { scopes: ['records:read'] },
  load: 'read',
  params: none,
  query: none,
  body: searchRequest,
  answers: { 200: { description: 'One page.', schema: pageOf(recordSummary) } },
  errors: ['forbidden'],
  examples: [
    { name: 'By telephone', body: { phone: '0532 123 45 67' }, status: 200 },
    { name: 'By the whole name', body: { name: 'Yılmaz Ayşe' }, status: 200 },
    { name: 'By nothing', body: {}, status: 400 },
  ],
  handle: async ({ body, request, actor, house }) => {
    const { reader, records } = house.gateway;
    const lookups = toLookups(body);
    const reason = revealReason(request, actor, undefined);
    const page = await reader.records({
      limit: body.limit,
      lookups,
      ...(reason === undefined && { openOnly: true }),
      ...(body.cursor !== undefined && { cursor: body.cursor }),
    });
    const { name } = body;
    const views =
      name === undefined
        ? undefined
        : await Promise.all(page.items.map(({ number }) => reader.record({ number })));
    const found = page.items.filter(
      (_, index) => name === undefined || hasName(views?.[index], name, reason !== undefined),
    );
    if (reason !== undefined) {
      await Promise.all(found.map(({ number }) => records.revealed(number, actor, reason)));
    }
    return ok({ items: found.map(showSummary), next: page.next });
  },
});

// ------------------------------------------------------------------------------------------- events

function expectedVersion({ request }: Call<unknown, unknown, EventSubmission>): number | undefined {
  const header = request.headers['if-match'];
  if (header === undefined || header === '*') return undefined;
  const version = /^(?:W\/)?"?(\d{1,15})"?$/.exec(header)?.[1];
  if (version === undefined) {
    throw new RefusedRequest('invalid_request', 'If-Match takes the version from the ETag.', {
      errors: [{ pointer: '/headers/if-match', message: 'Give the version, e.g. "3".' }],
    });
  }
  return Number(version);
}

const events = defineRoute({
  method: 'POST',
  path: '/v1/records/{number}/events',
  tag: 'Records',
  summary: 'Say what happened to a record',
  description:
    '`key` (or an `Idempotency-Key` header) makes a repeat harmless: the same answer with `duplicate: true`; with other content it is refused. `citizenText` goes to the citizen, `internalNote` never leaves the house.',
  access: { scopes: ['events'] },
  load: 'entrance',
  params: numberPath,
  query: none,
  body: eventSubmission,
  bodyLimit: (config) => config.limits.maxMessageBytes,
  answers: { 200: { description: 'Applied, durable.', schema: appliedEvent } },
  errors: ['not_found', 'illegal_transition', 'link_conflict', 'version_conflict', 'idempotency_conflict'],
  examples: [
    {
      name: 'Accepted',
      path: { number: exampleNumber },
      headers: { 'if-match': '"1"' },
      body: { key: 'ev-1', event: 'accepted' },
      status: 200,
    },
    {
      name: 'Another clerk was faster',
      path: { number: exampleNumber },
      headers: { 'if-match': '"1"' },
      body: { key: 'ev-2', event: 'in_progress', citizenText: 'Ekip yarın geliyor.' },
      status: 412,
    },
    {
      name: 'Not from here',
      path: { number: exampleNumber },
      body: { key: 'ev-3', event: 'restored' },
      status: 409,
    },
  ],
  handle: async (call) => {
    const { params, body, actor, request, house } = call;
    const header = request.headers['idempotency-key'];
    const key = body.key ?? (typeof header === 'string' && header !== '' ? header.slice(0, 255) : undefined);
    const applied = await house.gateway.records.apply(
      numberOf(params.number),
      { ...body, ...(key !== undefined && { key }) },
      actor,
      expectedVersion(call),
    );
    return ok(applied, { etag: `"${applied.version}"` });
  },
});

export const recordRoutes: readonly Route[] = [list, one, attachment, search, events];
