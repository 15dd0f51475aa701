import { expect, test } from 'vitest';
import { toEmail } from './email.ts';

test.each([
  ['ayse@example.org', 'ayse@example.org'],
  [' AYSE.Yilmaz+belediye@Posta.Example.ORG ', 'ayse.yilmaz+belediye@posta.example.org'],
  ['a@b.co', 'a@b.co'],
  ['bilgi@xn--rnek-4qa.xn--p1ai', 'bilgi@xn--rnek-4qa.xn--p1ai'],
  ['nobody\r\nBcc: x@y.example', undefined],
  ['nobody@y.example\r\nBcc: x', undefined],
  ['ayse', undefined],
  ['ayse@example', undefined],
  ['@example.org', undefined],
  ['ayse@', undefined],
  ['ayse@@example.org', undefined],
  ['ayse @example.org', undefined],
  ['a@example.org, b@example.org', undefined],
  ['<ayse@example.org>', undefined],
  ['ayşe@example.org', undefined],
  ['ayse..y@example.org', undefined],
  ['ayse@-example.org', undefined],
  ['ayse@10.0.0.1', undefined],
  [`${'a'.repeat(65)}@example.org`, undefined],
  [`a@${'b.'.repeat(130)}org`, undefined],
  ['', undefined],
])('«%s» → %s', (text, address) => expect(toEmail(text)).toBe(address));
