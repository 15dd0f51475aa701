import fc from 'fast-check';
import { expect, it } from 'vitest';
import { peekText } from './peek.ts';

const said = 'Evde yangın çıktı, çocuklar içeride';
const quoted = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) =>
      byte > 126 ? `=${byte.toString(16).toUpperCase().padStart(2, '0')}` : String.fromCharCode(byte),
    )
    .join('');

it.each([
  {
    what: 'a form',
    type: 'application/x-www-form-urlencoded',
    body: `From=%2B90532&Body=${encodeURIComponent(said)}`,
  },
  {
    what: 'a form with plus signs',
    type: 'application/x-www-form-urlencoded; charset=utf-8',
    body: `Body=${encodeURIComponent(said).replaceAll('%20', '+')}`,
  },
  { what: 'JSON', type: 'application/json', body: JSON.stringify({ text: said }) },
  {
    what: 'JSON in ASCII',
    type: 'application/json',
    body: JSON.stringify({ text: said }).replace(
      /[^\x20-\x7e]/g,
      (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  },
  {
    what: 'a mail in base64',
    type: 'message/rfc822',
    body: `Subject: x\r\n\r\n${Buffer.from(said.repeat(3)).toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n`,
  },
  {
    what: 'a mail in quoted-printable',
    type: 'message/rfc822',
    body: `Subject: x\r\n\r\n${quoted(said).replace('yang', 'ya=\r\nng')}\r\n`,
  },
])('reads $what', ({ type, body }) => {
  expect(peekText(Buffer.from(body), type)).toContain(said);
});

it('never throws and never looks far', () => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.constantFrom('application/x-www-form-urlencoded', 'application/json', 'message/rfc822', ''),
      (body, type) => {
        expect(typeof peekText(body, type)).toBe('string');
      },
    ),
  );
  expect(peekText(Buffer.alloc(10_000_000, 'a'), 'message/rfc822').length).toBeLessThan(100_000);
});
