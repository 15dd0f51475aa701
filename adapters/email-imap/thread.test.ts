import { describe, expect, test } from 'vitest';
import { bounceAddress, noticeOfBounceAddress, numberOfReplyAddress, replyAddress } from './address.ts';
import { addressesOf } from './address-fields.ts';
import { config as schema } from './config.ts';
import { readHeaders } from './headers.ts';
import { threadOf } from './thread.ts';

const config = schema.parse({
  address: 'sok@bursa.example',
  imapHost: 'imap.bursa.example',
  imapUser: 'sok',
  imapPassword: 'parola-parola',
  replySecret: 'yanit-anahtari-51d2e7',
});
const other = { ...config, replySecret: 'baska-bir-anahtar-00' };
const number = 'SOK-26-0001234-9';
const signed = replyAddress(config, number) ?? '';
const headers = (text: string) => readHeaders(Buffer.from(`${text}\r\n\r\n`));

describe('a signed reply address', () => {
  test.each([
    ['as we wrote it', signed, number],
    ['in capitals', signed.toUpperCase(), number],
    [
      'with one letter changed',
      signed.replace(/.@/, (end) => `${end.startsWith('0') ? '1' : '0'}@`),
      undefined,
    ],
    ['for another number', signed.replace('0001234-9', '0001235-7'), undefined],
    ['of another house', replyAddress(other, number) ?? '', undefined],
    ['at another domain', signed.replace('bursa.example', 'evil.example'), undefined],
    ['without signature', `sok+${number.toLowerCase()}@bursa.example`, undefined],
  ])('%s', (_name, address, expected) => {
    expect(numberOfReplyAddress(config, address)).toBe(expected);
  });

  test('proves its own number and lends its proof to no other', () => {
    const thread = threadOf(
      headers(`To: ${signed}`),
      { subject: '[SOK-26-0009999-5]', text: '' },
      false,
      config,
    );
    expect(thread).toEqual({ numbers: [number], references: [], proof: 'signed-address' });
  });

  test('is not made where the local part would be longer than mail allows', () => {
    const long = { ...config, address: `${'a'.repeat(40)}@bursa.example` };
    expect(replyAddress(long, number)).toBeUndefined();
  });
});

test('a reply names our notice by its id, and other mails by their Message-ID', () => {
  const id = '01980000-0000-7000-8000-00000000000a';
  const reply = headers(
    `In-Reply-To: <${id.toUpperCase()}@Bursa.example>\r\nReferences: <ilk@posta.example> <${id}@evil.example>`,
  );
  expect(threadOf(reply, { subject: 'Re: başvurunuz', text: '' }, true, config)).toEqual({
    numbers: [],
    references: [id, 'ilk@posta.example', `${id}@evil.example`],
    proof: 'dmarc',
  });
});

test('a bounce address names its notice, and only with our signature', () => {
  const id = '01980000-0000-7000-8000-00000000000a';
  const address = bounceAddress(config, id) ?? '';
  expect(noticeOfBounceAddress(config, address)).toBe(id);
  expect(noticeOfBounceAddress(other, address)).toBeUndefined();
});

test.each([
  ['"a@evil.example" <b@posta.example>', ['b@posta.example']],
  ['a@posta.example, "x, y" <b@posta.example>', ['a@posta.example', 'b@posta.example']],
  ['Grup: a@posta.example, b@posta.example;', ['a@posta.example', 'b@posta.example']],
  ['(a@evil.example) b@posta.example', ['b@posta.example']],
  ['<a@posta.example', ['a@posta.example']],
  ['undisclosed-recipients:;', []],
])('the addresses of %s', (field, expected) => {
  expect(addressesOf(field).map(({ address }) => address)).toEqual(expected);
});
