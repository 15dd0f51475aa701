import { z } from 'zod';
import {
  anonymities,
  applicationTypes,
  channels,
  needs,
  outcomes,
  placeSchema,
  statuses,
  urgencies,
} from '../record/index.ts';
import { scopes } from './store.ts';

/** Shapes of the HTTP API's bodies: the source of validation, OpenAPI and the clients' types. */

const instant = z.iso.datetime({ offset: true });
const short = (max: number) => z.string().trim().min(1).max(max);

/** Programs fill in every member they know of: one with nothing in it says nothing. */
const emptyIsAbsent = <T extends z.ZodType>(schema: T) =>
  z
    .preprocess(
      (value) =>
        typeof value === 'object' && value !== null && Object.keys(value).length === 0 ? undefined : value,
      schema.optional(),
    )
    .optional();

export const submittedCitizen = z.strictObject({
  name: short(200).optional(),
  tckn: short(40).optional().describe('As the citizen said it; a wrong checksum is kept and marked'),
  taxNo: short(40).optional(),
  organisation: short(200).optional(),
  phone: short(40).optional().describe('Any way Turks write it; E.164 in the record'),
  email: z.string().trim().max(320).optional(),
  address: short(1000).optional().describe('Where the citizen lives'),
  preferredReply: z.enum(channels).optional(),
  answerBy: instant.optional(),
  language: z.string().max(35).optional(),
  needs: z.array(z.enum(needs)).optional(),
});

export const submittedAttachment = z.union([
  z.strictObject({ upload: z.string().max(100) }),
  z.strictObject({ url: z.url({ protocol: /^https$/ }).max(2000), name: short(255).optional() }),
]);

/** `POST /v1/messages`. Needs a text or an attachment, and a `sourceId` or an `Idempotency-Key` header. */
export const messageSubmission = z.strictObject({
  sourceId: short(255).optional(),
  channel: z.enum(channels),
  account: short(64).optional(),
  occurredAt: instant.optional(),
  citizen: submittedCitizen.optional(),
  anonymity: z.enum(anonymities).optional(),
  applicationType: z.enum(applicationTypes).optional(),
  urgency: z.enum(urgencies).optional(),
  subject: z.string().trim().max(500).optional(),
  text: z.string().max(100_000).optional(),
  place: placeSchema.partial().optional(),
  attachments: z.array(submittedAttachment).max(20).optional(),
  call: z.strictObject({ provider: short(64), callId: short(255) }).optional(),
  createdBy: short(200).optional(),
  unit: short(64).optional().describe('Explicit unit beside coordination'),
  gathering: z
    .strictObject({
      kind: z.enum(['meeting', 'mobile_round', 'idea_box']),
      id: short(100),
      date: z.iso.date(),
      neighbourhood: short(200).optional(),
      agenda: short(500).optional(),
    })
    .optional(),
  external: emptyIsAbsent(
    z.strictObject({
      profile: short(64),
      institution: z.strictObject({ detsis: short(20).optional(), name: short(300) }).optional(),
      number: short(100),
      date: short(40).optional(),
    }),
  ),
  noticeVersion: short(40).optional().describe('Version of the KVKK notice the citizen was shown'),
  thread: short(40)
    .optional()
    .describe(
      'Number of a record this message belongs to: joined with a key that has records:join, else linked',
    ),
  extra: z.record(z.string().max(100), z.unknown()).optional(),
});
export type MessageSubmission = z.output<typeof messageSubmission>;

export const messageReceipt = z.strictObject({
  id: z.uuid(),
  number: z.string(),
  trackingPin: z
    .string()
    .optional()
    .describe('Absent where the message joined a record: its PIN is for whoever opened it'),
  trackingToken: z.string().optional().describe('Opens `/takip/{token}` without number and PIN'),
  thread: z
    .enum(['joined', 'linked'])
    .optional()
    .describe(
      'Where the message named a record: whether it stands in that record, or in its own, linked to it',
    ),
  promiseDueAt: instant.optional().describe('When the 48-hour promise ends'),
  duplicate: z.boolean(),
  warnings: z
    .array(z.strictObject({ pointer: z.string(), message: z.string() }))
    .optional()
    .describe('What was taken in but cannot be used: a telephone that is none, kept as it was written'),
});
export type MessageReceipt = z.output<typeof messageReceipt>;

/** `POST /v1/records/{number}/events`. `key` makes a repeat harmless; `If-Match` guards against another clerk. */
export const eventSubmission = z.strictObject({
  key: short(255).optional(),
  event: z.enum([
    'accepted',
    'forwarded',
    'in_progress',
    'asked',
    'answer_proposed',
    'answered',
    'closed',
    'cancelled',
    'reopened',
    'restored',
    'corrected',
    'rerouted',
    'linked',
    'unlinked',
    'split',
    'noted',
    'transcribed',
  ]),
  citizenText: z.string().trim().max(10_000).optional().describe('Goes to the citizen'),
  internalNote: z.string().trim().max(10_000).optional().describe('Never leaves the house'),
  unit: short(64).optional(),
  partner: short(64).optional(),
  plannedDate: z.iso.date().optional(),
  outcome: z.enum(outcomes).optional(),
  reason: z.string().trim().max(2000).optional(),
  /** `corrected`, `transcribed`: new values; findings from a clerk, never overwritten by rules. */
  set: z
    .strictObject({
      subject: z.string().max(500).optional(),
      applicationType: z.enum(applicationTypes).optional(),
      topic: short(20).optional(),
      urgency: z.enum(urgencies).optional(),
      anonymity: z.enum(anonymities).optional(),
      place: placeSchema.partial().optional(),
      citizen: submittedCitizen.optional(),
      text: z.string().max(100_000).optional(),
    })
    .optional(),
  /** `linked`, `unlinked`. */
  link: z.strictObject({ number: short(40), as: z.enum(['duplicateOf', 'related', 'parent']) }).optional(),
  /** `split`: messages that become a record of their own. */
  messages: z.array(z.uuid()).max(100).optional(),
});
export type EventSubmission = z.output<typeof eventSubmission>;

/** `POST /v1/callbacks/{id}/close`. */
export const closeCallbackRequest = z.strictObject({
  told: z.array(z.uuid()).min(1).max(100).optional().describe('Ids of the events that were told'),
});

export const claimRequest = z.strictObject({
  queue: short(64).default('coordination'),
  max: z.int().min(1).max(500).default(50),
  leaseSeconds: z.int().min(5).max(3600).default(60),
  waitSeconds: z.int().min(0).max(30).default(0),
  filter: z
    .strictObject({
      urgency: z.array(z.enum(urgencies)).optional(),
      unit: z.array(z.string()).optional(),
      topic: z.array(z.string()).optional(),
      channel: z.array(z.enum(channels)).optional(),
    })
    .optional(),
});
export type ClaimRequest = z.output<typeof claimRequest>;

export const ackRequest = z.strictObject({ leases: z.array(short(200)).min(1).max(500) });
export const nackRequest = z.strictObject({
  lease: short(200),
  reason: z.string().max(1000).optional(),
  retryAfterSeconds: z.int().min(0).max(86_400).optional(),
});
export const extendRequest = z.strictObject({ lease: short(200), leaseSeconds: z.int().min(5).max(3600) });

/** `POST /v1/preview`: a message as above, or a provider's raw request. */
export const rawPreview = z.strictObject({
  adapter: short(64),
  account: short(64).optional(),
  contentType: short(200),
  headers: z.record(z.string(), z.string()).optional(),
  bodyBase64: z.string().max(35_000_000),
});
export const previewRequest = z.union([rawPreview, messageSubmission]);
export type PreviewRequest = z.output<typeof previewRequest>;

const pageQuery = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(1000).optional(),
};
/** Several values of a query field: repeated, or separated by commas. */
const several = <T extends z.ZodType>(item: T) =>
  z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',') : value),
    z.array(item).max(100).optional(),
  );

export const pageRequest = z.strictObject(pageQuery);

const recordFilter = {
  status: several(z.enum(statuses)),
  urgency: several(z.enum(urgencies)),
  channel: several(z.enum(channels)),
  unit: several(short(64)),
  topic: several(short(20)),
  receivedFrom: instant.optional(),
  receivedTo: instant.optional(),
  order: z.enum(['newest', 'oldest']).default('newest'),
};
/** `GET /v1/records`. */
export const recordsRequest = z.strictObject({ ...pageQuery, ...recordFilter });

/** `POST /v1/records/search`: who, never in a URL. `name` narrows what the others find, and finds by itself where it is whole. */
export const searchRequest = z.strictObject({
  phone: short(40).optional(),
  tckn: short(40).optional(),
  email: short(320).optional(),
  handle: short(200).optional(),
  name: short(200).optional(),
  limit: z.int().min(1).max(100).default(50),
  cursor: z.string().max(1000).optional(),
});
export type SearchRequest = z.output<typeof searchRequest>;

export const keyRequest = z.strictObject({
  name: short(100),
  scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
  account: short(64)
    .optional()
    .describe(
      'The only account this key may hand messages in to, unless it is an admin key; absent: any entrance',
    ),
  queues: z
    .array(short(64))
    .min(1)
    .max(100)
    .optional()
    .describe('The only queues that the scope `queue` opens for this key; absent: every queue'),
});

/** `POST /v1/erase`: one record, or everything of one person. */
export const eraseRequest = z.strictObject({
  number: short(40).optional(),
  phone: short(40).optional(),
  tckn: short(40).optional(),
  email: short(320).optional(),
  reason: short(500),
});

export const replayRequest = z.strictObject({ since: instant, account: short(64).optional() });
export const resendRequest = z.strictObject({ destination: short(64) });
