import {
  type ApiKey,
  type AuditRow,
  applicationTypes,
  type Callback,
  channels,
  type DeadLetter,
  type Envelope,
  kinds,
  type NotACase,
  noticeKinds,
  type Part,
  type QuarantineEntry,
  type RecordSummary,
  type Scope,
  statuses,
  urgencies,
} from '@kapi/contract';
import type { PackedEnvelopeWork, PackedNoticeWork, PackedPartWork } from './command.ts';
import type { CallbackDoc, EnvelopeHead } from './pack.ts';
import { bytes, fromJson, integer, maybeInteger, maybeText, type Row, text, word } from './rows.ts';
import { toPart } from './unpack.ts';
import { envelopeStates, languages, noticeStates } from './words.ts';

// Rows of any engine as the contract says them; the columns have the same names in each.

export interface EnvelopeView {
  readonly envelope: Envelope;
  readonly parts: readonly Part[];
  readonly state: (typeof envelopeStates)[number];
  readonly reason?: string;
  /** Where the body is in the blob store. */
  readonly blobId?: string;
}

export function toSummary(row: Row): RecordSummary {
  const topic = maybeText(row, 'topic');
  const unit = maybeText(row, 'unit');
  const district = maybeText(row, 'district');
  const neighbourhood = maybeText(row, 'neighbourhood');
  const promiseDueAt = maybeInteger(row, 'promise_due_at');
  const promiseMetAt = maybeInteger(row, 'promise_met_at');
  return {
    id: text(row, 'id'),
    number: text(row, 'number'),
    version: integer(row, 'version'),
    status: word(row, 'status', statuses),
    kind: word(row, 'kind', kinds),
    applicationType: word(row, 'application_type', applicationTypes),
    channel: word(row, 'channel', channels),
    account: text(row, 'account'),
    urgency: word(row, 'urgency', urgencies),
    confidential: integer(row, 'confidential') === 1,
    receivedAt: integer(row, 'received_at'),
    updatedAt: integer(row, 'updated_at'),
    ...(topic !== undefined && { topic }),
    ...(unit !== undefined && { unit }),
    ...(district !== undefined && { district }),
    ...(neighbourhood !== undefined && { neighbourhood }),
    ...(promiseDueAt !== undefined && { promiseDueAt }),
    ...(promiseMetAt !== undefined && { promiseMetAt }),
  };
}

/** An erased envelope keeps its place and what its records still need; headers and body are empty. */
export function toEnvelopeView(
  row: Row,
  opened: PackedEnvelopeWork | undefined,
  parts: readonly PackedPartWork[],
): EnvelopeView {
  const head = opened
    ? fromJson<EnvelopeHead>(opened.head)
    : { receivedAt: new Date(integer(row, 'received_at')).toISOString(), contentType: '', headers: {} };
  const reason = [maybeText(row, 'code'), maybeText(row, 'detail')]
    .filter((one) => one !== undefined)
    .join(': ');
  return {
    envelope: {
      id: text(row, 'id'),
      adapter: text(row, 'adapter'),
      account: text(row, 'account'),
      ...head,
      body: opened?.body ?? new Uint8Array(),
    },
    parts: parts.map(toPart),
    state: word(row, 'state', envelopeStates),
    ...(reason !== '' && { reason }),
    ...(opened?.blobId !== undefined && { blobId: opened.blobId }),
  };
}

export const toQuarantineEntry = (row: Row): QuarantineEntry => ({
  id: text(row, 'id'),
  what: integer(row, 'what') === 0 ? 'envelope' : 'item',
  envelopeId: text(row, 'envelope_id'),
  adapter: text(row, 'adapter'),
  account: text(row, 'account'),
  receivedAt: integer(row, 'received_at'),
  code: maybeText(row, 'code') ?? '',
  detail: maybeText(row, 'detail') ?? '',
  bytes: integer(row, 'bytes'),
});

export const toDeadLetter = (row: Row): DeadLetter => ({
  id: text(row, 'id'),
  what: integer(row, 'what') === 0 ? 'delivery' : 'notice',
  destination: text(row, 'destination'),
  number: text(row, 'number'),
  sequence: maybeInteger(row, 'sequence') ?? 0,
  attempts: integer(row, 'attempt'),
  code: maybeText(row, 'code') ?? '',
  detail: maybeText(row, 'detail') ?? '',
  at: maybeInteger(row, 'at') ?? 0,
});

export const toNotACase = (row: Row): NotACase => ({
  messageId: text(row, 'id'),
  account: text(row, 'account'),
  channel: word(row, 'channel', channels),
  receivedAt: integer(row, 'received_at'),
  reason: maybeText(row, 'reason') ?? '',
});

export function toApiKey(row: Row): ApiKey {
  const revokedAt = maybeInteger(row, 'revoked_at');
  const queues = maybeText(row, 'queues');
  const account = maybeText(row, 'account');
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    scopes: fromJson<Scope[]>(text(row, 'scopes')),
    ...(account !== undefined && { account }),
    ...(queues !== undefined && { queues: fromJson<string[]>(queues) }),
    createdAt: integer(row, 'created_at'),
    rateLimited: integer(row, 'rate_limited') === 1,
    ...(revokedAt !== undefined && { revokedAt }),
  };
}

export const toAudit = (row: Row): AuditRow => ({
  sequence: integer(row, 'sequence'),
  at: integer(row, 'at'),
  actor: text(row, 'actor'),
  action: text(row, 'action'),
  subject: text(row, 'subject'),
  detail: text(row, 'detail'),
  hash: hashOf(row),
});

export const hashOf = (row: Row): string => Buffer.from(bytes(row, 'hash')).toString('hex');

/** `doc` is what is sealed of it. */
export function toNoticeWork(row: Row, recordId: string, doc: string): PackedNoticeWork {
  const sentAt = maybeInteger(row, 'sent_at');
  const ref = maybeText(row, 'ref');
  const reason = maybeText(row, 'reason');
  return {
    doc,
    clear: {
      id: text(row, 'id'),
      recordId,
      eventId: text(row, 'event_id'),
      kind: word(row, 'kind', noticeKinds),
      step: integer(row, 'step'),
      channel: word(row, 'channel', channels),
      account: text(row, 'account'),
      template: text(row, 'template'),
      language: word(row, 'language', languages),
      state: word(row, 'state', noticeStates),
      createdAt: integer(row, 'created_at'),
      ...(sentAt !== undefined && { sentAt }),
      ...(ref !== undefined && { ref }),
      ...(reason !== undefined && { reason }),
    },
  };
}

/** `recordId` is absent where it belongs to no record. */
export function toCallback(row: Row, recordId: string | undefined, doc: string): Callback {
  const closedAt = maybeInteger(row, 'closed_at');
  const closedBy = maybeText(row, 'closed_by');
  return {
    id: text(row, 'id'),
    ...(recordId !== undefined && { recordId }),
    ...fromJson<CallbackDoc>(doc),
    createdAt: integer(row, 'created_at'),
    ...(closedAt !== undefined && { closedAt }),
    ...(closedBy !== undefined && { closedBy }),
  };
}
