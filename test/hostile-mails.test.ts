import { codeOf, type Envelope, kindOfError, type Part } from '@kapi/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapter } from '../adapters/email-imap/adapter.ts';
import { config as schema } from '../adapters/email-imap/config.ts';
import { createParserPool, type ParserPool } from '../src/workers/parser-pool.ts';
import { hostileMails } from './fixtures/hostile-mails.ts';

const config = schema.parse({
  address: 'sok@bursa.example',
  imapHost: 'imap.bursa.example',
  imapUser: 'sok',
  imapPassword: 'parola-parola',
  trustedAuthservIds: ['mx'],
  replySecret: 'yanit-anahtari-51d2e7',
});

const { parser } = adapter;
if (parser === undefined) throw new Error('The mail adapter has no parser');

/** Processor time of this thread, ms; other processes do not count. */
const cpuMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

let pool: ParserPool;
beforeAll(() => {
  pool = createParserPool({ size: 2 });
});
afterAll(() => pool.close());

async function parsed(body: Uint8Array): Promise<Part> {
  const reference = { key: 'mail', kind: 'parsed', wait: 'needed' } as const;
  try {
    return { ...reference, state: 'stored', value: (await pool.parse(parser ?? never(), body)).value };
  } catch (thrown) {
    expect(kindOfError(thrown)).toBe('payload');
    return { ...reference, state: 'refused', reason: codeOf(thrown) ?? '' };
  }
}

const never = (): never => {
  throw new Error('unreachable');
};

function read(body: Uint8Array, parts: readonly Part[]) {
  const envelope: Envelope = {
    id: '01980000-0000-7000-8000-000000000000',
    adapter: 'email-imap',
    account: 'eposta',
    receivedAt: '2026-11-22T09:15:00+03:00',
    contentType: 'message/rfc822',
    headers: { 'x-kapi-content-key': 'a'.repeat(64) },
    body,
  };
  try {
    const items = adapter.normalize(envelope, parts, config);
    return [items.messages, items.statuses, items.ignored, items.failed].reduce(
      (sum, list) => sum + list.length,
      0,
    );
  } catch (thrown) {
    expect(kindOfError(thrown)).toBe('payload');
    return 1;
  }
}

describe('a hostile mail ends as a message, a status, an ignored item or in quarantine', () => {
  test('there are at least a hundred, each under its own name', () => {
    expect(new Set(hostileMails.map(({ name }) => name)).size).toBe(hostileMails.length);
    expect(hostileMails.length).toBeGreaterThanOrEqual(100);
  });

  test.each(hostileMails)('$name', async ({ build }) => {
    const body = build();
    const part = await parsed(body);
    const before = cpuMs();
    expect(read(body, [part])).toBeGreaterThanOrEqual(1);
    const withParts = cpuMs();
    // The same where the parser ended without a result: the minimal reader runs in this process.
    expect(
      read(body, [{ key: 'mail', kind: 'parsed', wait: 'needed', state: 'refused', reason: 'parser_limit' }]),
    ).toBe(1);
    expect(Math.max(withParts - before, cpuMs() - withParts)).toBeLessThan(1000);
  });
});
