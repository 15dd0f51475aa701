import { signedForm } from './driver.ts';
import { twilio } from './gateway.ts';
import { type Call, json } from './http.ts';

const sane = { sourceId: 'h', channel: 'phone', text: 'Su yok.' };
const deep = (depth: number, open: string, close: string) => `${open.repeat(depth)}1${close.repeat(depth)}`;

/** Bodies of `POST /v1/messages`, as bytes. */
export const bodies: readonly (readonly [name: string, body: string | Uint8Array])[] = [
  ['nothing', ''],
  ['a space', ' '],
  ['null', 'null'],
  ['a number', '1e999'],
  ['a list', '[]'],
  ['cut off', '{"channel":"phone","text":"Su'],
  ['10,000 levels', deep(10_000, '[', ']')],
  ['10,000 objects deep', deep(10_000, '{"a":', '}')],
  ['deep in extra', JSON.stringify(sane).replace('}', `,"extra":{"a":${deep(5_000, '[', ']')}}}`)],
  ['__proto__', '{"__proto__":{"channel":"phone"},"sourceId":"p","channel":"phone","text":"Su yok"}'],
  ['constructor', '{"constructor":{"prototype":{"x":1}},"sourceId":"p","channel":"phone","text":"Su yok"}'],
  ['__proto__ in extra', '{"sourceId":"p2","channel":"phone","text":"Su yok","extra":{"__proto__":{"x":1}}}'],
  ['the same key twice', '{"sourceId":"k","sourceId":"k2","channel":"phone","text":"Su yok"}'],
  ['a byte order mark', `\ufeff${JSON.stringify({ ...sane, sourceId: 'bom' })}`],
  ['UTF-16', Buffer.from(JSON.stringify(sane), 'utf16le')],
  ['ISO-8859-9', Buffer.from(JSON.stringify({ ...sane, text: 'þikâyet' }), 'latin1')],
  ['overlong UTF-8', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  ['a lone surrogate', '{"sourceId":"ls","channel":"phone","text":"\\ud800 yol"}'],
  ['null bytes', JSON.stringify({ ...sane, sourceId: 'nul', text: 'a\0b\0c çukur' })],
  ['direction marks', JSON.stringify({ ...sane, sourceId: 'rtl', text: '\u202egnp.exe\u202c çukur' })],
  [
    'a million combining marks',
    JSON.stringify({ ...sane, sourceId: 'zalgo', text: `a${'\u0301'.repeat(90_000)}` }),
  ],
  ['a megabyte of text', JSON.stringify({ ...sane, text: 'a'.repeat(1024 * 1024) })],
  [
    'an id with quotes and line breaks',
    JSON.stringify({ ...sane, sourceId: 'a"\'\r\n\t; DROP TABLE records;--' }),
  ],
  ['an id of 255 moons', JSON.stringify({ ...sane, sourceId: '🌙'.repeat(120) })],
  ['an id that is a path', JSON.stringify({ ...sane, sourceId: '../../etc/passwd' })],
  ['an id that is a number', '{"sourceId":5,"channel":"phone","text":"Su yok"}'],
  ['text that is a formula', JSON.stringify({ ...sane, sourceId: 'csv', text: '=cmd|calc!A1' })],
  ['text that is markup', JSON.stringify({ ...sane, sourceId: 'xss', text: '<script>alert(1)</script>' })],
  [
    'a name of line breaks',
    JSON.stringify({ ...sane, sourceId: 'nl', citizen: { name: 'A\r\nBcc: b@c.example' } }),
  ],
  ['a phone of 40 ones', JSON.stringify({ ...sane, sourceId: 'tel', citizen: { phone: '1'.repeat(40) } })],
  ['an e-mail of at signs', JSON.stringify({ ...sane, sourceId: 'at', citizen: { email: '@'.repeat(300) } })],
  [
    'a place outside the world',
    JSON.stringify({ ...sane, sourceId: 'lat', place: { lat: 1e308, lon: -1e308 } }),
  ],
  ['a time of nonsense', JSON.stringify({ ...sane, occurredAt: '0000-99-99T99:99:99Z' })],
  [
    'a time of year 9999',
    JSON.stringify({ ...sane, sourceId: 'y9', occurredAt: '9999-12-31T23:59:59+03:00' }),
  ],
  [
    '10,000 keys',
    JSON.stringify({
      ...sane,
      ...Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, n])),
    }),
  ],
  [
    '10,000 keys in extra',
    JSON.stringify({
      ...sane,
      sourceId: 'many',
      extra: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, n])),
    }),
  ],
  [
    'a thousand attachments',
    JSON.stringify({ ...sane, attachments: Array.from({ length: 1_000 }, () => ({ upload: 'x' })) }),
  ],
  [
    'an attachment of this machine',
    JSON.stringify({ ...sane, sourceId: 'ssrf', attachments: [{ url: 'https://127.0.0.1:1/x' }] }),
  ],
  [
    'an attachment of another scheme',
    JSON.stringify({ ...sane, attachments: [{ url: 'file:///etc/passwd' }] }),
  ],
  ['a thread that is no number', JSON.stringify({ ...sane, thread: '%s%s%n' })],
];

/** Values of every parameter of an SMS, and of every field of the form. */
const values = [
  '',
  ' ',
  '\0',
  'a'.repeat(60_000),
  '🌙'.repeat(5_000),
  '%00',
  '../..',
  '<script>',
  "' OR 1=1 --",
  '\r\nX: y',
  '__proto__',
  '\u202e',
  '-1',
  '1e999',
];

const smsFields = [
  'MessageSid',
  'From',
  'To',
  'Body',
  'NumMedia',
  'MediaUrl0',
  'MessageStatus',
  'OptOutType',
];
const formFields = [
  'text',
  'token',
  'website',
  'lat',
  'lon',
  'phone',
  'email',
  'tckn',
  'name',
  'anonymity',
  'applicationType',
];

export const smsCalls = (): Call[] =>
  smsFields.flatMap((field, at) =>
    values.map((value, n) =>
      signedForm('/webhooks/sms-twilio/sms', {
        MessageSid: `SM${(at * 100 + n).toString(16).padStart(32, '0')}`,
        AccountSid: twilio.sid,
        From: `+90500${String(at * 100 + n).padStart(7, '0')}`,
        To: '+905320000153',
        Body: 'Su yok, iki gündür.',
        NumMedia: '1',
        MediaUrl0: 'https://127.0.0.1:1/x',
        [field]: value,
      }),
    ),
  );

export const formCalls = (): Call[] =>
  formFields.flatMap((field) =>
    values.map((value) => ({
      path: '/',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ text: 'Su yok', [field]: value }).toString(),
    })),
  );

export const oddRequests = (key: string): Call[] => [
  ...['text/plain', 'application/xml', 'application/json; charset=utf-16', 'multipart/form-data', 'x'].map(
    (type) => ({
      path: '/v1/messages',
      headers: { authorization: `Bearer ${key}`, 'content-type': type },
      body: JSON.stringify(sane),
    }),
  ),
  ...['multipart/form-data; boundary=x', 'multipart/form-data; boundary=', 'application/json'].map(
    (type) => ({
      path: '/',
      headers: { 'content-type': type },
      body: '--x\r\nContent-Disposition: form-data; name="a"; filename="../../x"\r\n\r\n',
    }),
  ),
  ...[
    '/v1/records/%00',
    '/v1/records/..%2f..%2fetc',
    '/takip/%ff',
    '/%c0%ae',
    '/v1/records?cursor=%00',
    '/v1/records?limit=-1',
  ].map((path) => ({
    ...json(key, undefined, path, 'GET'),
  })),
  json(key, { leases: ['\0', 'x'.repeat(10_000), "'"] }, '/v1/queue/ack'),
  json(key, { max: 1e9, leaseSeconds: -1 }, '/v1/queue/claim'),
];
