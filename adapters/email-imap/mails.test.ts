import { readdir, readFile } from 'node:fs/promises';
import type { Envelope, Part } from '@kapi/contract';
import { describe, expect, test } from 'vitest';
import { config as schema } from './config.ts';
import { mailRows } from './mails.rows.ts';
import { normalize } from './normalize.ts';
import parse from './parse.ts';

const config = schema.parse({
  address: 'sok@bursa.example',
  imapHost: 'imap.bursa.example',
  imapUser: 'sok',
  imapPassword: 'gizli-parola-1',
  trustedAuthservIds: ['mx.bursa.example'],
});

const fixtures = new URL('./fixtures/', import.meta.url);

async function read(fixture: string) {
  const body = new Uint8Array(await readFile(new URL(`${fixture}.eml`, fixtures)));
  const envelope: Envelope = {
    id: '01980000-0000-7000-8000-000000000000',
    adapter: 'email-imap',
    account: 'eposta',
    receivedAt: '2026-11-22T09:15:00+03:00',
    contentType: 'message/rfc822',
    headers: {},
    body,
  };
  const { value } = await parse(body);
  const part: Part = { key: 'mail', kind: 'parsed', wait: 'needed', state: 'stored', value };
  return normalize(envelope, [part], config);
}

describe('a mail becomes', () => {
  test.each(mailRows)('what the row says: $fixture', async (row) => {
    const { messages, statuses, ignored, failed } = await read(row.fixture);
    expect(messages.length + statuses.length + ignored.length + failed.length).toBe(1);
    expect(ignored[0]?.reason).toBe(row.ignored);
    expect(failed[0]?.code).toBe(row.failed);
    expect(statuses.map(({ what }) => what)).toEqual(
      (row.statuses ?? []).map((what) => ({ kind: 'report', ...what })),
    );
    const message = messages[0];
    if (message === undefined) return;
    expect(message.text).toBe(row.text);
    expect(message.subject).toBe(row.subject);
    expect(message.sender.id).toBe(row.sender);
    if (row.name !== undefined) expect(message.sender.name).toBe(row.name);
    expect(message.sender.proven).toBe(row.proven ?? false);
    if (row.cut !== undefined) expect(message.fullText !== undefined).toBe(row.cut);
    if (row.fullContains !== undefined) expect(message.fullText).toContain(row.fullContains);
    expect(message.attachments.map(({ name }) => name)).toEqual(row.attachments ?? []);
    expect(message.thread?.numbers ?? []).toEqual(row.numbers ?? []);
    expect(message.thread?.references ?? []).toEqual(row.references ?? []);
    expect(message.thread?.proof).toBe(row.proof);
    expect(message.automatic).toBe(row.automatic);
    expect(message.facts?.extra?.warnings).toEqual(row.warnings);
    if (row.messageId !== undefined) expect(message.facts?.extra?.messageId).toBe(row.messageId);
    expect(message.sentAt).toBe('sentAt' in row ? undefined : '2026-11-22T09:14:03+03:00');
  });

  test('nothing that has no row', async () => {
    const files = (await readdir(fixtures)).filter((name) => name.endsWith('.eml'));
    expect(files.map((name) => name.replace('.eml', '')).toSorted()).toEqual(
      mailRows.map((row) => row.fixture).toSorted(),
    );
  });
});
