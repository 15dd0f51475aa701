import { isNumber } from './number.ts';
import { validTckn } from './tckn.ts';

/**
 * Masks for personal data. TCKN shows its last two digits only: those are the check digits, and a
 * longer mask leaves about a thousand candidates.
 */

export const maskTckn = (tckn: string): string => `*********${tckn.slice(-2)}`;

/** `+905321234567` → `0532 *** ** 67`; a foreign number keeps its first three characters, what is no number nothing. */
export function maskPhone(phone: string): string {
  const national = /^\+90(\d{3})\d{5}(\d{2})$/.exec(phone);
  if (national) return `0${national[1]} *** ** ${national[2]}`;
  return /^\+\d{7,15}$/.test(phone) ? `${phone.slice(0, 3)}*** ** ${phone.slice(-2)}` : '***';
}

/** `ayse@example.org` → `a***@example.org`. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@');
  return at < 1 ? '***' : `${email[0]}***${email.slice(at)}`;
}

/** `Ayşe Nur Yılmaz` → `A*** N*** Y***`. */
export const maskName = (name: string): string =>
  name
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => `${[...word][0]}***`)
    .join(' ');

/** Characters that are not seen: whoever copies a number out of a page copies them too. */
const unseen = '\\p{Cf}\\p{Mn}\\p{Me}\\u115f\\u1160\\u3164\\uffa0';
const unseenPattern = new RegExp(`[${unseen}]`, 'gu');
// A gap is up to two separators, with anything unseen between: written so that it can be read in one way only.
const gapOf = (separators: string): string => `[${unseen}]*(?:[${separators}][${unseen}]*){0,2}`;
/** Pattern (`u` flag) of what may stand between the digits of one number. A comma stays out: coordinates have one. */
export const digitGap = gapOf("\\t\\p{Zs}().\\-\\u2010-\\u2015\\u2212/_*|·'\\\\");
/** Between the digits of an identity number, whose check digits tell it from other numbers. */
const wideGap = gapOf("\\s.,:;\\-\\u2010-\\u2015\\u2212/_*|·'()\\\\");

const emailPattern = new RegExp(
  `[\\p{L}\\p{N}._%+${unseen}-]{1,64}@[\\p{L}\\p{N}.${unseen}-]{1,253}\\.[\\p{L}${unseen}]{2,24}`,
  'gu',
);
const numberShape = '[A-Z]{2,8}-\\d{2}-\\d{7,}-\\d(?!\\d)';
// A run of digits that separators may interrupt; long enough for a phone, an identity number or an IBAN.
// Digits of any script: people write them as their keyboard does. A record number, which stays, looks like one too.
const digitRunPattern = new RegExp(`${numberShape}|\\+?\\p{Nd}(?:${digitGap}\\p{Nd}){9,25}`, 'gu');
const tcknPattern = (between: string): RegExp =>
  new RegExp(`(?<![\\d+])[1-9](?:${between}\\d){10}(?!\\d)`, 'gu');
const interruptedTckn = tcknPattern(digitGap);
const widelyInterruptedTckn = tcknPattern(wideGap);
const numberPattern = new RegExp(`^${numberShape}`, 'u');

/**
 * The text with each eleven digits that `isTckn` takes for one masked. What it does not take is looked at again
 * from its next number on: a door number may stand right before the identity number.
 */
function maskTckns(text: string, pattern: RegExp, isTckn: (run: string, digits: string) => boolean): string {
  let masked = '';
  let done = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [run] = match;
    const digits = run.replace(/\D/g, '');
    if (!isRecordNumberAt(text, match.index) && isTckn(run, digits)) {
      masked += text.slice(done, match.index) + maskTckn(digits);
      done = match.index + run.length;
    } else pattern.lastIndex = match.index + 1;
  }
  return masked + text.slice(done);
}

/** Whether the digits at `at` are of a record number, such as `26-0001234-9` behind its prefix. */
function isRecordNumberAt(text: string, at: number): boolean {
  const prefix = /[A-Z]{2,8}-$/.exec(text.slice(Math.max(0, at - 9), at));
  const found = prefix && numberPattern.exec(text.slice(at - prefix[0].length, at + 40));
  return found !== null && isNumber(found[0]);
}

/** A Turkish telephone by its digits, as it is masked elsewhere; undefined for any other run. */
function maskedPhone(digits: string): string | undefined {
  const national = /^(?:(?:0?0?90)?0?(5\d{9})|(?:0?0?90|0)([2-4]\d{9}))$/.exec(digits);
  return national ? maskPhone(`+90${national[1] ?? national[2]}`) : undefined;
}

/** A text with every TCKN, phone and e-mail pattern masked. Length may change. */
export function maskText(text: string): string {
  const noEmails = text.replace(emailPattern, (email) => maskEmail(email.replace(unseenPattern, '')));
  return maskTckns(noEmails, widelyInterruptedTckn, (_run, digits) => validTckn(digits)).replace(
    digitRunPattern,
    (run) => {
      if (isNumber(run)) return run;
      const digits = [...run.replace(/\P{Nd}/gu, '')];
      return maskedPhone(digits.join('')) ?? `${'*'.repeat(digits.length - 2)}${digits.slice(-2).join('')}`;
    },
  );
}

/**
 * A text with identity numbers masked and everything else kept: for what goes to the citizen. Eleven
 * digits in one piece are always taken for one, in several pieces where the check digits hold.
 */
export const maskTcknsIn = (text: string): string =>
  maskTckns(
    text,
    interruptedTckn,
    (run, digits) => run.replace(unseenPattern, '') === digits || validTckn(digits),
  );
