import { readFileSync } from 'node:fs';
import type { InboundMessage, PushRequest, StatusItem } from '@kapi/contract';
import { type CounterpartMood, type EnvelopeRow, type ReplyWorld, testAdapter } from '@kapi/contract/testing';
import twilio from 'twilio';
import { expect, test } from 'vitest';
import { adapter } from './adapter.ts';
import { config as schema } from './config.ts';
import { readForm, sweptType } from './payload.ts';
import { startMessagesList } from './testing/messages-list.ts';
import { form, mediaUrl, objectOf, publicOrigin, raw, sid, target, token } from './testing/samples.ts';
import { type Answer, startCounterpart } from './twilio-counterpart.ts';
import { flatten } from './verify.ts';

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

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

/** As the sweep stores it. */
const swept = (
  name: string,
  file: string,
  items: number,
  expected: EnvelopeRow['expected'],
  more: Partial<EnvelopeRow> = {},
): EnvelopeRow => row(name, file, items, expected, { source: 'pull', contentType: sweptType, ...more });

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
    row(
      'a report that it was blocked, which may be no more than a phone without signal',
      'status-blocked.form',
      1,
      {
        statuses: [
          {
            key: `${sid('204')}/undelivered`,
            what: { kind: 'report', ref: sid('204'), state: 'failed', permanent: false, code: '30004' },
          },
        ],
      },
    ),
    row('a report that the number takes no SMS', 'status-failed.form', 1, {
      statuses: [
        {
          key: `${sid('203')}/failed`,
          what: { kind: 'report', ref: sid('203'), state: 'failed', permanent: true, code: '30005' },
        },
      ],
    }),
    swept('a message that no webhook brought', 'swept-message.json', 1, {
      messages: [
        message(
          sid('101'),
          `  Ayşe Yılmaz 10000000146 Nilüfer'de çöp alınmıyor, "3 gündür" & kokuyor +artık İĞÜŞÖÇ ığüşöç 🙏 `,
        ),
      ],
    }),
    swept(
      'a swept photo and video',
      'swept-mms.json',
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
      // The order of the list is the order of the names; of the items it changes nothing.
      { parts: ['media-0', 'media-1'], reordered: false },
    ),
    swept(
      'swept media that was counted and is gone',
      'swept-mms-lost.json',
      2,
      {
        messages: [
          message(sid('103', 'MM'), '', {
            attachments: [{ part: 'media-0', name: 'mms-1.png', mediaType: 'image/png' }],
          }),
        ],
        failed: [{ key: `${sid('103', 'MM')}/media-1`, code: 'payload_item' }],
      },
      { parts: ['media-0'] },
    ),
    swept('a swept STOP', 'swept-stop.json', 2, {
      statuses: [wish(sid('104'), 'opt-out', 'STOP')],
      ignored: [{ key: sid('104'), reason: 'opt-out-word' }],
    }),
    swept('a swept message of another channel', 'swept-whatsapp.json', 1, {
      failed: [{ key: sid('10a'), code: 'payload_item' }],
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
    { name: 'a swept list', contentType: sweptType, body: '[]' },
    { name: 'a swept message without id', contentType: sweptType, body: '{"message":{},"media_list":[]}' },
    {
      name: 'a swept message without sender',
      contentType: sweptType,
      body: `{"message":{"sid":"${sid('1')}","from":null,"body":"x"},"media_list":[]}`,
    },
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
      mayComeLate: true,
    },
    {
      name: 'a photo from a stranger’s host',
      part: { key: 'media-0', kind: 'media', wait: 'optional', source: 'https://api.twilio.com.example/ME1' },
      content: Uint8Array.of(1),
      trustedHosts: ['api.twilio.com'],
      mayComeLate: true,
    },
  ],
  pull: {
    async start() {
      const at = new Date();
      const list = await startMessagesList(
        [
          { sid: sid('301'), at },
          { sid: sid('302', 'MM'), at, media: [{ sid: sid('1', 'ME'), contentType: 'image/jpeg' }] },
          { sid: sid('303'), at, body: 'STOP' },
        ],
        2,
      );
      return {
        config: { ...raw, apiUrl: list.url },
        expectedKeys: list.kept.map((kept) => kept.sid),
        marks: async () => null,
        stop: list.stop,
      };
    },
  },
  reply: { to: '+905321234567', start: startReply },
});

test.each([
  ['neither sender', { from: undefined }],
  ['both senders', { messagingServiceSid: `MG${'a'.repeat(32)}` }],
  ['three tokens', { authTokens: [token, token, token] }],
  ['a messaging service of unknown numbers', { from: undefined, messagingServiceSid: `MG${'a'.repeat(32)}` }],
  ['a name as sender and no numbers', { from: 'BURSA' }],
  ['a number that is none', { numbers: ['0532 123'] }],
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
