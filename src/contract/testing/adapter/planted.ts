import { createHmac } from 'node:crypto';
import {
  type Adapter,
  defineAdapter,
  type HttpClient,
  type Normalized,
  PayloadError,
  type PulledEnvelope,
  RejectedError,
  TransientError,
} from '@kapi/contract';
import { z } from 'zod';
import type { AdapterRows, CounterpartMood, PullWorld, ReplyWorld } from './rows.ts';

/** A small adapter with every side, kept well; the kit's own tests plant defects into it. */

const config = z.strictObject({
  apiToken: z.string().describe('Signs webhooks and opens the API').meta({ secret: true }),
  place: z.string().describe('Name of the source in this test'),
});
type Config = z.output<typeof config>;

const payload = z.array(
  z.object({ id: z.string().min(1), from: z.string(), text: z.string(), photo: z.string().optional() }),
);

export function readPayload(body: Uint8Array): z.output<typeof payload> {
  let value: unknown;
  try {
    if (body.length > 10_000) throw new RangeError('long');
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new PayloadError('payload_unreadable', 'not JSON');
  }
  const parsed = payload.safeParse(value);
  if (!parsed.success) throw new PayloadError('payload_unreadable', 'not a list of messages');
  return parsed.data;
}

export function normalize(body: Uint8Array): Normalized {
  const messages: Normalized['messages'][number][] = [];
  const failed: Normalized['failed'][number][] = [];
  const seen = new Set<string>();
  for (const [index, { id, from, text, photo }] of readPayload(body).entries()) {
    if (seen.has(id) || id.trim() !== id || id.length > 512 || !/^\S+$/.test(from)) {
      failed.push({
        key: `#${index} ${id.length}`,
        code: 'payload_item',
        detail: 'no id of its own, or no sender',
      });
      continue;
    }
    seen.add(id);
    messages.push({
      key: id,
      channel: 'telegram',
      sender: { id: from, kind: 'handle', proven: true },
      text,
      attachments:
        photo === undefined ? [] : [{ part: `${id}/photo`, name: 'photo', mediaType: 'image/jpeg' }],
    });
  }
  return { messages, statuses: [], ignored: [], failed };
}

export const sign = (token: string, body: Uint8Array): string =>
  createHmac('sha256', token).update(body).digest('hex');

interface Place {
  readonly waiting: readonly PulledEnvelope[];
  readonly marks: string[];
}
const places = new Map<string, Place>();
export const placeOf = (name: string): Place => places.get(name) ?? { waiting: [], marks: [] };

async function failingUnless(
  response: Promise<{ readonly status: number; text(): Promise<string> }>,
): Promise<string> {
  const { status, text } = await response;
  if (status === 429) throw new TransientError('provider_throttled', 'slow down');
  if (status >= 500) throw new TransientError('provider_unavailable', 'failing');
  if (status >= 400) throw new RejectedError('provider_rejected', 'refused');
  return text();
}

export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

export const healthy: Adapter<Config> = defineAdapter({
  id: 'planted',
  channels: ['telegram'],
  config,
  capabilities: {
    emits: { attachments: true, locations: false, statuses: false, revisions: false },
    origin: 'signature',
    senderProof: 'account',
    retries: 'provider',
    settles: true,
    abroad: false,
    reply: {
      addresses: 'handle',
      attachments: false,
      maxCharacters: null,
      reports: false,
      lookup: true,
      idempotent: false,
    },
  },
  sources: [
    {
      kind: 'push',
      maxBytes: 10_000,
      verify({ headers, body }, { config }) {
        const offered = headers['x-signature'];
        return typeof offered === 'string' && offered === sign(config.apiToken, body) ? 'genuine' : 'forged';
      },
      envelopeKey: ({ body }) => sign('key', body),
    },
    {
      kind: 'pull',
      async *open({ config, signal }) {
        const { waiting, marks } = placeOf(config.place);
        for (const envelope of waiting) {
          if (marks.includes(envelope.key)) continue;
          yield {
            envelopes: [envelope],
            async settle([outcome]) {
              if (outcome === 'stored') marks.push(envelope.key);
            },
          };
        }
        await untilAborted(signal);
      },
    },
  ],
  parts: ({ body }) =>
    readPayload(body).flatMap(({ id, photo }) =>
      photo === undefined ? [] : [{ key: `${id}/photo`, kind: 'media', wait: 'optional', source: photo }],
    ),
  async fetch({ source }, { http, config }) {
    const response = await http(source ?? '', { headers: { authorization: `Bearer ${config.apiToken}` } });
    await failingUnless(Promise.resolve(response));
    return response.stream();
  },
  normalize: ({ body }) => normalize(body),
  reply: {
    async send({ to, text }, { http }) {
      const body = JSON.stringify({ to, text });
      return {
        ref: await failingUnless(http('https://api.planted.example/send', { method: 'POST', body })),
        warnings: [],
      };
    },
    async lookup({ ref }, { http }) {
      const found = await failingUnless(http(`https://api.planted.example/message?ref=${ref ?? ''}`));
      return found === 'sent' ? 'sent' : 'unknown';
    },
  },
});

const envelope = (key: string): PulledEnvelope => ({
  key,
  contentType: 'application/json',
  headers: {},
  body: new TextEncoder().encode(`[{"id":"${key}","from":"ayse","text":"çukur"}]`),
});

const raw = { apiToken: 'a-long-secret-token', place: 'nowhere' };
let opened = 0;

async function startPlace(): Promise<PullWorld> {
  const name = `place-${++opened}`;
  const place: Place = { waiting: [envelope('p1'), envelope('p2')], marks: [] };
  places.set(name, place);
  return {
    config: { ...raw, place: name },
    expectedKeys: ['p1', 'p2'],
    marks: async () => [...place.marks],
    stop: async () => void places.delete(name),
  };
}

const statusOf: Readonly<Record<CounterpartMood, number>> = {
  accept: 200,
  throttle: 429,
  fail: 500,
  reject: 400,
  unreachable: 0,
  silent: 0,
};

async function startCounterpart(mood: CounterpartMood): Promise<ReplyWorld> {
  const sent: { to: string; text: string }[] = [];
  const http: HttpClient = async (url, request) => {
    if (mood === 'unreachable') throw new TransientError('provider_unavailable', 'no connection');
    let answer = 'ref-1';
    if (request?.method === 'POST') {
      if (mood === 'accept' || mood === 'silent') {
        const { to, text } = JSON.parse(String(request.body));
        sent.push({ to, text });
      }
    } else answer = sent.length > 0 && new URL(url).searchParams.get('ref') === 'ref-1' ? 'sent' : 'none';
    if (mood === 'silent') throw new Error('hung up');
    const status = statusOf[mood];
    const bytes = new TextEncoder().encode(answer);
    return {
      status,
      headers: {},
      bytes: async () => bytes,
      text: async () => answer,
      stream: async function* () {},
    };
  };
  return { config: raw, http, sent: async () => sent, stop: async () => undefined };
}

const message = (key: string, from: string, text: string, photo = false) => ({
  key,
  channel: 'telegram' as const,
  sender: { id: from, kind: 'handle' as const, proven: true },
  text,
  attachments: photo ? [{ part: `${key}/photo`, name: 'photo', mediaType: 'image/jpeg' }] : [],
});

export const rows: AdapterRows = {
  config: raw,
  envelopes: [
    {
      name: 'two messages at once',
      contentType: 'application/json',
      body: '[{"id":"m1","from":"ayse","text":"çukur var"},{"id":"m2","from":"ali","text":"ışık yanmıyor"}]',
      items: 2,
      expected: { messages: [message('m1', 'ayse', 'çukur var'), message('m2', 'ali', 'ışık yanmıyor')] },
    },
    {
      name: 'a photo',
      contentType: 'application/json',
      body: '[{"id":"m3","from":"ayse","text":"","photo":"https://media.planted.example/1"}]',
      items: 1,
      expected: { messages: [message('m3', 'ayse', '', true)] },
      parts: ['m3/photo'],
    },
  ],
  malformed: [
    { name: 'no JSON', contentType: 'application/json', body: 'id=1' },
    { name: 'no list', contentType: 'application/json', body: '{"id":"1"}' },
  ],
  push: {
    target: '/webhooks/planted/kit',
    sign: ({ body }) => ({ headers: { 'x-signature': sign(raw.apiToken, body) } }),
    proofHeader: 'x-signature',
    otherConfig: { ...raw, apiToken: 'another-secret-token' },
    staleAfterSeconds: null,
    coversUrl: false,
  },
  pull: { start: startPlace },
  fetch: [
    {
      name: 'a photo',
      part: { key: 'm3/photo', kind: 'media', wait: 'optional', source: 'https://media.planted.example/1' },
      content: Uint8Array.of(0xff, 0xd8, 0xff),
      trustedHosts: ['media.planted.example'],
    },
  ],
  reply: { to: 'ayse', start: startCounterpart },
  fuzz: { cases: 500 },
};
