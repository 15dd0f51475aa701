import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js';

/** `444 xxxx` is dialled inside Türkiye only and has no international form. */
const nationalOnly = /^\+90444\d{4}$/;
/** A Turkish mobile as most people write it. Saying what it is here costs a tenth of asking the library. */
const plainMobile = /^(?:(?:\+|00)?90 ?0?|0)?\(?(5\d\d)\)?[ .-]?(\d{3})[ .-]?(\d{2})[ .-]?(\d{2})$/;
const numberSpan = /[+＋]?[(\p{Nd}][\p{Nd} \t().\-/]{5,}/gu;

/**
 * A telephone number in any of the ways Turks write it (`0532…`, `532…`, `90532…`, `+90 0532…`, `0090…`,
 * brackets, dots, slashes, a label beside it) to E.164. Undefined for what is no subscriber number that can
 * be reached from abroad: short numbers, `444 xxxx`, alphanumeric senders, seven digits without area code,
 * identity numbers. Two different numbers in one text are undefined too: none is preferred.
 */
export function toE164(text: string, defaultCountry: CountryCode = 'TR'): string | undefined {
  const trimmed = text.trim();
  const mobile = defaultCountry === 'TR' ? plainMobile.exec(trimmed) : null;
  if (mobile) return `+90${mobile.slice(1).join('')}`;
  const whole = parse(trimmed, defaultCountry);
  if (whole !== undefined) return whole;
  const found = new Set<string>();
  for (const span of text.match(numberSpan) ?? []) {
    const number = parse(span.trim(), defaultCountry);
    if (number !== undefined) found.add(number);
  }
  const [only, another] = found;
  return another === undefined ? only : undefined;
}

function parse(text: string, defaultCountry: CountryCode): string | undefined {
  const number = parsePhoneNumberFromString(text, { defaultCountry, extract: false });
  return number?.isValid() && !nationalOnly.test(number.number) ? number.number : undefined;
}
