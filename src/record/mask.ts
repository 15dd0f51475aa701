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
const digitRunPattern = /\+?\d(?:[ \t().\-/]{0,2}\d){9,25}/g;

/** A text with every TCKN, phone and e-mail pattern masked. Length may change. */
export function maskText(text: string): string {
  return text.replace(emailPattern, maskEmail).replace(digitRunPattern, (run) => {
    const digits = run.replace(/\D/g, '');
    return digits.length === 11 && !digits.startsWith('0')
      ? maskTckn(digits)
      : `${'*'.repeat(Math.max(0, digits.length - 2))}${digits.slice(-2)}`;
  });
}
