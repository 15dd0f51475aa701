import { maskEmail, maskName, maskPhone, maskTckn, maskText } from './mask.ts';
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

function masked(record: SokRecord): OutgoingRecord {
  const { trackingPin, trackingToken, findings, citizen, extra, ...rest } = record;
  return {
    ...rest,
    citizen:
      record.anonymity === 'open'
        ? maskCitizen(citizen)
        : { type: 'anonymous', phones: [], emails: [], handles: [], needs: citizen.needs },
    ...(record.subject !== undefined && { subject: maskText(record.subject) }),
    body: maskText(record.body),
    ...(record.place?.text !== undefined && {
      place: { ...record.place, text: maskText(record.place.text) },
    }),
    attachments: record.attachments.map(({ text, ...attachment }) => attachment),
  };
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
