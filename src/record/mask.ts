import { isNumber } from './number.ts';
import { validTckn } from './tckn.ts';

/**
 * Masks for personal data. TCKN shows its last two digits only: those are the check digits, and a
 * longer mask leaves about a thousand candidates.
 */

export const maskTckn = (tckn: string): string => `*********${tckn.slice(-2)}`;

/** `+905321234567` → `0532 *** ** 67`; a foreign number keeps its first three characters. */
export function maskPhone(phone: string): string {
  const national = /^\+90(\d{3})\d{5}(\d{2})$/.exec(phone);
  if (national) return `0${national[1]} *** ** ${national[2]}`;
  return `${phone.slice(0, 3)}*** ** ${phone.slice(-2)}`;
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

const emailPattern = /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}.-]{1,253}\.[\p{L}]{2,24}/gu;
// A run of digits that separators may interrupt; long enough for a phone, an identity number or an IBAN.
// Digits of any script: people write them as their keyboard does. A record number, which stays, looks like one too.
const digitRunPattern =
  /[A-Z]{2,8}-\d{2}-\d{7,}-\d(?!\d)|\+?\p{Nd}(?:[ \t\u00a0\u202f().\-–/]{0,2}\p{Nd}){9,25}/gu;

/** A text with every TCKN, phone and e-mail pattern masked. Length may change. */
export function maskText(text: string): string {
  return text.replace(emailPattern, maskEmail).replace(digitRunPattern, (run) => {
    if (isNumber(run)) return run;
    const digits = [...run.replace(/\P{Nd}/gu, '')];
    return `${'*'.repeat(digits.length - 2)}${digits.slice(-2).join('')}`;
  });
}

const tcknPattern =
  /[A-Z]{2,8}-\d{2}-\d{7,}-\d(?!\d)|(?<![\d+])[1-9](?:[ \t\u00a0\u202f.\-–/]{0,2}\d){10}(?!\d)/gu;

/**
 * A text with identity numbers masked and everything else kept: for what goes to the citizen. Eleven
 * digits in one piece are always taken for one, in several pieces where the check digits hold.
 */
export const maskTcknsIn = (text: string): string =>
  text.replace(tcknPattern, (run) => {
    const digits = run.replace(/\D/g, '');
    return !isNumber(run) && (run === digits || validTckn(digits)) ? maskTckn(digits) : run;
  });
