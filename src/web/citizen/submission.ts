import type { MessageSubmission } from '@kapi/contract';
import {
  type FieldName,
  type FormValues,
  fieldLimits,
  isAnonymity,
  isApplicationType,
  isReply,
  type LimitedField,
  limitedFields,
} from './form-values.ts';
import type { Language } from './texts.ts';

/** What is wrong with a submission; the page turns each into a sentence beside its field. */
export type Problem =
  | { readonly kind: 'empty' }
  | { readonly kind: 'trap' }
  | { readonly kind: 'too_long'; readonly field: 'text' | LimitedField; readonly limit: number }
  | { readonly kind: 'file_too_large'; readonly name: string }
  | { readonly kind: 'file_refused'; readonly name: string }
  | { readonly kind: 'too_many_files' }
  | { readonly kind: 'token_forged' | 'token_early' | 'token_expired' }
  | { readonly kind: 'changed_after_sent' }
  | { readonly kind: 'refused'; readonly field?: FieldName }
  | { readonly kind: 'unavailable' };

/** The text fields judged by themselves. Citizens may leave anything out but the matter. */
export function problemsIn(values: FormValues, files: number, maxTextCharacters: number): Problem[] {
  const problems: Problem[] = [];
  if (values.website.trim() !== '') problems.push({ kind: 'trap' });
  if (values.text.trim() === '' && files === 0) problems.push({ kind: 'empty' });
  if (values.text.length > maxTextCharacters) {
    problems.push({ kind: 'too_long', field: 'text', limit: maxTextCharacters });
  }
  for (const field of limitedFields) {
    const limit = fieldLimits[field];
    if (singleLine(values[field]).length > limit) problems.push({ kind: 'too_long', field, limit });
  }
  return problems;
}

const singleLine = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, ' ').trim();

// Browsers send the line breaks of a text area as CR LF.
const multiLine = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .trim();

/** A number within bounds, or undefined: only the page's own script fills these, never a person. */
function coordinate(text: string, low: number, high: number): number | undefined {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return value >= low && value <= high ? value : undefined;
}

/**
 * Judged values to the message they are. An anonymous citizen's identity is left out here, whatever was
 * typed before they chose; a tip-off not marked otherwise takes the house's default, which is confidential.
 */
export function toSubmission(
  values: FormValues,
  from: {
    readonly language: Language;
    readonly noticeVersion: string;
    readonly province: string | undefined;
    readonly uploads: readonly string[];
  },
): MessageSubmission {
  const anonymity = isAnonymity(values.anonymity) ? values.anonymity : 'open';
  const applicationType = isApplicationType(values.applicationType) ? values.applicationType : undefined;
  const identity =
    anonymity === 'anonymous'
      ? {}
      : {
          name: singleLine(values.name) || undefined,
          phone: singleLine(values.phone) || undefined,
          email: singleLine(values.email) || undefined,
          tckn: singleLine(values.tckn) || undefined,
          preferredReply: isReply(values.preferredReply) ? values.preferredReply : undefined,
        };
  const lat = coordinate(values.lat, -90, 90);
  const lon = coordinate(values.lon, -180, 180);
  const located = lat !== undefined && lon !== undefined;
  const place = {
    district: singleLine(values.district) || undefined,
    neighbourhood: singleLine(values.neighbourhood) || undefined,
    street: singleLine(values.street) || undefined,
    doorNo: singleLine(values.doorNo) || undefined,
    text: multiLine(values.placeText) || undefined,
    lat: located ? lat : undefined,
    lon: located ? lon : undefined,
    accuracyM: located ? coordinate(values.accuracyM, 0, 10_000_000) : undefined,
  };
  const placed = Object.values(place).some((value) => value !== undefined);
  return {
    channel: 'web',
    citizen: { ...identity, language: from.language },
    anonymity: anonymity === 'open' && applicationType === 'tipoff' ? undefined : anonymity,
    applicationType,
    text: multiLine(values.text) || undefined,
    place: placed ? { province: from.province, ...place } : undefined,
    attachments: from.uploads.length === 0 ? undefined : from.uploads.map((upload) => ({ upload })),
    noticeVersion: from.noticeVersion,
  };
}

/** Field of the form that a pointer of the message contract speaks of. */
export function fieldOf(pointer: string): FieldName | undefined {
  const last = pointer.split('/').at(-1) ?? '';
  if (pointer.startsWith('/place/')) {
    if (last === 'text') return 'placeText';
    if (last === 'district' || last === 'neighbourhood' || last === 'street' || last === 'doorNo')
      return last;
    return undefined;
  }
  if (pointer.startsWith('/citizen/')) {
    const known = ['name', 'phone', 'email', 'tckn', 'preferredReply'] as const;
    return known.find((name) => name === last);
  }
  return pointer === '/text' ? 'text' : undefined;
}
