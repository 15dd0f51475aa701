/** Record numbers: `PREFIX-YY-NNNNNNN-C`, C a Damm check digit over YY and N. */

// The totally anti-symmetric quasigroup of H. Michael Damm (2004): catches every single wrong
// digit and every swap of neighbours.
const damm = [
  [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
  [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
  [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
  [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
  [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
  [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
  [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
  [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
  [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
  [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
] as const;

/** Damm check digit of a string of decimal digits. */
export function checkDigit(digits: string): number {
  let interim = 0;
  for (const digit of digits) interim = damm[interim]?.[Number(digit)] ?? 0;
  return interim;
}

/** @param year four digits, by Europe/Istanbul @param serial counts from 1 within prefix and year */
export function formatNumber(prefix: string, year: number, serial: number): string {
  const yy = String(year % 100).padStart(2, '0');
  const n = String(serial).padStart(7, '0');
  return `${prefix}-${yy}-${n}-${checkDigit(yy + n)}`;
}

/** True for a well-formed number whose check digit holds. Input is as typed: case and spaces forgiven. */
export function isNumber(text: string): boolean {
  const match = /^([A-Z]{2,8})-(\d{2})-(\d{7,})-(\d)$/.exec(text);
  return match !== null && checkDigit(`${match[2]}${match[3]}`) === Number(match[4]);
}

/** Canonical form of what a person typed (`sok 26 1234 9` stays unknown): upper case, no spaces, plain hyphens. */
export function canonicalNumber(typed: string): string | undefined {
  const text = typed
    .trim()
    .replace(/[‐-―−]/g, '-')
    .replace(/\s+/g, '')
    .replace(/ş/gi, 's')
    .replace(/ö/gi, 'o')
    .toUpperCase();
  return isNumber(text) ? text : undefined;
}

/** Every well-formed record number inside a text, in order, without repeats. */
export function numbersIn(text: string): string[] {
  const found = text.matchAll(/(?<![A-Z0-9-])[A-Z]{2,8}-\d{2}-\d{7,}-\d(?![\d-])/gi);
  return [...new Set([...found].map((match) => match[0].toUpperCase()).filter(isNumber))];
}
