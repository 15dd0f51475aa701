import { digitGap, maskTckn, validTckn } from '@kapi/contract';

// Eleven digits, separators allowed, not inside a longer word, number or identifier.
const elevenDigits = new RegExp(
  `(?<![\\p{L}\\p{N}-])[1-9](?:${digitGap}\\d){10}(?![\\p{L}\\p{N}]|-\\d)`,
  'gu',
);

/** A text with every valid TCKN masked; numbers that only look like one are left. */
export function withoutTckn(text: string): string {
  return text.replace(elevenDigits, (run) => {
    const digits = run.replace(/\D/g, '');
    return validTckn(digits) ? maskTckn(digits) : run;
  });
}
