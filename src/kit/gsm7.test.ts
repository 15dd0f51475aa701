import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromSeptets, type SeptetEncoding, segment, toAsciiTurkish, toSeptets } from './index.ts';

const encodings: readonly SeptetEncoding[] = ['gsm7', 'gsm7-tr-locking', 'gsm7-tr-single'];

describe('segments', () => {
  test.each([
    ['nothing', '', 'gsm7', 0, 1],
    ['160 plain letters', 'a'.repeat(160), 'gsm7', 160, 1],
    ['161 plain letters', 'a'.repeat(161), 'gsm7', 161, 2],
    ['306 plain letters', 'a'.repeat(306), 'gsm7', 306, 2],
    ['307 plain letters', 'a'.repeat(307), 'gsm7', 307, 3],
    ['Ö ö Ü ü Ç are plain', 'ÖöÜüÇ', 'gsm7', 5, 1],
    ['signs that cost two', '^{}\\[]~|€', 'gsm7', 18, 1],
    ['80 euros', '€'.repeat(80), 'gsm7', 160, 1],
    ['a sign that would stand across two parts', `${'a'.repeat(152)}€${'a'.repeat(151)}`, 'gsm7', 305, 2],
    ['the same, one letter longer', `${'a'.repeat(152)}€${'a'.repeat(152)}`, 'gsm7', 306, 3],
    ['155 Turkish letters', 'ş'.repeat(155), 'gsm7-tr-locking', 155, 1],
    ['156 Turkish letters', 'ş'.repeat(156), 'gsm7-tr-locking', 156, 2],
    ['298 Turkish letters', 'ş'.repeat(298), 'gsm7-tr-locking', 298, 2],
    ['a sign the locking table lost', 'ş¿', 'gsm7-tr-single', 3, 1],
    ['70 units of any script', 'ж'.repeat(70), 'ucs2', 70, 1],
    ['71 units of any script', 'ж'.repeat(71), 'ucs2', 71, 2],
    ['â is in no table', 'kâğıt', 'ucs2', 5, 1],
    ['a pair that would stand across two parts', `${'ж'.repeat(66)}😀${'ж'.repeat(66)}`, 'ucs2', 134, 3],
  ])('%s', (_name, text, encoding, units, parts) =>
    expect(segment(text)).toEqual({ encoding, units, parts }),
  );

  test('a receipt is one Turkish part, and one plain part without its letters', () => {
    const receipt =
      'Başvurunuz alınmıştır. Kayıt no: SOK-26-0001234-9. 48 saat içinde bilgi verilecektir. Takip: kapi.bel.tr/t/Ab3dE9';
    expect(segment(receipt)).toMatchObject({ encoding: 'gsm7-tr-locking', parts: 1 });
    expect(segment(toAsciiTurkish(receipt))).toMatchObject({ encoding: 'gsm7', parts: 1 });
  });
});

describe('septets', () => {
  test.each([
    ['gsm7-tr-locking', '€ıĞğŞşİç', [4, 7, 11, 12, 28, 29, 64, 96]],
    ['gsm7-tr-single', 'ĞİŞçğış', [27, 71, 27, 73, 27, 83, 27, 99, 27, 103, 27, 105, 27, 115]],
    ['gsm7-tr-single', '€', [27, 101]],
    ['gsm7', '@Δ\n{', [0, 16, 10, 27, 40]],
  ] as const)('%s writes «%s»', (encoding, text, septets) => {
    expect([...(toSeptets(text, encoding) ?? [])]).toEqual(septets);
    expect(fromSeptets(Uint8Array.from(septets), encoding)).toBe(text);
  });

  test('phones with wrong tables are not copied: 65 is € and not ğ, 07 is ı and not ì', () => {
    expect(fromSeptets(Uint8Array.of(27, 0x65), 'gsm7-tr-single')).toBe('€');
    expect(fromSeptets(Uint8Array.of(7), 'gsm7-tr-locking')).toBe('ı');
    expect(toSeptets('ì', 'gsm7-tr-locking')).toBeUndefined();
  });

  test.each([
    ['an unknown extension shows the plain character', [27, 0x41], 'A'],
    ['a double escape shows a space', [27, 27], ' '],
    ['an escape at the end shows a space', [0x41, 27], 'A '],
    ['a septet out of range shows a space', [200], ' '],
  ])('%s', (_name, septets, text) => expect(fromSeptets(Uint8Array.from(septets), 'gsm7')).toBe(text));

  test('what can be written comes back, in every table', () => {
    const letters = [...'@£$¥èéùìòÇØøÅåΔ_ÆæßÉ !"#¤%&0123:;ABCabcÄÖÑÜ§¿äöñüà^{}\\[]~|€ışğİŞĞç\n\r\fжâ😀'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...letters)), fc.constantFrom(...encodings), (all, encoding) => {
        const text = all.join('');
        const septets = toSeptets(text, encoding);
        if (septets === undefined) return;
        expect(fromSeptets(septets, encoding)).toBe(text);
      }),
      { numRuns: 10_000 },
    );
  });

  test('parts hold all units, and no fewer parts could', () => {
    const letters = [...'abcışğİŞĞç€{}жâ😀 '];
    const capacity = { gsm7: 153, 'gsm7-tr-locking': 149, 'gsm7-tr-single': 149, ucs2: 67 };
    const texts = fc.array(fc.constantFrom(...letters), { maxLength: 500 }).map((all) => all.join(''));
    fc.assert(
      fc.property(texts, (text) => {
        const { encoding, units, parts } = segment(text);
        const part = capacity[encoding];
        expect(parts).toBeGreaterThanOrEqual(Math.ceil(units / (part + 7)));
        // A part leaves at most one unit unused, where a pair did not fit.
        expect(parts).toBeLessThanOrEqual(Math.max(1, Math.ceil(units / (part - 1))));
      }),
      { numRuns: 10_000 },
    );
  });
});

test('Turkish letters become plain ones and nothing else changes', () => {
  expect(toAsciiTurkish('ŞşĞğİıÇçÖöÜü kâğıt s\u0327 ß 5')).toBe('SsGgIiCcOoUu kagit s ß 5');
});
