import { toE164, toEmail, validTckn, validVkn } from '@kapi/kit';

/** What one may write to a citizen by, or tell them from others by, as a person or program wrote it. */
export interface WrittenContacts {
  readonly phones?: readonly string[] | undefined;
  readonly emails?: readonly string[] | undefined;
  readonly tckn?: string | undefined;
  readonly taxNo?: string | undefined;
}

export interface Contacts {
  /** E.164. */
  readonly phones: readonly string[];
  readonly emails: readonly string[];
  readonly tckn?: { readonly digits: string; readonly status: 'valid' | 'invalid' };
  readonly taxNo?: string;
  /** What can be none of these, kept for a person to read: `extra.citizenAsWritten` of the record. */
  readonly asWritten: Readonly<Partial<Record<'phone' | 'email' | 'tckn' | 'taxNo', readonly string[]>>>;
}

const digitsOf = (text: string): string => text.replace(/[\s.\-/\u200b-\u200d\u2060\ufeff]/g, '');

/** Eleven digits; a wrong checksum is kept, and told by `validTckn`. */
export const toTckn = (text: string): string | undefined => /^\d{11}$/.exec(digitsOf(text))?.[0];

/** A tax number; a person's own is their TCKN. */
export function toTaxNo(text: string): string | undefined {
  const digits = digitsOf(text);
  return validVkn(digits) || validTckn(digits) ? digits : undefined;
}

const blank = (text: string): boolean => text.trim() === '';

function sorted(
  written: readonly string[] | undefined,
  read: (text: string) => string | undefined,
): { readonly good: string[]; readonly bad: string[] } {
  const good: string[] = [];
  const bad: string[] = [];
  for (const text of written ?? []) {
    if (blank(text)) continue;
    const value = read(text);
    if (value === undefined) bad.push(text);
    else good.push(value);
  }
  return { good, bad };
}

/** Only what can be a telephone number, an address, an identity or tax number counts as one. Pure. */
export function readContacts(written: WrittenContacts): Contacts {
  const phones = sorted(written.phones, toE164);
  const emails = sorted(written.emails, toEmail);
  const tckn = sorted(written.tckn === undefined ? [] : [written.tckn], toTckn);
  const taxNo = sorted(written.taxNo === undefined ? [] : [written.taxNo], toTaxNo);
  const [digits] = tckn.good;
  return {
    phones: phones.good,
    emails: emails.good,
    ...(digits !== undefined && { tckn: { digits, status: validTckn(digits) ? 'valid' : 'invalid' } }),
    ...(taxNo.good[0] !== undefined && { taxNo: taxNo.good[0] }),
    asWritten: {
      ...(phones.bad.length > 0 && { phone: phones.bad }),
      ...(emails.bad.length > 0 && { email: emails.bad }),
      ...(tckn.bad.length > 0 && { tckn: tckn.bad }),
      ...(taxNo.bad.length > 0 && { taxNo: taxNo.bad }),
    },
  };
}
