import { z } from 'zod';
import { maskEmail, maskName, maskPhone, maskTckn, maskText } from './mask.ts';
import { isNumber } from './number.ts';
import type { Citizen, SokRecord } from './record.ts';
import type { Profile } from './vocabulary.ts';

/** The record as it may leave the house: never the tracking secrets. */
export type OutgoingRecord = Record<string, unknown>;

function maskCitizen(citizen: Citizen): Citizen {
  return {
    type: citizen.type,
    ...(citizen.name !== undefined && { name: maskName(citizen.name) }),
    ...(citizen.tckn !== undefined && { tckn: maskTckn(citizen.tckn), tcknStatus: citizen.tcknStatus }),
    phones: citizen.phones.map(maskPhone),
    emails: citizen.emails.map(maskEmail),
    handles: citizen.handles.map(({ account }) => ({ account, handle: '***' })),
    ...(citizen.language !== undefined && { language: citizen.language }),
    ...(citizen.preferredReply !== undefined && { preferredReply: citizen.preferredReply }),
    needs: citizen.needs,
  };
}

/**
 * What could name a confidential applicant leaves with no profile but `full`: free text, files, other
 * institutions' numbers, the telephone exchange's call, links to records that show who they are.
 */
function nameless(record: SokRecord): OutgoingRecord {
  const { trackingPin, trackingToken, findings, extra, subject, body, call, external, ...rest } = record;
  const { text: _text, ...place } = record.place ?? {};
  const { agenda: _agenda, ...gathering } = record.gathering ?? {};
  const { reason: _reason, ...outcome } = record.outcome ?? {};
  return {
    ...rest,
    createdBy: '***',
    citizen: { type: 'anonymous', phones: [], emails: [], handles: [], needs: [] },
    place,
    ...(record.gathering && { gathering }),
    ...(record.outcome && { outcome }),
    attachments: [],
    links: { related: [] },
  };
}

function masked(record: SokRecord): OutgoingRecord {
  if (record.anonymity !== 'open') return nameless(record);
  const { trackingPin, trackingToken, findings, citizen, extra, subject, body, ...rest } = record;
  const { place, attachments, outcome } = record;
  return {
    ...rest,
    citizen: maskCitizen(citizen),
    ...(subject !== undefined && { subject: maskText(subject) }),
    body: maskText(body),
    ...(place && { place: maskTexts(place, ['text', 'street', 'doorNo']) }),
    ...(outcome && { outcome: maskTexts(outcome, ['reason']) }),
    attachments: attachments.map(({ text, ...attachment }) => maskTexts(attachment, ['name'])),
  };
}

function maskTexts<T extends object>(value: T, keys: readonly (keyof T)[]): T {
  const texts = keys.flatMap((key) => {
    const text = value[key];
    return typeof text === 'string' ? [[key, maskText(text)]] : [];
  });
  return { ...value, ...Object.fromEntries(texts) };
}

function minimal(record: SokRecord): OutgoingRecord {
  const { text, ...place } = record.place ?? {};
  return {
    schema: record.schema,
    number: record.number,
    version: record.version,
    topic: record.topic,
    place,
    receivedAt: record.receivedAt,
    occurredAt: record.occurredAt,
    deadlines: record.deadlines,
  };
}

/** What one profile shows of a record. Pure; the same bytes for the same record version. */
export function project(record: SokRecord, profile: Profile): OutgoingRecord {
  if (profile === 'minimal') return minimal(record);
  if (profile === 'masked') return masked(record);
  const { trackingPin, trackingToken, ...rest } = record;
  return rest;
}

const maskedString = z.string().transform(maskText);
const uuid = z.uuid();

/** All that is shown masked of what an event says; what stands in no row here, corrections and notes, is not. */
const maskedEvent = {
  citizenText: maskedString,
  reason: maskedString,
  unit: maskedString,
  partner: maskedString,
  plannedDate: maskedString,
  outcome: maskedString,
  link: z.object({ number: z.string().refine(isNumber), as: maskedString }),
  messageId: uuid,
  messages: z.array(uuid),
} as const;

/** Free texts, and links to records that may name the applicant. */
const openOnly: ReadonlySet<string> = new Set(['citizenText', 'reason', 'link']);

/** What one profile shows of an event's data beyond the record. Pure. */
export function projectEvent(
  data: Readonly<Record<string, unknown>>,
  anonymity: SokRecord['anonymity'],
  profile: Profile,
): Record<string, unknown> {
  if (profile === 'full') return { ...data };
  if (profile === 'minimal') return {};
  const shown = Object.entries(maskedEvent).flatMap(([key, schema]) => {
    if (anonymity !== 'open' && openOnly.has(key)) return [];
    const parsed = schema.safeParse(data[key]);
    return parsed.success ? [[key, parsed.data]] : [];
  });
  return Object.fromEntries(shown);
}
