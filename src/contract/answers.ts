import { z } from 'zod';
import {
  applicationTypes,
  channels,
  kinds,
  profiles,
  recordSchema,
  statuses,
  urgencies,
} from '../record/index.ts';
import { messageReceipt } from './api.ts';
import { errorTable } from './errors.ts';
import { noticeKinds, scopes } from './store.ts';

/** Shapes of the HTTP API's answers: the source of OpenAPI and the clients' types. */

const instant = z.iso.datetime({ offset: true });

export const problemAnswer = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(errorTable) as [keyof typeof errorTable]),
  detail: z.string().optional(),
  instance: z.string().optional(),
  errors: z.array(z.strictObject({ pointer: z.string(), message: z.string() })).optional(),
});

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), next: z.string().optional().describe('Cursor of the next page') });

export const batchLine = z.union([
  messageReceipt.extend({ index: z.int() }),
  z.strictObject({ index: z.int(), error: problemAnswer }),
]);

export const alarmsAnswer = z.strictObject({
  alarms: z.array(
    z.strictObject({
      id: z.string(),
      kind: z.string(),
      subject: z.string().describe('An id: account, destination, record number'),
      text: z.string(),
      severity: z.enum(['critical', 'warning']),
      raisedAt: instant,
      count: z.int().describe('How often it was raised'),
      acknowledgedBy: z.string().optional(),
    }),
  ),
});

export const uploadAnswer = z.strictObject({
  upload: z.string(),
  name: z.string(),
  mediaType: z.string(),
  bytes: z.int(),
  sha256: z.string(),
});

export const recordSummary = z.strictObject({
  id: z.string(),
  number: z.string(),
  version: z.int(),
  status: z.enum(statuses),
  kind: z.enum(kinds),
  applicationType: z.enum(applicationTypes),
  topic: z.string().optional(),
  channel: z.enum(channels),
  account: z.string(),
  unit: z.string().optional(),
  district: z.string().optional(),
  neighbourhood: z.string().optional(),
  urgency: z.enum(urgencies),
  confidential: z.boolean(),
  receivedAt: instant,
  updatedAt: instant,
  promiseDueAt: instant.optional(),
  promiseMetAt: instant.optional(),
});

export const shownRecord = recordSchema
  .omit({ trackingPin: true, trackingToken: true })
  .partial({ findings: true, extra: true });

export const shownEvent = z.strictObject({
  id: z.string(),
  name: z.string(),
  sequence: z.int(),
  version: z.int(),
  position: z.int(),
  at: instant,
  actor: z.string(),
  data: z.record(z.string(), z.unknown()),
});

export const shownNotice = z.strictObject({
  id: z.string(),
  kind: z.enum(noticeKinds),
  step: z.int(),
  channel: z.enum(channels),
  account: z.string(),
  to: z.string(),
  template: z.string(),
  language: z.string(),
  state: z.string(),
  createdAt: instant,
  sentAt: instant.optional(),
  reason: z.string().optional(),
  text: z.string().optional().describe('Only when revealed'),
});

export const shownCallback = z.strictObject({
  id: z.string(),
  recordId: z.string().optional(),
  reason: z.string(),
  phone: z.string().optional(),
  tells: z
    .array(z.strictObject({ eventId: z.string(), reason: z.string(), toldAt: instant.optional() }))
    .describe('Events of the record that the citizen is to be told, oldest first'),
  createdAt: instant,
  closedAt: instant.optional(),
  closedBy: z.string().optional(),
});

export const recordAnswer = z.strictObject({
  profile: z.enum(profiles),
  record: shownRecord,
  events: z.array(shownEvent),
  notices: z.array(shownNotice),
  callbacks: z.array(shownCallback),
});

export const appliedEvent = z.strictObject({
  id: z.string(),
  sequence: z.int(),
  version: z.int(),
  status: z.string(),
  duplicate: z.boolean(),
});

export const cloudEventAnswer = z.strictObject({
  specversion: z.literal('1.0'),
  id: z.string(),
  type: z.string(),
  source: z.string(),
  subject: z.string(),
  sequence: z.int(),
  time: instant,
  datacontenttype: z.literal('application/json'),
  data: z.record(z.string(), z.unknown()),
});

export const claimAnswer = z.strictObject({
  items: z.array(z.strictObject({ lease: z.string(), attempt: z.int(), event: cloudEventAnswer })),
});
export const ackAnswer = z.strictObject({ acked: z.int(), expired: z.array(z.string()) });

export const queueStatsAnswer = z.strictObject({
  queues: z.array(
    z.strictObject({
      destination: z.string(),
      ready: z.int(),
      behind: z.int().describe('Wait for an earlier event of the same record'),
      claimed: z.int(),
      delivered: z.int(),
      dead: z.int(),
      erased: z.int(),
      oldestReadyAt: instant.optional(),
      byUrgency: z.record(z.enum(urgencies), z.int()),
    }),
  ),
});

export const quarantineEntry = z.strictObject({
  id: z.string(),
  what: z.enum(['envelope', 'item']),
  envelopeId: z.string(),
  adapter: z.string(),
  account: z.string(),
  receivedAt: instant,
  code: z.string(),
  detail: z.string(),
  bytes: z.int(),
});

export const envelopeAnswer = z.strictObject({
  id: z.string(),
  adapter: z.string(),
  account: z.string(),
  receivedAt: instant,
  contentType: z.string(),
  bytes: z.int(),
  state: z.enum(['unread', 'read', 'quarantined', 'erased']),
  reason: z.string().optional(),
  parts: z.array(
    z.strictObject({ key: z.string(), kind: z.string(), state: z.string(), reason: z.string().optional() }),
  ),
});

export const deadLetterAnswer = z.strictObject({
  id: z.string(),
  what: z.enum(['delivery', 'notice']),
  destination: z.string(),
  number: z.string(),
  sequence: z.int(),
  attempts: z.int(),
  code: z.string(),
  detail: z.string(),
  at: instant,
});

export const notACaseAnswer = z.strictObject({
  messageId: z.string(),
  account: z.string(),
  channel: z.enum(channels),
  receivedAt: instant,
  reason: z.string(),
});

export const accountsAnswer = z.strictObject({
  accounts: z.array(
    z.strictObject({
      id: z.string(),
      adapter: z.string(),
      enabled: z.boolean(),
      state: z.enum(['connected', 'connecting', 'failing', 'stopped', 'listening']),
      detail: z.string().optional(),
      lastEnvelopeAt: z.string().optional(),
    }),
  ),
});

export const keyAnswer = z.strictObject({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  account: z.string().optional(),
  queues: z.array(z.string()).optional(),
  createdAt: instant,
  revokedAt: instant.optional(),
  rateLimited: z.boolean(),
});

export const bookAnswer = z.strictObject({
  balanced: z.boolean(),
  books: z.array(
    z.strictObject({
      unit: z.enum(['envelope', 'item', 'message', 'delivery']),
      total: z.int(),
      parts: z.record(z.string(), z.int()),
      difference: z.int(),
    }),
  ),
});

export const resendAnswer = z.strictObject({ resent: z.int() });

export const outgoingAnswer = z.strictObject({ events: z.array(cloudEventAnswer) });

export const eraseAnswer = z.strictObject({
  records: z.int(),
  messages: z.int().describe('Those that were in no record'),
});

export const auditRow = z.strictObject({
  sequence: z.int(),
  at: instant,
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.string(),
  hash: z.string(),
});

export const auditCheckAnswer = z.strictObject({
  sound: z.boolean(),
  rows: z.int().describe('Rows whose hash follows from the one before'),
  head: z
    .strictObject({ sequence: z.int(), hash: z.string() })
    .optional()
    .describe('Last of them: keep it elsewhere, and a chain written anew shows'),
  brokenAt: z.int().optional().describe('Number of the first row that does not follow'),
});

const counts = z.record(z.string(), z.int());
export const summaryAnswer = z.strictObject({
  from: instant,
  to: instant,
  records: z.int(),
  complete: z.boolean().describe('False: more records than one report reads; narrow the period'),
  byChannel: counts,
  byKind: counts,
  byStatus: counts,
  byDay: counts.describe('Day of receipt, Europe/Istanbul'),
});

export const previewAnswer = z.looseObject({
  messages: z.array(z.unknown()).optional(),
  statuses: z.array(z.unknown()).optional(),
  ignored: z.array(z.unknown()).optional(),
  failed: z.array(z.unknown()).optional(),
  records: z.array(z.unknown()).optional(),
});
