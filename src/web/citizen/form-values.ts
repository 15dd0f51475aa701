import { type Anonymity, type ApplicationType, anonymities, applicationTypes } from '@kapi/contract';

/** The text fields of the form, under the names they have in the page. */
export const fieldNames = [
  'token',
  'website',
  'text',
  'applicationType',
  'district',
  'neighbourhood',
  'street',
  'doorNo',
  'placeText',
  'lat',
  'lon',
  'accuracyM',
  'anonymity',
  'name',
  'phone',
  'email',
  'tckn',
  'preferredReply',
] as const;
export type FieldName = (typeof fieldNames)[number];
export type FormValues = Readonly<Record<FieldName, string>>;

export const emptyValues: FormValues = {
  token: '',
  website: '',
  text: '',
  applicationType: '',
  district: '',
  neighbourhood: '',
  street: '',
  doorNo: '',
  placeText: '',
  lat: '',
  lon: '',
  accuracyM: '',
  anonymity: 'open',
  name: '',
  phone: '',
  email: '',
  tckn: '',
  preferredReply: '',
};

/** Longest text each field may hold; the limits of the message contract and, for places, common sense. */
export const fieldLimits = {
  district: 100,
  neighbourhood: 200,
  street: 200,
  doorNo: 40,
  placeText: 1000,
  name: 200,
  phone: 40,
  email: 320,
  tckn: 40,
} as const satisfies Partial<Record<FieldName, number>>;
export type LimitedField = keyof typeof fieldLimits;
export const limitedFields = Object.keys(fieldLimits) as readonly LimitedField[];

/** What a citizen may choose; words of the page, not of the law. */
export const offeredTypes = [
  'complaint',
  'request',
  'opinion',
  'thanks',
  'inquiry',
  'information',
  'tipoff',
  'participation',
] as const satisfies readonly ApplicationType[];

export const offeredReplies = ['sms', 'phone', 'email'] as const;
export type OfferedReply = (typeof offeredReplies)[number];

export const isApplicationType = (text: string): text is ApplicationType =>
  (applicationTypes as readonly string[]).includes(text);
export const isAnonymity = (text: string): text is Anonymity =>
  (anonymities as readonly string[]).includes(text);
export const isReply = (text: string): text is OfferedReply =>
  (offeredReplies as readonly string[]).includes(text);

const isFieldName = (text: string): text is FieldName => (fieldNames as readonly string[]).includes(text);

/** Fields as they arrived to values; unknown names are left out, a repeated name keeps its last value. */
export function toValues(fields: Iterable<readonly [string, string]>): FormValues {
  const values: Record<FieldName, string> = { ...emptyValues };
  for (const [name, value] of fields) if (isFieldName(name)) values[name] = value;
  return values;
}
