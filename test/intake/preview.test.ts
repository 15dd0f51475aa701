import { codeOf, type PreviewRequest } from '@kapi/contract';
import { afterAll, describe, expect, it } from 'vitest';
import { Accounts } from '../../src/compose/accounts.ts';
import type { AccountConfig } from '../../src/config/index.ts';
import { preview } from '../../src/intake/preview.ts';
import { adapterRegistry as registry } from '../../src/workers/adapter-registry.ts';
import { createParserPool } from '../../src/workers/parser-pool.ts';
import { actor, eachInATown, silent, type Town } from '../support/town.ts';

describe('a dry run of a provider’s bytes', () => {
  let town: Town;
  eachInATown((opened) => {
    town = opened;
  });
  const parsers = createParserPool({ size: 1 });
  afterAll(() => parsers.close());

  const mail = [
    'From: Ayşe <ayse@example.org>',
    'To: bilgi@ornek.example',
    'In-Reply-To: <1@ornek.example>',
    '',
    'Su yok',
  ].join('\r\n');
  const request: PreviewRequest = {
    adapter: 'email-imap',
    contentType: 'message/rfc822',
    bodyBase64: Buffer.from(mail).toString('base64'),
  };
  const account = (id: string, settings: Readonly<Record<string, unknown>>): AccountConfig => ({
    id,
    adapter: 'email-imap',
    enabled: false,
    name: 'Posta',
    sendNotices: true,
    promise: true,
    partsWaitSeconds: 0,
    settle: { quietSeconds: 60, maxSeconds: 600 },
    joinHours: 24,
    settings,
  });
  const off = account('bilgi', { address: 'bilgi@ornek.example', imapPassword: `\${KAPI_MAIL_PASSWORD}` });

  async function tried(configured: readonly AccountConfig[], asked: PreviewRequest): Promise<unknown> {
    const accounts = new Accounts({
      registry,
      http: () => Promise.reject(new Error('no network')),
      log: () => silent,
    });
    await accounts.load({ accounts: [...configured] });
    const trial = (adapter: string, name?: string) => accounts.trial(adapter, name);
    return preview(town.house, { parsers, trial }, asked, actor()).then(
      ({ messages }) => messages,
      (error: unknown) => ({ code: codeOf(error), says: error instanceof Error ? error.message : '' }),
    );
  }

  const read = [expect.objectContaining({ text: 'Su yok' })];
  const rows: readonly {
    readonly what: string;
    readonly configured: readonly AccountConfig[];
    readonly asked: PreviewRequest;
    readonly answer: unknown;
  }[] = [
    {
      what: 'takes the first account of the adapter, though it is off and lacks its secrets',
      configured: [off],
      asked: request,
      answer: read,
    },
    {
      what: 'takes the account that is named',
      configured: [account('bos', {}), off],
      asked: { ...request, account: 'bilgi' },
      answer: read,
    },
    {
      what: 'names the settings it lacks where none is configured',
      configured: [],
      asked: request,
      answer: {
        code: 'unknown_account',
        says: 'To try «email-imap», put an account of it into kapi.yaml, which may be off, with settings.address, settings.imapHost, settings.imapUser.',
      },
    },
    {
      what: 'knows no account of another name',
      configured: [off],
      asked: { ...request, account: 'baska' },
      answer: {
        code: 'unknown_account',
        says: 'There is no adapter «email-imap» with the account «baska» here.',
      },
    },
    {
      what: 'needs no account where the bytes can be read without one',
      configured: [],
      asked: {
        adapter: 'sms-twilio',
        contentType: 'application/x-www-form-urlencoded',
        bodyBase64: Buffer.from(
          `MessageSid=SM${'1'.repeat(32)}&AccountSid=AC${'1'.repeat(32)}&From=%2B905800000001&To=%2B905320000153&Body=Su+yok&NumMedia=0`,
        ).toString('base64'),
      },
      answer: read,
    },
  ];
  it.each(rows)('$what', async ({ configured, asked, answer }) => {
    expect(await tried(configured, asked)).toEqual(answer);
  });
});
