import net from 'node:net';
import type { Adapter, Normalized, PullSource, PushSource } from '@kapi/contract';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { run } from './adapter/check.ts';
import { healthy, normalize, placeOf, readPayload, rows, sign, untilAborted } from './adapter/planted.ts';
import { load } from './adapter/subject.ts';
import { type AdapterRows, adapterChecks, checkAdapter, testAdapter } from './adapter.ts';

testAdapter(healthy, rows);

type Planted = typeof healthy;
type Config = Parameters<Planted['normalize']>[2];

const [healthyPush, healthyPull] = healthy.sources;
const withPush = (change: Partial<PushSource<Config>>): Planted => ({
  ...healthy,
  sources: healthy.sources.map((source) => (source.kind === 'push' ? { ...source, ...change } : source)),
});
const withPull = (open: PullSource<Config>['open']): Planted => ({
  ...healthy,
  sources: healthy.sources.map((source) => (source.kind === 'pull' ? { kind: 'pull', open } : source)),
});
const withNormalize = (change: Planted['normalize']): Planted => ({ ...healthy, normalize: change });
const withItems = (change: (items: Normalized) => Normalized): Planted =>
  withNormalize(({ body }) => change(normalize(body)));
const withSend = (send: NonNullable<Planted['reply']>['send']): Planted => ({
  ...healthy,
  ...(healthy.reply ? { reply: { ...healthy.reply, send } } : {}),
});
const send = healthy.reply?.send ?? (() => Promise.reject(new Error('the healthy adapter replies')));
const capable = (change: Partial<Planted['capabilities']>): Planted => ({
  ...healthy,
  capabilities: { ...healthy.capabilities, ...change },
});
const emits = healthy.capabilities.emits;
const replies = healthy.capabilities.reply;

let counter = 0;

interface Plant {
  readonly defect: string;
  readonly caught: string;
  readonly adapter: Adapter;
  readonly rows?: AdapterRows;
}

const plants: readonly Plant[] = [
  { defect: 'an id in capitals', caught: 'identity', adapter: { ...healthy, id: 'Planted' } },
  { defect: 'a login that is a signature', caught: 'identity', adapter: capable({ origin: 'login' }) },
  { defect: 'no row for its replies', caught: 'missing-rows', adapter: healthy, rows: withoutReplyRows() },
  {
    defect: 'a config field without description',
    caught: 'undescribed-config',
    adapter: { ...healthy, config: healthy.config.extend({ place: z.string() }) },
  },
  {
    defect: 'a nested config field without description',
    caught: 'undescribed-config',
    adapter: {
      ...healthy,
      config: healthy.config.extend({ more: z.object({ depth: z.number() }).optional().describe('More') }),
    },
  },
  {
    defect: 'a secret without mark',
    caught: 'unmarked-secret',
    adapter: { ...healthy, config: healthy.config.extend({ apiToken: z.string().describe('A token') }) },
  },
  {
    defect: 'undeclared attachments',
    caught: 'undeclared-capability',
    adapter: capable({ emits: { ...emits, attachments: false } }),
  },
  { defect: 'an undeclared reply', caught: 'undeclared-capability', adapter: capable({ reply: false }) },
  {
    defect: 'an undeclared lookup',
    caught: 'undeclared-capability',
    adapter: capable({ reply: replies && { ...replies, lookup: false } }),
  },
  {
    defect: 'media without fetch',
    caught: 'missing-function',
    adapter: (({ fetch: _fetch, ...rest }) => rest)(healthy),
  },
  {
    defect: 'locations nobody has seen',
    caught: 'unshown-capability',
    adapter: capable({ emits: { ...emits, locations: true } }),
  },
  { defect: 'another channel', caught: 'undeclared-channel', adapter: { ...healthy, channels: ['sms'] } },
  {
    defect: 'a proof it does not have',
    caught: 'unproven-sender',
    adapter: capable({ senderProof: 'none' }),
  },
  {
    defect: 'a changed text',
    caught: 'wrong-items',
    adapter: withItems((items) => ({
      ...items,
      messages: items.messages.map((one) => ({ ...one, text: one.text.trim().toUpperCase() })),
    })),
  },
  {
    defect: 'a lost batch item',
    caught: 'lost-item',
    adapter: withItems((items) => ({ ...items, messages: items.messages.slice(0, 1) })),
  },
  {
    defect: 'an item in two lists',
    caught: 'repeated-key',
    adapter: withItems((items) => ({
      ...items,
      ignored: items.messages.map(({ key }) => ({ key, reason: 'own-loop' })),
    })),
  },
  {
    defect: 'an instant without offset',
    caught: 'unformed-item',
    adapter: withItems((items) => ({
      ...items,
      messages: items.messages.map((one) => ({ ...one, sentAt: '2026-11-22 09:14' })),
    })),
  },
  {
    defect: 'an attachment that is no part',
    caught: 'wrong-parts',
    adapter: { ...healthy, parts: () => [] },
  },
  {
    defect: 'a key by position',
    caught: 'order-in-key',
    adapter: withItems((items) => ({
      ...items,
      messages: items.messages.map((one, index) => ({ ...one, key: `${one.key}-${index}` })),
    })),
  },
  {
    defect: 'a random envelope key',
    caught: 'wrong-envelope-key',
    adapter: withPush({ envelopeKey: () => `k${++counter}` }),
  },
  {
    defect: 'one envelope key for all',
    caught: 'wrong-envelope-key',
    adapter: withPush({ envelopeKey: () => 'k' }),
  },
  {
    defect: 'a random key',
    caught: 'unstable-result',
    adapter: withItems((items) => ({
      ...items,
      messages: items.messages.map((one) => ({ ...one, key: `${one.key}-${Math.random()}` })),
    })),
  },
  {
    defect: 'a key that counts what was read before',
    caught: 'unstable-result',
    adapter: withItems((items) => ({
      ...items,
      messages: items.messages.map((one) => ({ ...one, key: `${one.key}-${++counter}` })),
    })),
  },
  {
    defect: 'a clock in normalize',
    caught: 'clock-in-normalize',
    adapter: withItems((items) => ({
      ...items,
      messages: items.messages.map((one) => ({ ...one, sentAt: new Date().toISOString() })),
    })),
  },
  {
    defect: 'a clock in a condition',
    caught: 'clock-in-normalize',
    adapter: withItems((items) => (Date.now() > Date.UTC(2030, 0) ? { ...items, messages: [] } : items)),
  },
  {
    defect: 'a network call in normalize, its failure swallowed',
    caught: 'network-in-normalize',
    adapter: withNormalize(({ body }) => {
      try {
        new net.Socket().on('error', () => undefined).connect({ path: '/nowhere/kapi.sock' });
      } catch {
        // The defect hides it.
      }
      return normalize(body);
    }),
  },
  {
    defect: 'a changed argument',
    caught: 'mutated-input',
    adapter: withNormalize((envelope) => {
      Object.assign(envelope.headers, { seen: 'yes' });
      return normalize(envelope.body);
    }),
  },
  {
    defect: 'changed bytes',
    caught: 'mutated-input',
    adapter: withNormalize(({ body }) => {
      const items = normalize(body);
      body.fill(0x20, 0, 0).copyWithin(0, 1, 2);
      return items;
    }),
  },
  {
    defect: 'a promise from normalize',
    caught: 'asynchronous-normalize',
    adapter: { ...healthy, normalize: asynchronous },
  },
  {
    defect: 'nonsense read as nothing',
    caught: 'nonsense-read',
    adapter: withNormalize(({ body }) => {
      try {
        return normalize(body);
      } catch {
        return { messages: [], statuses: [], ignored: [], failed: [] };
      }
    }),
  },
  {
    defect: 'a TypeError on malformed bytes',
    caught: 'foreign-error',
    adapter: withNormalize(({ body }) =>
      normalize(new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(body))))),
    ),
  },
  {
    defect: 'a RangeError only mutated bytes reach',
    caught: 'foreign-error',
    adapter: withItems((items) => {
      if (items.messages.length === 0 || items.failed.length > 0) throw new RangeError('unexpected');
      return items;
    }),
  },
  {
    defect: 'a repeated key only mutated bytes reach',
    caught: 'repeated-key-when-changed',
    adapter: withNormalize(({ body }) => ({
      messages: readPayload(body).map(({ id, from, text }) => ({
        key: id === '' || text.length > 9 ? 'long' : 'short',
        channel: 'telegram',
        sender: { id: from, kind: 'handle', proven: true },
        text,
        attachments: [],
      })),
      statuses: [],
      ignored: [],
      failed: [],
    })),
    rows: { ...rows, fuzz: { cases: 5_000 } },
  },
  { defect: 'a door that is shut', caught: 'genuine-refused', adapter: withPush({ verify: () => 'forged' }) },
  {
    defect: 'a body limit below real bodies',
    caught: 'genuine-refused',
    adapter: withPush({ maxBytes: 10 }),
  },
  {
    defect: 'a door that is open',
    caught: 'forged-accepted',
    adapter: withPush({ verify: () => 'genuine' }),
  },
  {
    defect: 'a signature compared without its case',
    caught: 'forged-accepted',
    adapter: withPush({
      verify: ({ headers, body }, { config }) =>
        String(headers['x-signature']).toLowerCase() === sign(config.apiToken, body) ? 'genuine' : 'forged',
    }),
  },
  {
    defect: 'a signature over half the body',
    caught: 'forged-accepted',
    adapter: withPush({
      verify: ({ headers, body }, { config }) =>
        headers['x-signature'] === sign(config.apiToken, body.subarray(0, body.length / 2))
          ? 'genuine'
          : 'forged',
    }),
    rows: {
      ...rows,
      ...(rows.push
        ? {
            push: {
              ...rows.push,
              sign: ({ body }) => ({
                headers: { 'x-signature': sign('a-long-secret-token', body.subarray(0, body.length / 2)) },
              }),
            },
          }
        : {}),
    },
  },
  {
    defect: 'a signed time nobody looks at',
    caught: 'stale-accepted',
    adapter: healthy,
    rows: { ...rows, ...(rows.push ? { push: { ...rows.push, staleAfterSeconds: 300 } } : {}) },
  },
  {
    defect: 'an exception at the door',
    caught: 'verify-throws',
    adapter: withPush({
      verify: (request, scope) => {
        if (request.headers['x-signature'] === undefined) throw new TypeError('no signature');
        return healthyPush?.kind === 'push' ? healthyPush.verify(request, scope) : 'forged';
      },
    }),
  },
  {
    defect: 'a set-up call nobody answers',
    caught: 'wrong-handshake',
    adapter: healthy,
    rows: {
      ...rows,
      ...(rows.push
        ? {
            push: {
              ...rows.push,
              handshakes: [
                {
                  name: 'a challenge',
                  request: { method: 'GET', target: '/x?c=1' },
                  expected: { status: 200, body: '1' },
                },
              ],
            },
          }
        : {}),
    },
  },
  {
    defect: 'a message it does not pull',
    caught: 'pull-incomplete',
    adapter: withPull(async function* ({ signal }) {
      await untilAborted(signal);
      yield* [];
    }),
    rows: { ...rows, ...(rows.pull ? { pull: hasty(rows.pull.start) } : {}) },
  },
  {
    defect: 'a mark before storage',
    caught: 'marked-before-settle',
    adapter: withPull(async function* ({ config, signal }) {
      const { waiting, marks } = placeOf(config.place);
      for (const envelope of waiting) {
        if (marks.includes(envelope.key)) continue;
        marks.push(envelope.key);
        yield { envelopes: [envelope], settle: async () => undefined };
      }
      await untilAborted(signal);
    }),
  },
  {
    defect: 'a mark on what was left',
    caught: 'left-was-marked',
    adapter: withPull(marking((marks, key) => void marks.push(key))),
  },
  {
    defect: 'a mark made twice',
    caught: 'marked-twice',
    adapter: withPull(marking((marks, key, stored) => void (stored && marks.push(key, key)))),
  },
  {
    defect: 'a mark never made',
    caught: 'marked-twice',
    adapter: withPull(marking(() => undefined)),
  },
  {
    defect: 'a source deaf to the abort',
    caught: 'ignores-abort',
    adapter: withPull(async function* (context) {
      if (healthyPull?.kind === 'pull') {
        for await (const batch of healthyPull.open({ ...context, signal: AbortSignal.abort() })) yield batch;
      }
      await new Promise(() => undefined);
    }),
  },
  {
    defect: 'fetched bytes that are cut',
    caught: 'wrong-fetch',
    adapter: {
      ...healthy,
      fetch: async (_ref, { http }) => {
        const response = await http('https://media.planted.example/1');
        if (response.status !== 200) throw new Error('status');
        return cut(response.stream());
      },
    },
  },
  {
    defect: 'an error page taken for media',
    caught: 'wrong-fetch-error',
    adapter: { ...healthy, fetch: async (ref, { http }) => (await http(ref.source ?? '')).stream() },
  },
  {
    defect: 'a token sent to a stranger',
    caught: 'credentials-to-stranger',
    adapter: healthy,
    rows: {
      ...rows,
      fetch: (rows.fetch ?? []).map((row) => ({ ...row, trustedHosts: ['api.planted.example'] })),
    },
  },
  {
    defect: 'an empty receipt',
    caught: 'wrong-receipt',
    adapter: withSend(async (draft, context) => ({ ...(await send(draft, context)), ref: '' })),
  },
  {
    defect: 'every failure made final',
    caught: 'wrong-reply-error',
    adapter: withSend(async (draft, context) => {
      try {
        return await send(draft, context);
      } catch {
        throw Object.assign(new Error('no'), { code: 'provider_rejected' });
      }
    }),
  },
  {
    defect: 'a silence taken for a refusal to connect',
    caught: 'unknown-fate-repeatable',
    adapter: withSend(async (draft, context) => {
      try {
        return await send(draft, context);
      } catch {
        throw Object.assign(new Error('again'), { code: 'provider_unavailable' });
      }
    }),
  },
  {
    defect: 'a promise of once that is not kept',
    caught: 'not-idempotent',
    adapter: capable({ reply: replies && { ...replies, idempotent: true } }),
  },
  {
    defect: 'a lookup that finds everything',
    caught: 'wrong-lookup',
    adapter: { ...healthy, reply: { send, lookup: async () => 'sent' } },
  },
  {
    defect: 'a secret in a log',
    caught: 'secret-in-log',
    adapter: withSend((draft, context) => {
      context.log.info(
        { auth: Buffer.from(`user:${context.config.apiToken}`).toString('base64') },
        'sending',
      );
      return send(draft, context);
    }),
  },
  {
    defect: 'a secret printed while reading',
    caught: 'secret-in-log',
    adapter: withNormalize(({ body }, _parts, config) => {
      console.log(`token ${config.apiToken}`);
      return normalize(body);
    }),
  },
  {
    defect: 'a secret in the cause of an error',
    caught: 'secret-in-error',
    adapter: withSend(async (draft, context) => {
      try {
        return await send(draft, context);
      } catch (thrown) {
        if (thrown instanceof Error) thrown.cause = { headers: { authorization: context.config.apiToken } };
        throw thrown;
      }
    }),
  },
  {
    defect: 'a secret in a receipt',
    caught: 'secret-in-result',
    adapter: withSend(async (draft, context) => ({
      ...(await send(draft, context)),
      warnings: [context.config.apiToken],
    })),
  },
];

describe('the adapter kit', () => {
  test('finds nothing in a healthy adapter', async () =>
    expect(await checkAdapter(healthy, rows)).toEqual([]));

  test.each(plants)('catches $defect as $caught', async ({ adapter, caught, rows: own }) => {
    const check = adapterChecks.find(({ id }) => id === caught);
    const findings = check ? await run(check, await load(adapter, own ?? rows)) : [];
    expect(findings.map((finding) => finding.check)).toContain(caught);
  });

  test('has a planted defect for every check', () => {
    const caught = new Set(plants.map((plant) => plant.caught));
    expect(adapterChecks.map((check) => check.id).filter((id) => !caught.has(id))).toEqual([]);
  });

  test('names every check once', () => {
    const ids = adapterChecks.map((check) => check.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

function withoutReplyRows(): AdapterRows {
  const { reply: _reply, ...rest } = rows;
  return rest;
}

function hasty(start: NonNullable<AdapterRows['pull']>['start']): NonNullable<AdapterRows['pull']> {
  return { start, patienceMs: 20 };
}

function marking(mark: (marks: string[], key: string, stored: boolean) => void): PullSource<Config>['open'] {
  return async function* ({ config, signal }) {
    const { waiting, marks } = placeOf(config.place);
    for (const envelope of waiting) {
      if (marks.includes(envelope.key)) continue;
      yield {
        envelopes: [envelope],
        settle: async ([outcome]) => mark(marks, envelope.key, outcome === 'stored'),
      };
    }
    await untilAborted(signal);
  };
}

async function* cut(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield chunk.subarray(1);
}

/** What an adapter in plain JavaScript may do and the types forbid. */
function asynchronous(...[{ body }]: Parameters<Planted['normalize']>): Normalized {
  return Object.assign(Promise.resolve(normalize(body)), normalize(body));
}
