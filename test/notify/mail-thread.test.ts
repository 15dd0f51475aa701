import type { ReplyDraft } from '@kapi/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adapter } from '../../adapters/email-imap/adapter.ts';
import { type Counterpart, startCounterpart } from '../../adapters/email-imap/testing/smtp-counterpart.ts';
import { toEntry } from '../../src/intake/accept.ts';
import { createNotifyStage, planNotices } from '../../src/notify/index.ts';
import { account, house, testId } from '../../src/notify/test-house.ts';
import { openTown, silent, type Town } from '../support/town.ts';
import { meetPromise } from './notice-model.ts';

const posta = account('chat', 'email');
const planning = { house, accounts: { list: () => [posta], sendsNotices: () => true }, newId: testId };

let town: Town;
let smtp: Counterpart;
let config: unknown;
beforeEach(async () => {
  smtp = await startCounterpart('accept');
  config = adapter.config.parse({
    address: 'sok@bursa.example',
    imapHost: '127.0.0.1',
    imapUser: 'sok',
    imapPassword: 'gizli-parola',
    trustedAuthservIds: ['mx.bursa.example'],
    smtpHost: '127.0.0.1',
    smtpPort: smtp.port,
    smtpSecurity: 'none-on-loopback',
  });
  town = await openTown({
    adapter,
    config,
    planNotices: (record, event) => planNotices(planning, record, event),
  });
});
afterEach(async () => {
  await town.close();
  await smtp.stop();
});

/** A mail as the source hands it over. Its parser is not at hand here: it is read as one that could not be parsed. */
async function comes(id: string, head: readonly string[], text: string): Promise<void> {
  const body = Buffer.from(
    [
      'Authentication-Results: mx.bursa.example; dmarc=pass header.from=posta.example',
      'From: Ayse <ayse@posta.example>',
      `Message-ID: <${id}@posta.example>`,
      ...head,
      'Content-Type: text/plain; charset=utf-8',
      '',
      text,
      '',
    ].join('\r\n'),
  );
  const at = town.clock.now();
  const mail = { id: town.house.ids.uuid(), at, key: id, contentType: 'message/rfc822', headers: {}, body };
  await town.house.pipeline.accept([toEntry(town.house, town.chat, mail)]);
  await town.work(60_000);
}

async function send(): Promise<void> {
  const { pipeline, reader } = town.house;
  const stage = createNotifyStage({
    ...planning,
    pipeline,
    reader,
    watch: () => () => undefined,
    accounts: {
      ...planning.accounts,
      sender: () => ({
        send: (draft: ReplyDraft, signal) => {
          if (!adapter.reply) throw new Error('no reply');
          return adapter.reply.send(draft, town.chat.context(signal, undefined) as never);
        },
      }),
    },
    meetPromise,
    clock: town.clock,
    log: silent,
  });
  await stage.drain();
}

const header = (index: number, name: string) =>
  new RegExp(`^${name}: (.*)\r?$`, 'im').exec(
    smtp.mails[index]?.raw.replaceAll(/\r\n[ \t]/g, ' ') ?? '',
  )?.[1];

test('a receipt threads under the citizen’s mail, and the answer under all they wrote', async () => {
  await comes('m1', ['Subject: Lamba'], 'Sokak lambası yanmıyor.');
  await send();
  const [first] = await town.records();
  if (!first) throw new Error('no record');
  expect(header(0, 'In-Reply-To')).toBe('<m1@posta.example>');
  expect(header(0, 'References')).toBe('<m1@posta.example>');
  expect(smtp.mails[0]?.parsed.subject).toContain(`[${first.record.number}]`);

  await comes(
    'm2',
    [`Subject: Re: [${first.record.number}] alındı`, `References: ${header(0, 'Message-ID')}`],
    'Hâlâ yanmıyor.',
  );
  const [joined, ...others] = await town.records();
  expect(others).toEqual([]);
  if (!joined) throw new Error('no record');
  const event = {
    id: testId(),
    recordId: joined.record.id,
    name: 'answered',
    sequence: joined.record.version + 1,
    version: joined.record.version + 1,
    at: new Date(town.clock.now()).toISOString(),
    actor: 'key:merkez',
    data: {},
  } as const;
  const next = { ...joined.record, version: joined.record.version + 1, status: 'answered' } as const;
  await town.house.pipeline.save([
    {
      changes: [
        { do: 'put-record', record: next, expectedVersion: joined.record.version, lookups: [] },
        { do: 'put-event', event, destinations: [] },
        ...planNotices(planning, next, event),
      ],
    },
  ]);
  await send();
  const last = smtp.mails.length - 1;
  expect(smtp.mails[last]?.parsed.text).toContain('cevap');
  expect(header(last, 'In-Reply-To')).toBe('<m2@posta.example>');
  expect(header(last, 'References')).toBe('<m1@posta.example> <m2@posta.example>');
});
