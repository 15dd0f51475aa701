import { expect, test } from 'vitest';
import { createLog, redactingLogger } from './log.ts';
import { createScrubber } from './scrub.ts';

const secret = 'b7f1e2d3c4a5-token';
const canaries = ['10000000146', '5321234567', '905321234567', 'ayse@example.org', secret, 'Ayşe Yılmaz'];

function lines() {
  const written: string[] = [];
  const scrubber = createScrubber([secret]);
  return { written, scrubber, log: createLog({ scrubber, write: (line) => written.push(line) }) };
}

const rows: readonly [string, Record<string, unknown>, string][] = [
  ['a TCKN in a field', { note: 'tckn 10000000146 dedi' }, '***46'],
  ['a TCKN with what is not seen in it', { note: 'tckn 1000\u200b0000\u200b146 dedi' }, '***46'],
  ['a TCKN as a number', { value: 10000000146 }, '***46'],
  ['a phone, spaced', { note: 'ara: +90 532 123 45 67' }, '***67'],
  ['a phone as a number', { value: 905321234567 }, '***67'],
  ['a mail address', { note: 'x ayse@example.org y' }, 'a***@example.org'],
  ['a secret, deep', { a: { b: [{ c: `Bearer ${secret}` }] } }, '[secret]'],
  ['a field that is personal by name', { citizen: { name: 'Ayşe Yılmaz' } }, '[redacted]'],
  [
    'an error with cause',
    { error: new Error('no 10000000146', { cause: new Error(`${secret} ayse@example.org`) }) },
    '[secret]',
  ],
  [
    'what a syntax error quotes',
    { err: new SyntaxError(`Unexpected token 'A', "{"ad": Ayşe Yılmaz"... is not valid JSON`) },
    'is not valid JSON',
  ],
  ['a thrown error under err', { err: new Error('ayse@example.org') }, 'a***@example.org'],
  [
    'request headers',
    { req: { method: 'GET', url: '/v1/x?phone=5321234567', headers: { authorization: secret } } },
    '/v1/x"',
  ],
];

for (const [name, fields, shown] of rows) {
  test(`the process log masks ${name}`, () => {
    const { log, written } = lines();
    log.info(fields, 'something happened');
    expect(written).toHaveLength(1);
    for (const canary of canaries) expect(written[0]).not.toContain(canary);
    expect(written[0]).toContain(shown);
  });
}

test('a child logger, a message and a bare error are masked as well', () => {
  const { log, written } = lines();
  log.child({ account: 'sms-153' }).warn(`gone: ${secret}`);
  log.error(new Error('10000000146'));
  expect(written.join('')).not.toMatch(/10000000146|b7f1e2d3/);
  expect(written[0]).toContain('sms-153');
});

test('secrets that become known later are hidden as well, in loggers made before, and the old ones stay hidden', () => {
  const { log, written, scrubber } = lines();
  const [child, account] = [log.child({}), redactingLogger(log)];
  scrubber.hide(['reloaded-secret-2', 'short']);
  child.info({ note: 'reloaded-secret-2' }, `once ${secret}`);
  account.warn({ note: 'short' }, 'reloaded-secret-2 refused');
  expect(written.join('')).not.toMatch(/reloaded-secret-2|b7f1e2d3/);
  expect(written.join('')).toContain('"note":"short"');
});

test('ids, record numbers, instants, counts and epoch times pass unchanged', () => {
  const { log, written } = lines();
  const fields = {
    id: '01234567-8901-7234-8567-890123456789',
    number: 'SOK-26-0001234-9',
    at: '2026-11-22T09:14:03.123+03:00',
    due: 1_795_338_843_123,
    bytes: 26_214_400,
    ref: 'SM0123abcdef',
  };
  redactingLogger(log).info(fields, 'sent 01234567-8901-7234-8567-890123456789');
  expect(JSON.parse(written[0] ?? '')).toMatchObject(fields);
});

test('the redacting logger hides the secrets of its own account', () => {
  const { log, written } = lines();
  redactingLogger(log, ['account-secret-1']).error(
    { detail: 'login account-secret-1 refused' },
    'account-secret-1',
  );
  expect(written[0]).not.toContain('account-secret-1');
  expect(written[0]).toContain('[secret]');
});

test('instances such as buffers and responses never spill, and deep or circular values end', () => {
  const { log, written } = lines();
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  redactingLogger(log).info({ bytes: Buffer.from('10000000146'), circle }, 'x');
  expect(written[0]).toContain('[11 bytes]');
  expect(written[0]).toContain('[deep]');
});
