import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type AdapterContext,
  codeOf,
  type HttpRequest,
  type InboundMessage,
  type PushRequest,
  type StatusItem,
} from '@kapi/contract';
import {
  type Bytes,
  type CounterpartMood,
  type EnvelopeRow,
  type ReplyWorld,
  testAdapter,
} from '@kapi/contract/testing';
import twilio from 'twilio';
import { describe, expect, test } from 'vitest';
import { adapter } from './adapter.ts';
import { type Config, config as schema } from './config.ts';
import { fetch } from './parts.ts';
import { readForm } from './payload.ts';
import { makeReply, probe } from './reply.ts';
import { type Answer, startCounterpart } from './twilio-counterpart.ts';
import { flatten, verify } from './verify.ts';

const account = `AC${'0123456789abcdef'.repeat(2)}`;
const token = '5ecre7-5ecre7-5ecre7-5ecre7-5ecr';
const oldToken = '0ld5ec-0ld5ec-0ld5ec-0ld5ec-0ld5';
const raw = { accountSid: account, authTokens: [token, oldToken], from: '+908505550153' };
const publicOrigin = 'https://kapi.example.bel.tr';
const target = '/webhooks/sms-twilio/sms-153';

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);
const sid = (number: string, prefix = 'SM'): string => prefix + number.padStart(32, '0');
const form = 'application/x-www-form-urlencoded';

const row = (
  name: string,
  file: string,
  items: number,
  expected: EnvelopeRow['expected'],
  more: Partial<EnvelopeRow> = {},
): EnvelopeRow => ({
  name,
  contentType: file.endsWith('.json') ? 'application/json' : `${form}; charset=UTF-8`,
  body: fixture(file),
  items,
  expected,
  ...more,
});

const message = (key: string, text: string, more: Partial<InboundMessage> = {}): InboundMessage => ({
  key,
  channel: 'sms',
  sender: { id: '+905321234567', kind: 'phone', proven: true },
  text,
  attachments: [],
  ...more,
});

const wish = (key: string, kind: 'opt-out' | 'opt-in', word: string): StatusItem => ({
  key: `${key}/${kind}`,
  what: { kind, address: '+905321234567', word },
});

const mediaUrl = (message: string, medium: string): string =>
  `https://api.twilio.com/2010-04-01/Accounts/${account}/Messages/${message}/Media/${medium}`;

/** Twilio's own signing, by its own library. */
function sign({ publicUrl, headers, body, target }: PushRequest) {
  if (headers['content-type'] === 'application/json') {
    const hash = twilio.getExpectedBodyHash(new TextDecoder().decode(body));
    const signedTarget = `${target}?bodySHA256=${hash}`;
    const signature = twilio.getExpectedTwilioSignature(token, `${publicUrl}?bodySHA256=${hash}`, {});
    return { target: signedTarget, headers: { 'x-twilio-signature': signature } };
  }
  const signature = twilio.getExpectedTwilioSignature(token, publicUrl, objectOf(body));
  return { headers: { 'x-twilio-signature': signature } };
}

function objectOf(body: Uint8Array): Record<string, string | string[]> {
  const parameters: Record<string, string | string[]> = {};
  for (const [name, values] of readForm(body) ?? []) {
    const [first = ''] = values;
    parameters[name] = values.length === 1 ? first : [...values];
  }
  return parameters;
}

const counterparts: Readonly<Record<CounterpartMood, Answer | 'hang up' | undefined>> = {
  accept: undefined,
  throttle: { status: 429, code: 20429, retryAfter: '7' },
  fail: { status: 503, code: 20503 },
  reject: { status: 400, code: 21211 },
  unreachable: undefined,
  silent: 'hang up',
};

async function startReply(mood: CounterpartMood): Promise<ReplyWorld> {
  const counterpart = await startCounterpart(counterparts[mood]);
  if (mood === 'unreachable') await counterpart.stop();
  return {
    config: { ...raw, apiUrl: counterpart.url },
    sent: async () =>
      counterpart.sent.map(({ parameters }) => ({
        to: parameters.get('To') ?? '',
        text: parameters.get('Body') ?? '',
      })),
    stop: mood === 'unreachable' ? async () => undefined : counterpart.stop,
  };
}

testAdapter(adapter, {
  config: raw,
  envelopes: [
    row(
      'a message with Turkish letters, quotes and outer spaces',
      'message.form',
      1,
      {
        messages: [
          message(
            sid('101'),
            `  Ayşe Yılmaz 10000000146 Nilüfer'de çöp alınmıyor, "3 gündür" & kokuyor +artık İĞÜŞÖÇ ığüşöç 🙏 `,
          ),
        ],
      },
      { envelopeKey: sid('101') },
    ),
    row(
      'a message in JSON',
      'message.json',
      1,
      { messages: [message(sid('10b'), 'Ağaç devrildi')] },
      { envelopeKey: sid('10b') },
    ),
    row(
      'a photo and a video',
      'mms.form',
      1,
      {
        messages: [
          message(sid('102', 'MM'), 'Yol çöktü', {
            attachments: [
              { part: 'media-0', name: 'mms-1.jpg', mediaType: 'image/jpeg' },
              { part: 'media-1', name: 'mms-2.3gp', mediaType: 'video/3gpp' },
            ],
          }),
        ],
      },
      { parts: ['media-0', 'media-1'] },
    ),
    row(
      'media that was counted and not sent',
      'mms-lost.form',
      2,
      {
        messages: [
          message(sid('103', 'MM'), '', {
            attachments: [{ part: 'media-0', name: 'mms-1.png', mediaType: 'image/png' }],
          }),
        ],
        failed: [{ key: `${sid('103', 'MM')}/media-1`, code: 'payload_item' }],
      },
      { parts: ['media-0'], partState: 'pending' },
    ),
    row('STOP', 'stop.form', 2, {
      statuses: [wish(sid('104'), 'opt-out', 'STOP')],
      ignored: [{ key: sid('104'), reason: 'opt-out-word' }],
    }),
    row('İptal with a full stop', 'iptal.form', 2, {
      statuses: [wish(sid('105'), 'opt-out', 'İptal.')],
      ignored: [{ key: sid('105'), reason: 'opt-out-word' }],
    }),
    row('BAŞLA', 'start.form', 2, {
      statuses: [wish(sid('107'), 'opt-in', 'BAŞLA')],
      ignored: [{ key: sid('107'), reason: 'opt-out-word' }],
    }),
    row('a sentence that begins like a wish', 'dur-in-sentence.form', 1, {
      messages: [message(sid('106'), 'Dur bir dakika, çukur hâlâ açık')],
    }),
    row('YARDIM, which may be a cry for help', 'help.form', 1, { messages: [message(sid('108'), 'YARDIM')] }),
    row('a message from a short number', 'short-number.form', 1, {
      messages: [message(sid('109'), 'Kampanya', { sender: { id: '3838', kind: 'handle', proven: true } })],
    }),
    row('a message of another channel', 'whatsapp.form', 1, {
      failed: [{ key: sid('10a'), code: 'payload_item' }],
    }),
    row(
      'a report that a reply was sent',
      'status-sent.form',
      1,
      { statuses: [{ key: `${sid('201')}/sent`, what: { kind: 'report', ref: sid('201'), state: 'sent' } }] },
      { envelopeKey: `${sid('201')}/sent` },
    ),
    row(
      'a report that it was delivered',
      'status-delivered.form',
      1,
      {
        statuses: [
          { key: `${sid('201')}/delivered`, what: { kind: 'report', ref: sid('201'), state: 'delivered' } },
        ],
      },
      { envelopeKey: `${sid('201')}/delivered` },
    ),
    row('a report that it could not be delivered now', 'status-undelivered.form', 1, {
      statuses: [
        {
          key: `${sid('202')}/undelivered`,
          what: { kind: 'report', ref: sid('202'), state: 'failed', permanent: false, code: '30003' },
        },
      ],
    }),
    row('a report that the number takes no SMS', 'status-failed.form', 1, {
      statuses: [
        {
          key: `${sid('203')}/failed`,
          what: { kind: 'report', ref: sid('203'), state: 'failed', permanent: true, code: '30005' },
        },
      ],
    }),
    row('a report on the way', 'status-queued.form', 1, {
      ignored: [{ key: `${sid('201')}/queued`, reason: 'intermediate-status' }],
    }),
  ],
  malformed: [
    { name: 'a form without MessageSid', contentType: form, body: 'Body=merhaba&From=%2B905321234567' },
    { name: 'a form without From', contentType: form, body: `MessageSid=${sid('1')}&Body=merhaba` },
    {
      name: 'an id of another form',
      contentType: form,
      body: 'MessageSid=%27%3B+DROP+TABLE&From=%2B905321234567',
    },
    {
      name: 'a status that is no word',
      contentType: form,
      body: `MessageSid=${sid('1')}&MessageStatus=%3Cb%3E`,
    },
    { name: 'a form that is no UTF-8', contentType: form, body: Uint8Array.of(0x42, 0xfe, 0x3d) },
    { name: 'a JSON list', contentType: 'application/json', body: '[1]' },
    { name: 'JSON 10,000 deep', contentType: 'application/json', body: '['.repeat(10_000) },
    { name: 'half a JSON object', contentType: 'application/json', body: '{"MessageSid":"SM' },
  ],
  push: {
    target,
    publicOrigin,
    sign,
    proofHeader: 'x-twilio-signature',
    otherConfig: { ...raw, authTokens: ['an0ther-an0ther-an0ther-an0ther'] },
    staleAfterSeconds: null,
    coversUrl: true,
    covers: (body) => {
      const parameters = body[0] === 0x7b ? undefined : readForm(body);
      return parameters ? flatten(parameters) : Buffer.from(body).toString('hex');
    },
  },
  fetch: [
    {
      name: 'a photo',
      part: {
        key: 'media-0',
        kind: 'media',
        wait: 'optional',
        source: mediaUrl(sid('102', 'MM'), sid('1', 'ME')),
      },
      content: Uint8Array.of(0xff, 0xd8, 0xff),
      trustedHosts: ['api.twilio.com'],
    },
    {
      name: 'a photo from a stranger’s host',
      part: { key: 'media-0', kind: 'media', wait: 'optional', source: 'https://api.twilio.com.example/ME1' },
      content: Uint8Array.of(1),
      trustedHosts: ['api.twilio.com'],
    },
  ],
  reply: { to: '+905321234567', start: startReply },
});

const config: Config = schema.parse(raw);
const encode = (bytes: Bytes): Uint8Array => new TextEncoder().encode(String(bytes));

function request(publicUrl: string, body: string, signature: string): PushRequest {
  const url = new URL(publicUrl);
  return {
    method: 'POST',
    target: url.pathname + url.search,
    publicUrl,
    query: url.searchParams,
    headers: { 'content-type': form, 'x-twilio-signature': signature },
    body: encode(body),
    remoteAddress: '203.0.113.7',
  };
}

describe('the signature agrees with Twilio’s own validator', () => {
  const bodies = [
    ['plain', 'Body=merhaba&MessageSid=SM1'],
    ['Turkish letters and quotes', `Body=${encodeURIComponent(`İĞÜŞÖÇ ığüşöç 'tek' "çift" 🙏`)}&From=%2B90`],
    ['outer spaces', 'Body=++merhaba++&A=+'],
    ['empty values', 'Body=&ToZip=&ToCity='],
    ['a name twice, values out of order', 'B=2&A=1&B=1'],
    ['a name twice, the same value', 'B=1&A=1&B=1'],
    ['names that sort by code point', 'b=1&B=2&_=3&ş=4'],
    ['nothing', ''],
  ] as const;
  const urls = [
    ['plain', `${publicOrigin}${target}`],
    ['with a port', `https://kapi.example.bel.tr:8443${target}`],
    ['over http', `http://kapi.example.bel.tr${target}`],
    ['a query', `${publicOrigin}${target}?a=1&b=`],
    ['a quote in the query', `${publicOrigin}${target}?ad=O'Neil`],
    ['an escaped quote in the query', `${publicOrigin}${target}?ad=O%27Neil`],
    ['Turkish letters in the query', `${publicOrigin}${target}?yer=%C5%9Ei%C5%9Fli&il=Mu%C4%9Fla`],
    ['bare Turkish letters in the query', `${publicOrigin}${target}?yer=Şişli`],
    ['a user in the address', `https://kapi:gizli@kapi.example.bel.tr${target}`],
  ] as const;
  const signedUrls = (url: string): readonly string[] => {
    const withPort = url.replace(
      /(kapi\.example\.bel\.tr)(:\d+)?/,
      `$1${url.startsWith('https') ? ':443' : ':80'}`,
    );
    return [url, url.replace(/(bel\.tr):\d+/, '$1'), withPort, new URL(url).href, `${url}x`];
  };
  const vectors = urls.flatMap(([urlName, url]) =>
    bodies.flatMap(([bodyName, body]) =>
      signedUrls(url).flatMap((signedUrl) =>
        [token, oldToken].map((key) => ({ urlName, bodyName, url, body, signedUrl, key })),
      ),
    ),
  );

  test(`on ${vectors.length} vectors, genuine and not`, () => {
    const judged = new Set<boolean>();
    for (const { urlName, bodyName, url, body, signedUrl, key } of vectors) {
      const parameters = objectOf(encode(body));
      const signature = twilio.getExpectedTwilioSignature(key, signedUrl, parameters);
      const theirs = twilio.validateRequest(key, signature, url, parameters);
      const ours = verify(request(url, body, signature), { config }) === 'genuine';
      judged.add(ours);
      expect(ours, `${urlName}, ${bodyName}, signed as ${signedUrl}`).toBe(theirs);
    }
    expect(judged).toEqual(new Set([true, false]));
  });

  test('a value worked out by hand is genuine', () => {
    const data = `${publicOrigin}${target}A1B1B2`;
    const signature = createHmac('sha1', token).update(data).digest('base64');
    expect(verify(request(publicOrigin + target, 'B=2&A=1&B=1', signature), { config })).toBe('genuine');
  });

  const json = '{"Body":"Ağaç devrildi"}';
  const hash = twilio.getExpectedBodyHash(json);
  test.each([
    ['as sent', `?bodySHA256=${hash}`, json, 'genuine'],
    ['with one letter changed', `?bodySHA256=${hash}`, json.replace('A', 'a'), 'forged'],
    ['with the hash in capitals', `?bodySHA256=${hash.toUpperCase()}`, json, 'forged'],
    ['with two hashes', `?bodySHA256=${hash}&bodySHA256=${hash}`, json, 'forged'],
    ['without a hash', '', json, 'forged'],
  ])('a JSON body %s is %s', (_name, query, body, verdict) => {
    const url = `${publicOrigin}${target}${query}`;
    const signature = twilio.getExpectedTwilioSignature(token, url, {});
    expect(verify(request(url, body, signature), { config })).toBe(verdict);
  });

  test('a byte order mark before the body makes it another one', () => {
    const signature = twilio.getExpectedTwilioSignature(token, publicOrigin + target, { A: '1' });
    expect(verify(request(publicOrigin + target, 'A=1', signature), { config })).toBe('genuine');
    expect(verify(request(publicOrigin + target, '\ufeffA=1', signature), { config })).toBe('forged');
  });

  test('a GET is refused, for its content would be in no envelope', () => {
    const url = `${publicOrigin}${target}?Body=merhaba`;
    const signature = twilio.getExpectedTwilioSignature(token, url, {});
    expect(verify({ ...request(url, '', signature), method: 'GET' }, { config })).toBe('forged');
  });
});

const noHttp: AdapterContext<Config>['http'] = () => Promise.reject(new Error('no HTTP here'));

function context(own: Config, http = noHttp): AdapterContext<Config> {
  const quiet = () => undefined;
  return {
    account: 'sms-153',
    config: own,
    signal: new AbortController().signal,
    cursor: undefined,
    http,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    health: quiet,
  };
}

const at = (apiUrl: string): AdapterContext<Config> => context({ ...config, apiUrl });

const draft = {
  idempotencyKey: 'n1',
  to: '+905321234567',
  text: 'Başvurunuz alınmıştır: ğüşıöç',
  automatic: true,
  language: 'tr',
} as const;

describe('a reply', () => {
  const service = `MG${'a'.repeat(32)}`;
  test.each([
    ['a number', { from: '+908505550153' }, { From: '+908505550153' }],
    [
      'a messaging service with reports',
      { messagingServiceSid: service, statusCallbackUrl: publicOrigin + target },
      { MessagingServiceSid: service, StatusCallback: publicOrigin + target },
    ],
  ])('from %s says what Twilio’s API asks for', async (_name, own, parameters) => {
    const counterpart = await startCounterpart();
    const apiUrl = counterpart.url;
    try {
      const settings = schema.parse({ accountSid: account, authTokens: [token], apiUrl, ...own });
      const receipt = await makeReply().send(draft, context(settings));
      const [sent] = counterpart.sent;
      expect(receipt).toEqual({ ref: sent?.sid, warnings: [] });
      expect(Object.fromEntries(sent?.parameters ?? [])).toEqual({
        To: draft.to,
        Body: draft.text,
        ...parameters,
      });
      expect(sent?.authorization).toBe(`Basic ${Buffer.from(`${account}:${token}`).toString('base64')}`);
    } finally {
      await counterpart.stop();
    }
  });

  test('that is throttled says when to come again', async () => {
    const counterpart = await startCounterpart({ status: 429, code: 20429, retryAfter: '7' });
    try {
      const failure = makeReply().send(draft, at(counterpart.url));
      await expect(failure).rejects.toMatchObject({ code: 'provider_throttled', retryAfterMs: 7000 });
    } finally {
      await counterpart.stop();
    }
  });

  test('that is refused names the error code and not the number', async () => {
    const counterpart = await startCounterpart({ status: 400, code: 21610 });
    try {
      const failure = makeReply().send(draft, at(counterpart.url));
      await expect(failure).rejects.toThrow('Twilio refused the message: HTTP 400, error 21610');
    } finally {
      await counterpart.stop();
    }
  });

  test('without the twilio package says what to install', async () => {
    const missing = makeReply(() => Promise.reject(new Error('Cannot find package')));
    const failure: unknown = await missing.send(draft, context(config)).catch((thrown: unknown) => thrown);
    expect(codeOf(failure)).toBe('missing_dependency');
    expect(failure).toMatchObject({ message: expect.stringContaining('npm install twilio') });
  });

  test('is not found where two messages could be it', async () => {
    const counterpart = await startCounterpart();
    const own = at(counterpart.url);
    const ask = (text: string = draft.text) =>
      makeReply().lookup(
        { idempotencyKey: 'n1', to: draft.to, text, sentAfter: '2026-11-22T09:14:03.500+03:00' },
        own,
      );
    try {
      await makeReply().send(draft, own);
      expect(await ask()).toBe('sent');
      expect(await ask('Başka bir bildirim')).toBe('unknown');
      await makeReply().send(draft, own);
      expect(await ask()).toBe('unknown');
    } finally {
      await counterpart.stop();
    }
  });
});

test.each([
  ['an account in order', undefined, { ok: true, detail: 'The Twilio account is active.' }],
  [
    'a refused token',
    { status: 401, code: 20003 },
    { ok: false, detail: 'Twilio refused the message: HTTP 401, error 20003.' },
  ],
])('the probe tells of %s', async (_name, answer, result) => {
  const counterpart = await startCounterpart(answer);
  try {
    expect(await probe(at(counterpart.url))).toEqual(result);
  } finally {
    await counterpart.stop();
  }
});

test('media that moved to the content host is fetched there without credentials', async () => {
  const calls: { host: string; request: HttpRequest | undefined }[] = [];
  const moved = 'https://media.twiliocdn.example/ME1?token=x';
  const stream = await fetch(
    { key: 'media-0', kind: 'media', wait: 'optional', source: mediaUrl('MM1', 'ME1') },
    context(config, async (url, request) => {
      const first = calls.push({ host: new URL(url).host, request }) === 1;
      const content = encode('jpeg');
      return {
        status: first ? 307 : 200,
        headers: first ? { location: moved } : {},
        bytes: async () => content,
        text: async () => 'jpeg',
        stream: async function* () {
          yield content;
        },
      };
    }),
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe('jpeg');
  expect(calls.map(({ host, request }) => [host, request?.headers?.authorization !== undefined])).toEqual([
    ['api.twilio.com', true],
    ['media.twiliocdn.example', false],
  ]);
});

test.each([
  ['neither sender', { from: undefined }],
  ['both senders', { messagingServiceSid: `MG${'a'.repeat(32)}` }],
  ['three tokens', { authTokens: [token, token, token] }],
  ['an API in clear', { apiUrl: 'http://api.twilio.com' }],
  ['an unknown key', { authToken: token }],
])('a configuration with %s is refused', (_name, change) => {
  expect(schema.safeParse(clean({ ...raw, ...change })).success).toBe(false);
});

test('fixtures are forms as Twilio encodes them', () => {
  const text = readFileSync(fixture('message.form'), 'latin1');
  expect(text).toMatch(/^[\x21-\x7e]+$/);
});

function clean(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
}
