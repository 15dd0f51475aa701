import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canMove,
  canonicalNumber,
  checkDigit,
  civilYear,
  formatNumber,
  isNumber,
  maskEmail,
  maskName,
  maskPhone,
  maskTckn,
  maskTcknsIn,
  maskText,
  numbersIn,
  promiseClock,
  statuses,
  toEpoch,
  toInstant,
  transitions,
} from './index.ts';

describe('record numbers', () => {
  it('carry a check digit that catches every single wrong digit and every swap of neighbours', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9_999_999 }),
        fc.nat(8),
        fc.integer({ min: 1, max: 9 }),
        (serial, at, add) => {
          const number = formatNumber('SOK', 2026, serial);
          expect(isNumber(number)).toBe(true);
          const digits = [...number.slice(4).replaceAll('-', '')].map(Number);
          const rebuild = (changed: number[]) =>
            `SOK-${changed.slice(0, 2).join('')}-${changed.slice(2, 9).join('')}-${changed[9]}`;
          const wrong = [...digits];
          wrong[at] = ((wrong[at] ?? 0) + add) % 10;
          expect(isNumber(rebuild(wrong))).toBe(false);
          const swapped = [...digits];
          [swapped[at], swapped[at + 1]] = [swapped[at + 1] ?? 0, swapped[at] ?? 0];
          expect(isNumber(rebuild(swapped))).toBe(digits[at] === digits[at + 1]);
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it('use the Damm table: 572 has check digit 4', () => {
    expect(checkDigit('572')).toBe(4);
  });

  it('take the year by civil time in Türkiye', () => {
    expect(civilYear(Date.parse('2025-12-31T22:00:00Z'))).toBe(2026);
    expect(toInstant(Date.parse('2025-12-31T22:00:00Z'))).toBe('2026-01-01T01:00:00.000+03:00');
  });

  it('writes every moment as the platform would, three hours on', () => {
    fc.assert(
      fc.property(fc.integer({ min: -8e12, max: 2e14 }), (epoch) => {
        const platform = new Date(epoch + 3 * 3600_000).toISOString().replace('Z', '+03:00');
        expect(toInstant(epoch)).toBe(platform);
        expect(toEpoch(toInstant(epoch))).toBe(epoch);
      }),
    );
    expect(() => toInstant(Number.NaN)).toThrow(RangeError);
  });

  it.each([
    [' sok-26-0001234-9 ', 'SOK-26-0001234-9'],
    ['ŞÖK–26–0001234–9', 'SOK-26-0001234-9'],
    ['SOK-26-0001234-8', undefined],
    ['SOK 26 0001234 9', undefined],
  ])('are read as typed: «%s»', (typed, number) => {
    const valid = formatNumber('SOK', 2026, 1234);
    expect(
      canonicalNumber(typed.replaceAll('0001234-9', valid.slice(7)).replace('0001234–9', valid.slice(7))),
    ).toBe(number && valid);
  });

  it('are found inside a text, once each, and look-alikes are not', () => {
    const number = formatNumber('SOK', 2026, 77);
    expect(numbersIn(`Re: [${number}] ve ${number.toLowerCase()}, X${number}1`)).toEqual([number]);
  });
});

describe('the status table', () => {
  it('names only statuses, and every status can be reached or is the first', () => {
    const reached = new Set(Object.values(transitions).flat());
    for (const status of statuses) {
      expect(transitions[status]).toBeDefined();
      if (status !== 'draft') expect(reached.has(status)).toBe(true);
    }
  });
  it('never leads out of closed but by reopening', () => {
    expect(statuses.filter((to) => canMove('closed', to))).toEqual(['in_progress']);
  });
});

describe('the 48-hour clock', () => {
  it('counts calendar hours and warns twelve hours before', () => {
    const start = Date.parse('2026-03-19T23:30:00+03:00');
    const clock = promiseClock(start);
    expect(toEpoch(clock.dueAt) - start).toBe(48 * 3600_000);
    expect(toEpoch(clock.dueAt) - toEpoch(clock.warnAt)).toBe(12 * 3600_000);
  });
});

describe('masks', () => {
  it.each([
    [maskTckn('10000000146'), '*********46'],
    [maskPhone('+905321234567'), '0532 *** ** 67'],
    [maskPhone('+4915112345678'), '+49*** ** 78'],
    [maskEmail('ayse@example.org'), 'a***@example.org'],
    [maskName('Ayşe Nur Yılmaz'), 'A*** N*** Y***'],
    [
      maskText('TC 10000000146 tel 0532 123 45 67, ayse@example.org'),
      'TC *********46 tel 0532 *** ** 67, a***@example.org',
    ],
    [maskText('TC: 100 0000 0146.'), 'TC: *********46.'],
    [maskText('tel ٠٥٣٢ ١٢٣ ٤٥ ٦٧'), 'tel *********٦٧'],
    [maskText('tel 0532\u00a0123–45–67'), 'tel 0532 *** ** 67'],
    [maskText('+90 532 123 45 67 ve (0224) 123 45 67'), '0532 *** ** 67 ve (0224 *** ** 67'],
    [maskText('+49 1511 2345678'), '*'.repeat(11).concat('78')],
    [maskText('TC 1000\u200b0000\u200b146'), 'TC *********46'],
    [
      maskText('TC 1\u200b0\u200c0\u200d0\u20600\ufeff0\u00ad0\u200e0\u200b1\u200b4\u200b6'),
      'TC *********46',
    ],
    [maskText(`TC 1${'\u200b'.repeat(50)}0000000146`), 'TC *********46'],
    [maskText('TC 1̲0̲0̲0̲0̲0̲0̲0̲1̲4̲6̲'), 'TC *********46̲'],
    [
      maskText('TC 100_000_001_46, 100*000*001*46, 100,000,001,46'),
      'TC *********46, *********46, *********46',
    ],
    [maskText('TC\n100\n000\n001\n46'), 'TC\n*********46'],
    [maskText('ayse\u200b@exam\u200bple.org'), 'a***@example.org'],
    [maskText('40.2199871, 28.9123456'), '40.2199871, 28.9123456'],
    [maskPhone('abc'), '***'],
    [maskPhone('0532'), '***'],
    [maskText('kapı 12 100 000 001 46'), 'kapı 12 *********46'],
    [maskTcknsIn('kapı 12, 100 000 001 46'), 'kapı 12, *********46'],
    [maskTcknsIn('TC 1000\u200b0000\u200b146, 1234\u200b5678901'), 'TC *********46, *********01'],
    [maskTcknsIn('TC10000000146, 12345678901, 100 000 001 46'), 'TC*********46, *********01, *********46'],
    [
      maskTcknsIn('Tel 0532 123 45 67, +90 532 123 45 67, 100 000 001 47'),
      'Tel 0532 123 45 67, +90 532 123 45 67, 100 000 001 47',
    ],
    [maskTcknsIn(`${formatNumber('SOK', 2026, 1234)} 5 gün`), `${formatNumber('SOK', 2026, 1234)} 5 gün`],
    [
      maskText(`Kayıt ${formatNumber('SOK', 2026, 1234)}, kapı 12/3`),
      `Kayıt ${formatNumber('SOK', 2026, 1234)}, kapı 12/3`,
    ],
  ])('%s', (masked, expected) => {
    expect(masked).toBe(expected);
  });

  it('read a text of hardly more than what is not seen without getting lost in it', () => {
    const unseen = `1${'\u200b'.repeat(400)}`.repeat(500);
    expect(maskText(unseen).length).toBeLessThan(unseen.length);
    expect(maskText(`1${'\u200b'.repeat(200_000)}x`)).toContain('x');
  });

  it('leave no eleven-digit number standing in any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.stringMatching(/^[1-9]\d{10}$/), fc.string(), (before, tckn, after) => {
        expect(maskText(`${before} ${tckn} ${after}`)).not.toContain(tckn);
      }),
      { numRuns: 10_000 },
    );
  });
});
