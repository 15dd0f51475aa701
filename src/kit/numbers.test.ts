import fc from 'fast-check';
import { parsePhoneNumberFromString } from 'libphonenumber-js';
import { describe, expect, test } from 'vitest';
import { keyOf, sameSecret, toE164, validTckn, validVkn } from './index.ts';

const cases = { numRuns: 10_000 };

describe('telephone numbers', () => {
  test.each([
    '0532 123 45 67',
    '532 123 45 67',
    '5321234567',
    '905321234567',
    '90 0532 123 45 67',
    '+905321234567',
    '+90 0532 123 45 67',
    '+90 (0532) 123-45-67',
    '00905321234567',
    '(0532) 123 45 67',
    '0.532.123.45.67',
    '0532/1234567',
    'cep: 0532 123 45 67',
    '0532 123 45 67 (eşim)',
    '0532 123 45 67 dahili 12',
    '٠٥٣٢١٢٣٤٥٦٧',
  ])('%s is a mobile number', (text) => expect(toE164(text)).toBe('+905321234567'));

  test.each([
    ['0224 716 00 00', '+902247160000'],
    ['0850 222 16 16', '+908502221616'],
    ['+49 170 1234567', '+491701234567'],
  ])('%s is %s', (text, number) => expect(toE164(text)).toBe(number));

  test.each([
    '444 16 00',
    '+90 444 16 00',
    '153',
    '112',
    '1234',
    '716 00 00',
    '10000000146',
    'BURSABUYUKS',
    '+90532123456',
    '0532 123 45 67 veya 0533 123 45 67',
    '',
  ])('«%s» is no number to send to', (text) => expect(toE164(text)).toBeUndefined());

  test('mobiles, which are read without the library, are what the library would say', () => {
    const ways = ['0', '', '90', '+90', '0090', '+90 0', '0(', '('];
    for (let prefix = 500; prefix < 600; prefix++)
      for (const way of ways) {
        const text = `${way}${prefix}${way.endsWith('(') ? ')' : ''} 123 45 67`;
        const number = parsePhoneNumberFromString(text, { defaultCountry: 'TR', extract: false });
        expect([text, toE164(text)]).toEqual([text, number?.isValid() ? number.number : undefined]);
      }
  });

  test('a result is E.164 and gives itself, whatever the text', () => {
    const piece = fc.constantFrom(
      '0',
      '5',
      '532',
      '90',
      '+',
      '(',
      ')',
      ' ',
      '.',
      '-',
      '/',
      '1234567',
      'tel',
      '٣',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 12 }).map((all) => all.join('')),
        ),
        (text) => {
          const number = toE164(text);
          if (number === undefined) return;
          expect(number).toMatch(/^\+[1-9]\d{6,14}$/);
          expect(toE164(number)).toBe(number);
        },
      ),
      cases,
    );
  });
});

describe('identity numbers', () => {
  test.each(['10000000146', '10000000078', '11111111110', '12345678950', '99999999990'])(
    '%s is valid',
    (text) => expect(validTckn(text)).toBe(true),
  );
  test.each([
    '12345678901',
    '12345678902',
    '98787678902',
    '00000000000',
    '05321234567',
    '1000000014',
    '100000001460',
    '1000000014٦',
    '',
  ])('«%s» is not', (text) => expect(validTckn(text)).toBe(false));

  test('one wrong digit is always noticed', () => {
    const valid = fc.constantFrom('10000000146', '10000000078', '12345678950', '99999999990');
    fc.assert(
      fc.property(valid, fc.nat(10), fc.integer({ min: 1, max: 9 }), (text, at, by) => {
        const digit = (Number(text[at]) + by) % 10;
        expect(validTckn(text.slice(0, at) + digit + text.slice(at + 1))).toBe(false);
      }),
      cases,
    );
  });
});

describe('tax numbers', () => {
  test.each([
    ['9220034970', true],
    ['9220034971', false],
    ['922003497', false],
    ['92200349700', false],
  ])('%s valid: %s', (text, valid) => expect(validVkn(text)).toBe(valid));
});

describe('keys and secrets', () => {
  test('a key is frozen', () =>
    expect(keyOf('a', Uint8Array.of(1, 2))).toBe('MTxpJn6y3xbZIj7EOHHrrGzPORcPiiSYBrF0jm1y2ao'));

  test('other pieces make another key, also where they run together', () => {
    const pieces = fc.array(fc.string(), { maxLength: 4 });
    fc.assert(
      fc.property(pieces, pieces, (left, right) => {
        expect(keyOf(...left) === keyOf(...right)).toBe(JSON.stringify(left) === JSON.stringify(right));
      }),
      cases,
    );
    expect(keyOf('ab', 'c')).not.toBe(keyOf('a', 'bc'));
  });

  test.each([
    ['abc', 'abc', true],
    ['abc', 'abd', false],
    ['abc', 'abc ', false],
    ['ş', 's', false],
    ['', '', true],
  ])('«%s» and «%s» are the same secret: %s', (left, right, same) =>
    expect(sameSecret(left, right)).toBe(same),
  );
});
