import { readFile } from 'node:fs/promises';
import { testAdapter } from '@kapi/contract/testing';
import { adapter } from './adapter.ts';
import { contentKey } from './content-key.ts';
import { startImapServer } from './testing/imap-server.ts';
import { startCounterpart } from './testing/smtp-counterpart.ts';

const config = {
  address: 'sok@bursa.example',
  displayName: 'Bursa',
  imapHost: '127.0.0.1',
  imapSecurity: 'none-on-loopback',
  imapUser: 'sok',
  imapPassword: 'imap-parolasi-9f3c',
  backlog: 'all',
  pollSeconds: 1,
  trustedAuthservIds: ['mx.bursa.example'],
  replySecret: 'yanit-anahtari-51d2e7',
  smtpHost: '127.0.0.1',
  smtpSecurity: 'none-on-loopback',
  smtpPassword: 'smtp-parolasi-77ab',
  smtpTimeoutSeconds: 2,
};

const fixture = (name: string) => new URL(`./fixtures/${name}.eml`, import.meta.url);
const mail = (name: string) =>
  ({ name, source: 'pull', contentType: 'message/rfc822', body: fixture(name), items: 1 }) as const;
const bytes = async (...names: string[]) => Promise.all(names.map((name) => readFile(fixture(name))));
const text = 'Özlüce Mahallesi Ahıska Caddesi üzerinde büyük bir çukur var, arabam zarar gördü.';
const ayse = { id: 'ayse.yilmaz@posta.example', kind: 'email', name: 'Ayşe Yılmaz', proven: false } as const;
const facts = (messageId: string) => ({
  name: 'Ayşe Yılmaz',
  emails: ['ayse.yilmaz@posta.example'],
  extra: { messageId },
});
const sentAt = '2026-11-22T09:14:03+03:00';

testAdapter(adapter, {
  config,
  envelopes: [
    {
      ...mail('charset-iso-8859-9-8bit'),
      parts: ['mail'],
      expected: {
        messages: [
          {
            key: '884a6abe3476bfc06c8820667abcd3e926cc18438d5b4f50cc3fa581457a8435:charset-iso-8859-9-8bit@posta.example',
            channel: 'email',
            sender: ayse,
            sentAt,
            subject: 'Çukur',
            text,
            attachments: [],
            facts: facts('charset-iso-8859-9-8bit@posta.example'),
          },
        ],
      },
    },
    {
      ...mail('attachment-rfc2231-turkish-name'),
      parts: ['mail'],
      expected: {
        messages: [
          {
            key: 'a68461fc54af7c2061b1c772c90979b619cbf2349177f58cc1f7a9a6d89d3fe0:attachment-rfc2231-turkish-name@posta.example',
            channel: 'email',
            sender: ayse,
            sentAt,
            subject: 'Çukur',
            text,
            attachments: [{ part: '2', name: 'çukur fotoğrafı.png', mediaType: 'image/png' }],
            facts: facts('attachment-rfc2231-turkish-name@posta.example'),
          },
        ],
      },
    },
    {
      ...mail('dmarc-pass'),
      parts: ['mail'],
      expected: {
        messages: [
          {
            key: '70bdbd6f7d0dafabc7448db776aa38718a67836c5a2d9485176358287e4b8901:dmarc-pass@posta.example',
            channel: 'email',
            sender: { ...ayse, proven: true },
            sentAt,
            subject: 'Re: [SOK-26-0001234-9]',
            text: 'Hâlâ düzelmedi, ne zaman gelirsiniz?',
            attachments: [],
            thread: { numbers: ['SOK-26-0001234-9'], references: [], proof: 'dmarc' },
            facts: facts('dmarc-pass@posta.example'),
          },
        ],
      },
    },
    {
      ...mail('bounce-by-message-id'),
      parts: ['mail'],
      expected: {
        statuses: [
          {
            key: 'a5af43150b3b2deeac3f982fa5095a2419f38048e2893cfd4b61f88247241e0f:bounce-by-message-id@posta.example#1',
            at: sentAt,
            what: {
              kind: 'report',
              ref: '01980000-0000-7000-8000-00000000000a@bursa.example',
              state: 'failed',
              permanent: true,
              code: '5.1.1',
            },
          },
        ],
      },
    },
    {
      ...mail('auto-reply-exchange'),
      parts: ['mail'],
      expected: {
        ignored: [
          {
            key: 'dc3907b50532c41d974eba74189215d75aaa9807d9730de4cdbd4473dd0aaf6c:auto-reply-exchange@posta.example',
            reason: 'auto-reply',
          },
        ],
      },
    },
    {
      ...mail('from-nobody'),
      parts: ['mail'],
      expected: {
        failed: [
          {
            key: 'b81c11e65260f3b9512920b13ada0ebff70be71a9794d3076464819a4b3787b8:from-nobody@posta.example',
            code: 'payload_item',
          },
        ],
      },
    },
    {
      ...mail('charset-utf8-base64'),
      name: 'the beginning of a mail that was too large',
      headers: { 'x-kapi-too-large': '31457280', 'x-kapi-content-key': 'a'.repeat(64) },
      expected: {
        messages: [
          {
            key: `${'a'.repeat(64)}:charset-utf8-base64@posta.example`,
            channel: 'email',
            sender: ayse,
            sentAt,
            subject: 'Çukur',
            text,
            attachments: [],
            facts: {
              ...facts('charset-utf8-base64@posta.example'),
              extra: { messageId: 'charset-utf8-base64@posta.example', unparsed: 'too-large' },
            },
          },
        ],
      },
    },
    {
      ...mail('charset-windows-1254-8bit'),
      name: 'a mail whose parser ended without a result',
      parts: ['mail'],
      givenParts: [{ key: 'mail', kind: 'parsed', wait: 'needed', state: 'refused', reason: 'parser_limit' }],
      expected: {
        messages: [
          {
            key: 'f7b3a880af8d1b534482f959346ca5b26526fc302c5c8f3005e77225a42a055d:charset-windows-1254-8bit@posta.example',
            channel: 'email',
            sender: ayse,
            sentAt,
            subject: 'Çukur',
            text,
            attachments: [],
            facts: {
              ...facts('charset-windows-1254-8bit@posta.example'),
              extra: { messageId: 'charset-windows-1254-8bit@posta.example', unparsed: 'parser_limit' },
            },
          },
        ],
      },
    },
  ],
  malformed: [
    {
      name: 'a picture',
      contentType: 'message/rfc822',
      body: Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3),
    },
    { name: 'a page', contentType: 'message/rfc822', body: '<!doctype html><p>hata: 502</p>' },
    { name: 'nothing', contentType: 'message/rfc822', body: '' },
  ],
  pull: {
    async start() {
      const raws = await bytes('charset-utf8-8bit', 'reply-gmail-tr', 'own-loop');
      const server = await startImapServer(raws);
      const keys = new Map(server.mails.map((stored) => [stored.uid, contentKey(stored.raw)]));
      return {
        config: { ...config, imapPort: server.port },
        expectedKeys: [...keys.values()],
        marks: async () => server.stores.flatMap(({ uid }) => keys.get(uid) ?? []),
        stop: () => server.stop(),
      };
    },
  },
  reply: {
    to: 'ayse.yilmaz@posta.example',
    async start(mood) {
      const counterpart = await startCounterpart(mood);
      return {
        config: { ...config, smtpPort: counterpart.port },
        sent: async () => counterpart.mails.map(({ to, parsed }) => ({ to, text: parsed.text ?? '' })),
        stop: () => counterpart.stop(),
      };
    },
  },
});
