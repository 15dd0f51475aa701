import {
  type InboundMessage,
  type Part,
  promiseClock,
  type SokRecord,
  toEpoch,
  toInstant,
} from '@kapi/contract';
import { type Understanding, understand } from '../understanding/index.ts';
import { firstHeardAt } from './first-heard.ts';
import { route } from './route.ts';
import type { AccountSettings, IntakeSettings } from './settings.ts';

/** One message on its way into a record. */
export interface Said {
  readonly id: string;
  readonly revision: number;
  readonly content: InboundMessage;
  readonly parts: readonly Part[];
  readonly receivedAt: number;
  readonly saidAt: number;
}

export interface RecordSeed {
  readonly id: string;
  readonly number: string;
  readonly trackingPin: string;
  readonly trackingToken: string;
  readonly createdBy: string;
  readonly related: readonly string[];
}

const dayMs = 86_400_000;
/** Channels through which a clerk or another institution speaks for the citizen. */
const institutional = new Set([
  'cimer',
  'bimer_legacy',
  'tbmm_edilekce',
  'acikkapi',
  'eyp',
  'kep',
  'district_desk',
]);

/** A part as the record shows it. Its id is the part's key until the file is stored, then the blob's. */
export function toAttachment(part: Part, name: string): SokRecord['attachments'][number] {
  return {
    id: part.blob?.id ?? part.key,
    name,
    mediaType: part.blob?.mediaType ?? part.mediaType ?? 'application/octet-stream',
    bytes: part.blob?.bytes ?? 0,
    ...(part.blob && { sha256: part.blob.sha256 }),
    state: part.state,
    ...(part.reason !== undefined && { reason: part.reason }),
  };
}

export const toAttachments = (messages: readonly Said[]): SokRecord['attachments'] =>
  messages.flatMap(({ content, parts }) =>
    content.attachments.map(({ part: key, name, mediaType }) => {
      const part = parts.find((candidate) => candidate.key === key);
      return toAttachment(
        part ?? { key, kind: 'media', wait: 'optional', state: 'pending', mediaType },
        name,
      );
    }),
  );

export const toMessageRefs = (messages: readonly Said[]): SokRecord['messages'] =>
  messages.map((message) => ({
    id: message.id,
    revision: message.revision,
    channel: message.content.channel,
    at: toInstant(message.saidAt),
    direction: 'in',
  }));

/** The first version of a record from messages said in one breath, oldest first. Pure. */
export function toRecord(
  seed: RecordSeed,
  messages: readonly [Said, ...Said[]],
  account: AccountSettings,
  settings: IntakeSettings,
): SokRecord {
  const contents = messages.map((message) => message.content);
  const understood = understand(contents, account.id, settings.lexicon);
  const [first] = messages;
  const receivedAt = Math.min(...messages.map((message) => message.receivedAt));
  const facts = first.content.facts;
  const routed = route(understood, facts?.unit ?? account.unit, toInstant(receivedAt));
  const legalTrack = legalTrackOf(first.content.channel, understood);

  return {
    schema: 'sok/1',
    id: seed.id,
    version: 1,
    number: seed.number,
    trackingPin: seed.trackingPin,
    trackingToken: seed.trackingToken,
    kind: understood.kind,
    applicationType: understood.applicationType,
    legalTrack,
    channel: first.content.channel,
    account: account.id,
    origin: institutional.has(first.content.channel) ? 'institution' : facts?.createdBy ? 'clerk' : 'citizen',
    createdBy: facts?.createdBy ?? seed.createdBy,
    ...(facts?.gathering && { gathering: facts.gathering }),
    ...(facts?.external && { external: facts.external }),
    receivedAt: toInstant(receivedAt),
    occurredAt: toInstant(Math.min(...messages.map((message) => message.saidAt))),
    citizen: understood.citizen,
    anonymity: understood.anonymity,
    ...(understood.subject !== undefined && { subject: understood.subject }),
    body: understood.body,
    ...(understood.language !== undefined && { language: understood.language }),
    ...(understood.place && { place: understood.place }),
    owner: routed.owner,
    route: routed.route,
    urgency: understood.urgency,
    confidentiality: facts?.confidentiality ?? 'none',
    deadlines: account.promise ? [promiseClock(Math.min(...messages.map(firstHeardAt)))] : [],
    status: 'queued',
    missing: missingOf(understood),
    messages: toMessageRefs(messages),
    attachments: toAttachments(messages),
    ...(facts?.call && { call: facts.call }),
    links: { related: [...seed.related] },
    privacy: {
      ...(facts?.noticeVersion !== undefined && { noticeVersion: facts.noticeVersion }),
      ...(account.transferBasis !== undefined && { transferBasis: account.transferBasis }),
      retainUntil: toInstant(receivedAt + settings.retentionDays * dayMs),
    },
    findings: understood.findings,
    extra: {
      ...facts?.extra,
      ...(Object.keys(understood.asWritten).length > 0 && { citizenAsWritten: understood.asWritten }),
    },
  };
}

function legalTrackOf(channel: SokRecord['channel'], understood: Understanding): SokRecord['legalTrack'] {
  if (understood.applicationType === 'information') return 'law4982';
  if (channel === 'petition' || channel === 'kep' || channel === 'cimer' || channel === 'tbmm_edilekce') {
    return 'law3071';
  }
  return institutional.has(channel) ? 'institution' : 'service';
}

function missingOf({ citizen, place, anonymity }: Understanding): SokRecord['missing'] {
  const reachable = citizen.phones.length + citizen.emails.length + citizen.handles.length > 0;
  return [
    ...(reachable || anonymity === 'anonymous' ? [] : (['contact'] as const)),
    ...(place ? [] : (['place'] as const)),
  ];
}

/** Moment the 48-hour clock warns, where it runs. */
export function warnAt(record: SokRecord): number | undefined {
  const clock = record.deadlines.find((deadline) => deadline.kind === '48h' && deadline.metAt === undefined);
  return clock && toEpoch(clock.warnAt);
}
