import { z } from 'zod';
import {
  anonymities,
  applicationTypes,
  channels,
  citizenTypes,
  confidentialities,
  deadlineKinds,
  findingSources,
  kinds,
  legalTracks,
  missingElements,
  needs,
  origins,
  outcomes,
  owners,
  roadClasses,
  statuses,
  urgencies,
} from './vocabulary.ts';

/** ISO 8601 with an offset, e.g. `2026-11-22T09:14:03+03:00`. */
const instant = z.iso.datetime({ offset: true });

export const numberPattern = /^[A-Z]{2,8}-\d{2}-\d{7,}-\d$/;

export const placeSchema = z.strictObject({
  province: z.string().optional(),
  district: z.string().optional(),
  neighbourhood: z.string().optional(),
  street: z.string().optional(),
  doorNo: z.string().optional(),
  postalCode: z.string().optional(),
  addressCode: z.string().optional().describe('Ten-digit national address code (UAVT), never required'),
  text: z.string().optional().describe('The place as the citizen put it'),
  lat: z.number().min(-90).max(90).optional(),
  lon: z.number().min(-180).max(180).optional(),
  accuracyM: z.number().nonnegative().optional(),
  roadClass: z.enum(roadClasses).optional(),
});
export type Place = z.infer<typeof placeSchema>;

export const citizenSchema = z.strictObject({
  type: z.enum(citizenTypes),
  name: z.string().optional(),
  tckn: z.string().optional(),
  tcknStatus: z.enum(['valid', 'invalid']).optional(),
  taxNo: z.string().optional(),
  organisation: z.string().optional(),
  phones: z.array(z.string()).describe('E.164'),
  emails: z.array(z.string()),
  handles: z.array(z.strictObject({ account: z.string(), handle: z.string() })),
  address: z.string().optional().describe('Where the citizen lives; never the place of the matter'),
  language: z.string().optional().describe('BCP 47'),
  preferredReply: z.enum(channels).optional(),
  answerBy: instant.optional(),
  needs: z.array(z.enum(needs)),
});
export type Citizen = z.infer<typeof citizenSchema>;

export const deadlineSchema = z.strictObject({
  kind: z.enum(deadlineKinds),
  startedAt: instant,
  dueAt: instant,
  warnAt: instant,
  metAt: instant.optional(),
  pausedFor: z.number().int().nonnegative().describe('Milliseconds the clock stood still').optional(),
});
export type Deadline = z.infer<typeof deadlineSchema>;

export const attachmentSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  mediaType: z.string().describe('By content, not by name'),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().optional(),
  state: z.enum(['pending', 'stored', 'retrying', 'expired', 'refused', 'infected']),
  reason: z.string().optional().describe('Why it was refused or could not be fetched'),
  text: z.string().optional(),
});
export type Attachment = z.infer<typeof attachmentSchema>;

export const findingSchema = z.strictObject({
  value: z.unknown(),
  confidence: z.number().min(0).max(1),
  from: z.enum(findingSources),
  rule: z.string().optional(),
  span: z.tuple([z.number().int(), z.number().int()]).optional().describe('Character offsets in the body'),
});
export type Finding = z.infer<typeof findingSchema>;

const messageRefSchema = z.strictObject({
  id: z.uuid(),
  revision: z.int().positive(),
  channel: z.enum(channels),
  at: instant,
  direction: z.enum(['in', 'out']),
});

const routeStepSchema = z.strictObject({
  unit: z.string().optional(),
  partner: z.string().optional(),
  ruleId: z.string().optional(),
  mode: z.enum(['proposal', 'automatic', 'manual']),
  at: instant,
});

export const routeSchema = routeStepSchema.omit({ at: true }).extend({ history: z.array(routeStepSchema) });

/** The ŞÖK record: one case. JSON Schema is generated from here. */
export const recordSchema = z.strictObject({
  schema: z.literal('sok/1'),
  id: z.uuid(),
  version: z.int().positive(),
  number: z.string().regex(numberPattern),
  trackingPin: z.string().regex(/^\d{6}$/),
  trackingToken: z.string().describe('128 bits, base64url; opens the tracking page from a link'),
  kind: z.enum(kinds),
  applicationType: z.enum(applicationTypes),
  legalTrack: z.enum(legalTracks),
  channel: z.enum(channels),
  account: z.string(),
  origin: z.enum(origins),
  createdBy: z.string(),
  gathering: z
    .strictObject({
      kind: z.enum(['meeting', 'mobile_round', 'idea_box']),
      id: z.string(),
      date: z.string(),
      neighbourhood: z.string().optional(),
      agenda: z.string().optional(),
    })
    .optional(),
  external: z
    .strictObject({
      profile: z.string(),
      institution: z.strictObject({ detsis: z.string().optional(), name: z.string() }).optional(),
      number: z.string(),
      date: z.string().optional(),
    })
    .optional(),
  receivedAt: instant.describe('When it reached the gateway; the 48-hour clock may have started before'),
  occurredAt: instant.describe('When it was said; earlier than receivedAt for offline capture'),
  citizen: citizenSchema,
  anonymity: z.enum(anonymities),
  subject: z.string().optional(),
  body: z.string().describe('All inbound messages, oldest first'),
  language: z.string().optional(),
  place: placeSchema.optional(),
  topic: z
    .strictObject({
      code: z.string().optional(),
      candidates: z.array(z.strictObject({ code: z.string(), confidence: z.number() })),
    })
    .optional(),
  owner: z.enum(owners),
  route: routeSchema,
  urgency: z.enum(urgencies),
  confidentiality: z.enum(confidentialities),
  deadlines: z.array(deadlineSchema),
  status: z.enum(statuses),
  outcome: z
    .strictObject({
      result: z.enum(outcomes),
      reason: z.string().optional(),
      plannedDate: z.string().optional(),
    })
    .optional(),
  missing: z.array(z.enum(missingElements)),
  messages: z.array(messageRefSchema),
  attachments: z.array(attachmentSchema),
  call: z.strictObject({ provider: z.string(), callId: z.string() }).optional(),
  links: z.strictObject({
    duplicateOf: z.string().optional(),
    related: z.array(z.string()),
    parent: z.string().optional(),
    incident: z.string().optional(),
  }),
  privacy: z.strictObject({
    noticeVersion: z.string().optional().describe('KVKK notice shown to the citizen'),
    transferBasis: z.string().optional(),
    retainUntil: instant.optional(),
    hold: z.boolean().optional(),
  }),
  findings: z.record(z.string(), findingSchema).describe('Keyed by JSON pointer into this record'),
  extra: z.record(z.string(), z.unknown()),
});
export type SokRecord = z.infer<typeof recordSchema>;
