import { Readable } from 'node:stream';
import {
  batchLine,
  type FieldError,
  type MessageReceipt,
  type MessageSubmission,
  messageReceipt,
  messageSubmission,
  previewAnswer,
  RefusedRequest,
  rawPreview,
} from '@kapi/contract';
import { z } from 'zod';
import type { Actor, Gateway } from '../../intake/gateway.ts';
import { bodyOf, lines, metered, refuseDeclared } from '../body-stream.ts';
import { parseJson } from '../json-body.ts';
import { toProblem } from '../problem.ts';
import { type Answer, defineRoute, type House, none, parse, type Route } from '../route.ts';

const keyHeader = 'idempotency-key';

/** `sourceId` where there is one: it names the message in the sender's own books; else the header. */
function idempotencyKey(
  sourceId: string | undefined,
  header: string | string[] | undefined,
): string | undefined {
  const key = sourceId ?? (typeof header === 'string' ? header.trim() : undefined);
  return key === undefined || key === '' || key.length > 255 ? undefined : key;
}

const blank = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && value.trim() === '');
const empty = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.length === 0);

/** What one message must have beyond its schema. */
function lacks(body: unknown, header: string | string[] | undefined): FieldError[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return [];
  const { sourceId, text, attachments } = body as Partial<Record<keyof MessageSubmission, unknown>>;
  return [
    ...(sourceId === undefined && idempotencyKey(undefined, header) === undefined
      ? [{ pointer: '/sourceId', message: 'Give a sourceId, or an Idempotency-Key header (≤ 255).' }]
      : []),
    ...(blank(text) && empty(attachments)
      ? [{ pointer: '/text', message: 'Give a text or at least one attachment.' }]
      : []),
  ];
}

function receive(
  gateway: Gateway,
  submission: MessageSubmission,
  header: string | string[] | undefined,
  actor: Actor,
): Promise<MessageReceipt> {
  return gateway.entrance.receive(submission, idempotencyKey(submission.sourceId, header) ?? '', actor);
}

const exampleMessage = {
  sourceId: 'CC-2026-99812',
  channel: 'phone',
  occurredAt: '2026-11-22T09:14:03+03:00',
  citizen: { name: 'Ayşe Yılmaz', phone: '0532 123 45 67', preferredReply: 'sms', language: 'tr' },
  applicationType: 'complaint',
  subject: 'Çukur',
  text: 'Sokağımızda iki haftadır kapatılmayan bir çukur var, motosikletler düşüyor.',
  place: { district: 'Nilüfer', neighbourhood: 'Görükle', text: 'okulun arkası' },
};

const messages = defineRoute({
  method: 'POST',
  path: '/v1/messages',
  tag: 'Intake',
  summary: 'Hand in one message',
  description:
    'The answer is given after message and record are durable. A repeat under the same `sourceId` (or `Idempotency-Key` header) and account is answered 200 with `duplicate: true` and the same number.',
  access: { scopes: ['intake'] },
  load: 'entrance',
  params: none,
  query: none,
  body: messageSubmission,
  needs: (body, headers) => lacks(body, headers[keyHeader]),
  bodyLimit: (config) => config.limits.maxMessageBytes,
  answers: {
    202: { description: 'Accepted: durable, with its number.', schema: messageReceipt },
    200: { description: 'Had been accepted before.', schema: messageReceipt },
  },
  errors: ['idempotency_conflict', 'unknown_upload', 'unknown_account', 'wrong_account'],
  examples: [
    { name: 'A call taken by a clerk', body: exampleMessage, status: 202 },
    { name: 'The same call again', body: exampleMessage, status: 200 },
    {
      name: 'A key in the header',
      headers: { 'idempotency-key': '0f6c0b3e' },
      body: { channel: 'web', text: 'Parkta banklar kırık.' },
      status: 202,
    },
    { name: 'A field is wrong', body: { sourceId: 'x-1', channel: 'fax', text: '…' }, status: 400 },
  ],
  handle: async ({ body, request, actor, house }) => {
    const receipt = await receive(house.gateway, body, request.headers[keyHeader], actor);
    return { status: receipt.duplicate ? 200 : 202, body: receipt };
  },
});

// ------------------------------------------------------------------------------------------- batch

const ndjson = 'application/x-ndjson';
const inFlight = 64;
const maxArrayItems = 1000;

/** One line of the answer; what goes wrong with one item stays with it. */
async function receiveItem(house: House, index: number, read: () => unknown, actor: Actor): Promise<unknown> {
  try {
    const item = read();
    const submission = parse(messageSubmission, item, '', lacks(item, undefined));
    const receipt = await receive(house.gateway, submission, undefined, actor);
    return { ...receipt, index };
  } catch (thrown) {
    const { problem, fault } = toProblem(thrown, `/v1/messages/batch#${index}`);
    if (fault) house.log.error({ err: thrown, index }, 'batch item failed');
    return { index, error: problem };
  }
}

/** Answers in order, with a bounded number of items under way; all of them before an error of the source. */
async function* inOrder<T>(
  items: AsyncIterable<T> | Iterable<T>,
  answer: (item: T, index: number) => Promise<unknown>,
): AsyncGenerator<unknown> {
  const pending: Promise<unknown>[] = [];
  let index = 0;
  let broken: { readonly by: unknown } | undefined;
  try {
    for await (const item of items) {
      pending.push(answer(item, index++));
      if (pending.length >= inFlight) yield await pending.shift();
    }
  } catch (thrown) {
    broken = { by: thrown };
  }
  for (const last of pending) yield await last;
  if (broken) yield { index, error: toProblem(broken.by, '/v1/messages/batch').problem };
}

/** @throws RefusedRequest `body_too_large` at the first item past `max` */
async function* atMost<T>(items: AsyncIterable<T>, max: number): AsyncGenerator<T> {
  let count = 0;
  for await (const item of items) {
    if (++count > max) {
      throw new RefusedRequest('body_too_large', `At most ${max} items are accepted at once.`);
    }
    yield item;
  }
}

async function* answerLines(
  house: House,
  body: AsyncIterable<Uint8Array>,
  actor: Actor,
): AsyncGenerator<string> {
  const { maxBatchBytes, maxBatchItems, maxMessageBytes } = house.config.limits;
  const items = atMost(lines(metered(body, maxBatchBytes), maxMessageBytes), maxBatchItems);
  const answers = inOrder(items, (line, index) => receiveItem(house, index, () => parseJson(line), actor));
  for await (const answer of answers) yield `${JSON.stringify(answer)}\n`;
}

const batch = defineRoute({
  method: 'POST',
  path: '/v1/messages/batch',
  tag: 'Intake',
  summary: 'Hand in many messages',
  description: `An array (up to ${maxArrayItems}) answered as \`{"results": […]}\`, or NDJSON (\`${ndjson}\`), streamed, answered with one line per line, in order, at the latest at the end of the body. Each item succeeds or fails alone; each needs a \`sourceId\`.`,
  access: { scopes: ['intake'] },
  load: 'entrance',
  params: none,
  query: none,
  body: z.union([z.array(z.unknown()).min(1).max(maxArrayItems), z.undefined()]),
  rawBody: [ndjson, 'application/jsonl'],
  bodyLimit: (config) => config.limits.maxMessageBytes * 8,
  answers: {
    200: { description: 'One result per item.', schema: z.strictObject({ results: z.array(batchLine) }) },
  },
  errors: [],
  examples: [
    {
      name: 'Two good ones and a bad one',
      body: [
        { sourceId: 'B-1', channel: 'sms', text: 'Çöp alınmadı' },
        { sourceId: 'B-2', channel: 'cimer', text: 'Teşekkür ederim.', applicationType: 'thanks' },
        { sourceId: 'B-3', channel: 'sms' },
      ],
      status: 200,
    },
  ],
  handle: async ({ body, actor, request, house }): Promise<Answer> => {
    if (body !== undefined) {
      const results: unknown[] = [];
      for await (const result of inOrder(body, (item, index) =>
        receiveItem(house, index, () => item, actor),
      )) {
        results.push(result);
      }
      return { status: 200, body: { results } };
    }
    if (!/^application\/(x-ndjson|jsonl)\b/i.test(request.headers['content-type'] ?? '')) {
      throw new RefusedRequest('invalid_request', 'The body is empty.', {
        errors: [{ pointer: '', message: 'Give an array of messages or NDJSON.' }],
      });
    }
    refuseDeclared(request.headers['content-length'], house.config.limits.maxBatchBytes);
    house.slowPeers.long(request.raw);
    return {
      status: 200,
      headers: { 'content-type': `${ndjson}; charset=utf-8` },
      body: Readable.from(answerLines(house, bodyOf(request.raw), actor)),
    };
  },
});

// ------------------------------------------------------------------------------------------- preview

const preview = defineRoute({
  method: 'POST',
  path: '/v1/preview',
  tag: 'Intake',
  summary: 'See what would become of a message; nothing is stored',
  access: { scopes: ['intake'] },
  load: 'read',
  params: none,
  query: none,
  body: z.unknown(),
  bodyLimit: () => 36 * 1024 * 1024,
  answers: {
    200: { description: 'Messages, statuses, ignored, failed and records.', schema: previewAnswer },
  },
  errors: ['unknown_account', 'payload_unreadable'],
  examples: [{ name: 'A message', body: { ...exampleMessage, sourceId: 'P-1' }, status: 200 }],
  handle: async ({ body, actor, house }) => {
    // Chosen by hand, so that the errors are those of the shape that was meant.
    const raw = typeof body === 'object' && body !== null && 'adapter' in body;
    const request = raw ? parse(rawPreview, body) : parse(messageSubmission, body);
    return { status: 200, body: await house.gateway.entrance.preview(request, actor) };
  },
});

export const messageRoutes: readonly Route[] = [messages, batch, preview];
