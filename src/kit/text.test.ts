import { codeOf } from '@kapi/contract';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeText, foldKey, parseContentType, parseJson, singleHeader } from './index.ts';

const cases = { numRuns: 10_000 };
const bytes = (...values: number[]) => Uint8Array.from(values);
const codeOfThrown = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return codeOf(error);
  }
};

describe('the fold key', () => {
  test.each([
    ['IĞDIR', 'igdir'],
    ['Iğdır', 'igdir'],
    ['İstanbul', 'istanbul'],
    ['I\u0307stanbul', 'istanbul'],
    ['ci\u0307mer', 'cimer'],
    ['ŞÖK', 'sok'],
    ['kâğıt', 'kagit'],
    ['u\u0308c\u0327', 'uc'],
    ['Straße 5', 'straße 5'],
  ])('%s folds to %s', (text, key) => expect(foldKey(text)).toBe(key));

  test('a folded text folds to itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(foldKey(foldKey(text))).toBe(foldKey(text));
      }),
      cases,
    );
  });
});

describe('bytes to text', () => {
  test.each([
    ['UTF-8', new TextEncoder().encode('çöp alınmadı'), undefined, 'çöp alınmadı', 'utf-8'],
    ['windows-1254 undeclared', bytes(0xe7, 0xf6, 0x70, 0xfe), undefined, 'çöpş', 'windows-1254'],
    ['iso-8859-9 declared', bytes(0xdd, 0x53), 'ISO-8859-9', 'İS', 'windows-1254'],
    ['UTF-8 declared, windows-1254 sent', bytes(0xfd, 0xfe), 'utf-8', 'ış', 'windows-1254'],
    ['UTF-8 mark', bytes(0xef, 0xbb, 0xbf, 0x61), 'iso-8859-9', 'a', 'utf-8'],
    ['UTF-16 mark', bytes(0xff, 0xfe, 0x5f, 0x01), undefined, 'ş', 'utf-16le'],
    ['nothing', bytes(), undefined, '', 'utf-8'],
  ])('%s', (_name, body, declared, text, charset) =>
    expect(decodeText(body, declared)).toEqual({ text, charset }),
  );

  test('a charset nobody knows is a payload error', () =>
    expect(codeOfThrown(() => decodeText(bytes(0x61), 'x-mac-turkish'))).toBe('payload_charset'));

  test('any text in UTF-8 comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!text.startsWith('\ufeff'));
        expect(decodeText(new TextEncoder().encode(text)).text).toBe(text);
      }),
      cases,
    );
  });
});

describe('JSON from outside', () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const nested = (depth: number) => encode('['.repeat(depth) + ']'.repeat(depth));
  test.each([
    ['64 levels', nested(64), undefined],
    ['65 levels', nested(65), 'payload_too_deep'],
    ['10,000 levels unclosed', encode('{"a":'.repeat(10_000)), 'payload_too_deep'],
    ['nothing', encode(''), 'payload_unreadable'],
    ['half an object', encode('{"a":"b'), 'payload_unreadable'],
    ['windows-1254 letters', bytes(0x22, 0xfe, 0x22), 'payload_unreadable'],
    ['brackets and quotes inside a string', encode(`"\\"${'['.repeat(100)}"`), undefined],
  ])('%s', (_name, body, code) => {
    const result = codeOfThrown(() => {
      parseJson(body);
      return undefined;
    });
    expect(result).toBe(code);
  });

  test('a body beyond the size limit is a payload error', () =>
    expect(codeOfThrown(() => parseJson(encode('[1,2]'), { maxBytes: 4 }))).toBe('payload_unreadable'));

  test('the name __proto__ is a key like any other', () => {
    const value = parseJson(encode('{"__proto__":{"admin":true}}'));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test('what JSON writes comes back, and any bytes give a value or a payload error', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(parseJson(encode(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      cases,
    );
    fc.assert(
      fc.property(fc.uint8Array(), (body) => {
        const code = codeOfThrown(() => {
          parseJson(body);
          return undefined;
        });
        expect([undefined, 'payload_unreadable', 'payload_too_deep']).toContain(code);
      }),
      cases,
    );
  });
});

describe('headers', () => {
  test.each([
    ['a single one', { 'x-a': 'v' }, 'v'],
    ['a list of one', { 'x-a': ['v'] }, 'v'],
    ['a doubled one', { 'x-a': ['v', 'v'] }, undefined],
    ['a missing one', {}, undefined],
  ])('%s', (_name, headers, value) => expect(singleHeader(headers, 'x-a')).toBe(value));

  test('a header named like a member of every object is missing', () =>
    expect(singleHeader({}, 'constructor')).toBeUndefined());

  test.each([
    ['Text/HTML; charset="UTF-8"', { type: 'text/html', charset: 'utf-8' }],
    ['application/json', { type: 'application/json', charset: undefined }],
    ['text/plain; format=flowed; charset=ISO-8859-9', { type: 'text/plain', charset: 'iso-8859-9' }],
    ['', { type: '', charset: undefined }],
  ])('content type %s', (contentType, expected) => expect(parseContentType(contentType)).toEqual(expected));
});
