import { createServer } from 'node:net';
import { type AdapterContext, kindOfError, type ReplyDraft } from '@kapi/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { noticeOfBounceAddress, numberOfReplyAddress } from './address.ts';
import { type Config, config as schema } from './config.ts';
import { normalize } from './normalize.ts';
import { reply } from './reply.ts';
import { type Counterpart, startCounterpart } from './testing/smtp-counterpart.ts';

let counterpart: Counterpart;
beforeEach(async () => {
  counterpart = await startCounterpart('accept');
});
afterEach(() => counterpart.stop());

const notice = '01980000-0000-7000-8000-00000000000a';
const number = 'SOK-26-0001234-9';
const draft: ReplyDraft = {
  idempotencyKey: notice,
  to: 'ayse@posta.example',
  subject: 'Başvurunuz alınmıştır',
  text: `Başvurunuz alınmıştır. Kayıt no: ${number}.`,
  recordNumber: number,
  inReplyTo: `${'a'.repeat(64)}:ilk@posta.example`,
  automatic: true,
  language: 'tr',
};

function settings(more: Readonly<Record<string, unknown>> = {}): Config {
  return schema.parse({
    address: 'sok@bursa.example',
    displayName: 'Bursa Büyükşehir',
    imapHost: 'imap.bursa.example',
    imapUser: 'sok',
    imapPassword: 'parola-parola',
    smtpHost: '127.0.0.1',
    smtpPort: counterpart.port,
    smtpSecurity: 'none-on-loopback',
    smtpTimeoutSeconds: 2,
    replySecret: 'yanit-anahtari-51d2e7',
    ...more,
  });
}

function context(config: Config): AdapterContext<Config> {
  const silent = () => undefined;
  return {
    account: 'eposta',
    config,
    signal: new AbortController().signal,
    cursor: undefined,
    http: () => Promise.reject(new Error('no network')),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    health: silent,
  };
}

async function sent(change: Partial<ReplyDraft> = {}, config = settings()) {
  const receipt = await reply.send({ ...draft, ...change }, context(config));
  const mail = counterpart.mails[0];
  if (mail === undefined) throw new Error('nothing came');
  return {
    receipt,
    mail,
    header: (name: string) => new RegExp(`^${name}: (.*)\r?$`, 'im').exec(mail.raw)?.[1],
  };
}

test('a receipt threads, silences machines and names the notice in its Message-ID', async () => {
  const { receipt, mail, header } = await sent();
  expect(receipt.ref).toBe(`${notice}@bursa.example`);
  expect(mail.parsed.messageId).toBe(`<${receipt.ref}>`);
  expect(mail.parsed.inReplyTo).toBe('<ilk@posta.example>');
  expect(mail.parsed.subject).toBe(`[${number}] Başvurunuz alınmıştır`);
  expect(mail.parsed.text?.trim()).toBe(draft.text);
  expect(header('Auto-Submitted')).toBe('auto-replied');
  expect(header('X-Auto-Response-Suppress')).toBe('All');
  expect(header('X-Kapi-Id')).toBe(`${notice}@bursa.example`);
  expect(noticeOfBounceAddress(settings(), mail.from)).toBe(notice);
  expect(numberOfReplyAddress(settings(), mail.parsed.replyTo?.value[0]?.address ?? '')).toBe(number);
});

const key = (id: string) => `${'b'.repeat(64)}${id === '' ? '' : `:${id}`}`;
test.each([
  ['the only mail', { inReplyTo: key('1@posta.example') }, '<1@posta.example>', '<1@posta.example>'],
  [
    'the latest of three',
    { inReplyTo: key('3@x'), references: [key('1@x'), key('2@x')] },
    '<3@x>',
    '<1@x> <2@x> <3@x>',
  ],
  ['a mail without Message-ID', { inReplyTo: key('') }, undefined, undefined],
  [
    'a mail without Message-ID after one with',
    { inReplyTo: key(''), references: [key('1@x')] },
    undefined,
    '<1@x>',
  ],
  ['a message of another channel', { inReplyTo: 'SM00000000000000000000000000000101' }, undefined, undefined],
  ['nothing', { inReplyTo: undefined }, undefined, undefined],
])('a mail that answers %s names it in its header', async (_name, change, inReplyTo, references) => {
  const { header, mail } = await sent(change as Partial<ReplyDraft>);
  expect(header('In-Reply-To')).toBe(inReplyTo);
  expect(header('References')).toBe(references);
  expect(mail.parsed.subject).toBe(`[${number}] Başvurunuz alınmıştır`);
});

test('without a reply secret an automatic mail has the null sender and answers go to the plain address', async () => {
  const { mail } = await sent({}, settings({ replySecret: undefined }));
  expect(mail.from).toBe('');
  expect(mail.parsed.replyTo?.value[0]?.address).toBe('sok@bursa.example');
});

test("a person's answer is not marked as automatic", async () => {
  const { header } = await sent({ automatic: false });
  expect(header('Auto-Submitted')).toBeUndefined();
});

test.each([
  ['to', { to: 'ayse@posta.example\r\nBcc: x@evil.example' }],
  ['to with a second address', { to: 'ayse@posta.example,x@evil.example' }],
  ['to with a name', { to: 'Ayse <ayse@posta.example>' }],
  ['subject', { subject: 'Konu\r\nBcc: x@evil.example' }],
  ['record number', { recordNumber: 'SOK-26-0001234-9\nX: y' }],
  ['message it answers', { inReplyTo: 'x\r\ny' }],
  ['message before that', { references: ['x\r\ny'] }],
])('a line break or a second recipient in %s is refused before anything is sent', async (_name, change) => {
  const thrown = await reply
    .send({ ...draft, ...change }, context(settings()))
    .catch((error: unknown) => error);
  expect(kindOfError(thrown)).toBe('rejected');
  expect(counterpart.mails).toEqual([]);
});

test('our own mail that comes back is a loop, never a message', async () => {
  const { mail } = await sent();
  const items = normalize(
    {
      id: notice,
      adapter: 'email-imap',
      account: 'eposta',
      receivedAt: '2026-11-22T09:15:00+03:00',
      contentType: 'message/rfc822',
      headers: {},
      body: Buffer.from(mail.raw),
    },
    [],
    settings(),
  );
  expect(items.ignored.map(({ reason }) => reason)).toEqual(['own-loop']);
});

test('silence after the mail was said is neither transient nor rejected', async () => {
  const server = createServer((socket) => {
    socket.write('220 mx\r\n');
    let data = false;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      if (data) return;
      for (const line of chunk.toString().split('\r\n').filter(Boolean)) {
        data = line === 'DATA';
        socket.write(data ? '354 go\r\n' : '250 ok\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const thrown = await reply
    .send(draft, context(settings({ smtpPort: port, smtpTimeoutSeconds: 1 })))
    .catch((error: unknown) => error);
  server.close();
  expect(thrown).toBeInstanceOf(Error);
  expect(kindOfError(thrown)).toBe('bug');
});
