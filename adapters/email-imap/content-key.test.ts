import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeText } from './charset.ts';
import { contentKey, contentKeyOf, messageIdOfKey, messageKey } from './content-key.ts';
import { readHeaders } from './headers.ts';
import { htmlToText } from './html-text.ts';
import { minimalText } from './minimal.ts';
import { cutQuoted } from './quote.ts';
import { cutSignature } from './signature.ts';

const own = 'From: a@b.example\r\nMessage-ID: <1@b.example>\r\nDate: Sun, 22 Nov 2026 09:14:03 +0300\r\n';
const mail = (headers: string, body = 'metin') => Buffer.from(`${headers}\r\n${body}`);
const bare = 'From: a@b.example\r\nSubject: x\r\n';

describe('the content key', () => {
  const rows: readonly [name: string, a: string, b: string, same: boolean][] = [
    [
      'is the same whatever servers add',
      contentKey(mail(own)),
      contentKey(
        mail(
          `Received: from x\r\n by y;\r\n today\r\nReturn-Path: <a@b.example>\r\nDelivered-To: sok\r\nReceived-SPF: pass\r\nAuthentication-Results: mx; dmarc=pass\r\nARC-Seal: i=1\r\n${own}`,
        ),
      ),
      true,
    ],
    ['is another for another body', contentKey(mail(own)), contentKey(mail(own, 'başka')), false],
    [
      'is another for another Message-ID',
      contentKey(mail(own)),
      contentKey(mail(own.replace('1@', '2@'))),
      false,
    ],
    [
      'knows arrival only where a mail has neither id nor date',
      contentKey(mail(bare), '1'),
      contentKey(mail(bare), '2'),
      false,
    ],
    ['does not look at arrival otherwise', contentKey(mail(own), '1'), contentKey(mail(own), '2'), true],
    [
      'does not take a line of the body for a header',
      contentKey(mail(own, 'Received: a')),
      contentKey(mail(own, 'Received: b')),
      false,
    ],
  ];
  test.each(rows)('%s', (_name, a, b, same) => {
    expect(a === b).toBe(same);
  });

  test('is the same for large mails, made off the thread', async () => {
    const large = mail(own, 'x'.repeat(400_000));
    expect(await contentKeyOf(large)).toBe(contentKey(large));
  });

  test('gives the Message-ID back from a message key', () => {
    expect(messageIdOfKey(messageKey('a'.repeat(64), 'x@y'))).toBe('x@y');
    expect(messageIdOfKey(messageKey('a'.repeat(64), undefined))).toBeUndefined();
  });
});

describe('whatever the bytes', () => {
  const check = (property: fc.IPropertyWithHooks<[Uint8Array]> | fc.IPropertyWithHooks<[string]>) =>
    fc.assert(property as fc.IPropertyWithHooks<unknown>, { numRuns: 2_000 });

  test('headers, character sets and the minimal reader never throw', () => {
    check(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        readHeaders(bytes).text('subject');
        decodeText(bytes, 'iso-8859-9');
        decodeText(bytes, undefined);
        minimalText(bytes);
      }),
    );
  });

  test('the text of HTML has no tag that was closed, and cutting never leaves nothing', () => {
    const pieces = [
      '<div>',
      '</div>',
      '<blockquote>',
      '> ',
      '\n',
      'metin',
      '-- ',
      '<',
      '&ouml;',
      'yazdı:',
      'Kimden: a',
      'Konu: b',
      '<br>',
      '"',
      '<!--',
      '-->',
    ];
    check(
      fc.property(
        fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((list) => list.join('')),
        (source) => {
          expect(htmlToText(source)).not.toMatch(/<\/?(?:div|br|blockquote)>/);
          const cut = cutSignature(cutQuoted(source, { reply: true, forwarded: false }).text).text;
          expect(cut.trim() === '').toBe(source.trim() === '');
        },
      ),
    );
  });
});
