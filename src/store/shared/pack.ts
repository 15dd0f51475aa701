import type {
  AcceptEntry,
  BlobRef,
  Callback,
  Change,
  Envelope,
  Lookup,
  Notice,
  Part,
  PartRef,
  PutEvent,
  PutMessage,
  PutRecord,
  PutUpload,
  RecordEvent,
  Save,
  SokRecord,
} from '@kapi/contract';

/**
 * The form in which changes travel to the writer: what it needs in clear as columns, everything it
 * only seals as one string. The caller's thread turns documents to JSON once; the writer never parses.
 */
export interface PackedEnvelope {
  readonly id: string;
  readonly adapter: string;
  readonly account: string;
  readonly receivedAt: number;
  /** JSON of what else the envelope says. */
  readonly head: string;
  readonly body: Uint8Array;
  readonly bytes: number;
  /** Where the body is too large for a row. */
  readonly blobId?: string;
}

export interface PackedPart {
  readonly key: string;
  readonly state: Part['state'];
  readonly wait: Part['wait'];
  readonly kind: Part['kind'];
  readonly blobId: string | null;
  readonly reason: string | null;
  readonly doc: string;
}

export interface PackedRecord {
  readonly do: 'put-record';
  readonly id: string;
  readonly version: number;
  readonly expectedVersion: number;
  readonly urgency: SokRecord['urgency'];
  readonly promiseMetAt: number | null;
  readonly promiseRingsAt: number | null;
  /** Values of `clearColumns`, in their order: an array crosses to the writer for half of what an object does. */
  readonly clear: readonly (string | number | null)[];
  readonly doc: string;
  readonly lookups: readonly Lookup[];
}

/** What filters and reports read without opening the document. */
export const clearColumns = [
  'number',
  'version',
  'status',
  'kind',
  'application_type',
  'topic',
  'channel',
  'account',
  'unit',
  'district',
  'neighbourhood',
  'urgency',
  'confidential',
  'received_at',
  'promise_due_at',
  'promise_met_at',
] as const;

export type PackedMessage = Omit<PutMessage, 'message'> & {
  readonly message: Omit<PutMessage['message'], 'content'> & { readonly content: string };
};
export type PackedEvent = Omit<PutEvent, 'event'> & {
  /** Absent where the event says nothing beyond the record. */
  readonly event: Omit<RecordEvent, 'data'> & { readonly data?: string };
};
export interface PackedNotice {
  readonly do: 'put-notice';
  readonly notice: Omit<Notice, 'to' | 'subject' | 'text'> & { readonly doc: string };
  readonly dueAt: number;
}
export type CallbackDoc = Pick<Callback, 'reason' | 'phone' | 'tells'>;
export interface PackedCallback {
  readonly do: 'put-callback';
  readonly callback: Omit<Callback, keyof CallbackDoc> & { readonly doc: string };
}
export interface PackedUpload {
  readonly do: 'put-upload';
  readonly upload: Pick<PutUpload['upload'], 'id' | 'owner' | 'blobId' | 'createdAt'> & {
    readonly doc: string;
  };
}
export type PackedChange =
  | Exclude<
      Change,
      {
        do:
          | 'put-message'
          | 'put-part'
          | 'put-record'
          | 'put-event'
          | 'put-notice'
          | 'put-callback'
          | 'put-upload';
      }
    >
  | PackedMessage
  | ({ readonly do: 'put-part'; readonly envelopeId: string } & PackedPart)
  | PackedRecord
  | PackedEvent
  | PackedNotice
  | PackedCallback
  | PackedUpload;

export interface PackedEntry {
  readonly envelope: PackedEnvelope;
  readonly key: string;
  readonly contentHash: string;
  readonly changes?: readonly PackedChange[];
  readonly cursor?: string;
  readonly parts: readonly PackedPart[];
  readonly urgent: boolean;
}
export interface PackedSave {
  readonly work?: Save['work'];
  readonly changes: readonly PackedChange[];
}

/** Bodies above this live in the blob store. */
export const maxRowBytes = 256 * 1024;

export function packEntry(entry: AcceptEntry, blob?: BlobRef): PackedEntry {
  const { envelope } = entry;
  return {
    envelope: {
      id: envelope.id,
      adapter: envelope.adapter,
      account: envelope.account,
      receivedAt: Date.parse(envelope.receivedAt),
      head: JSON.stringify(envelopeHead(envelope)),
      // A view into a larger buffer would drag all of it to the other thread.
      body: blob
        ? new Uint8Array(0)
        : envelope.body.byteLength === envelope.body.buffer.byteLength
          ? envelope.body
          : new Uint8Array(envelope.body),
      bytes: envelope.body.byteLength,
      ...(blob && { blobId: blob.id }),
    },
    key: entry.key,
    contentHash: entry.contentHash,
    parts: (entry.parts ?? []).map((ref) => packPart({ ...ref, state: 'pending' })),
    urgent: entry.urgent ?? false,
    ...(entry.changes && { changes: packChanges(entry.changes) }),
    ...(entry.cursor !== undefined && { cursor: entry.cursor }),
  };
}

export type EnvelopeHead = Pick<Envelope, 'receivedAt' | 'contentType' | 'headers'>;
const envelopeHead = ({ receivedAt, contentType, headers }: Envelope): EnvelopeHead => ({
  receivedAt,
  contentType,
  headers,
});

export const packSave = (save: Save): PackedSave => ({
  changes: packChanges(save.changes),
  ...(save.work && { work: save.work }),
});

/** New records go first, so that messages, events and notices of the same save find them. */
function packChanges(changes: readonly Change[]): readonly PackedChange[] {
  const packed = changes.map(packChange);
  const isNew = (change: PackedChange): boolean => change.do === 'put-record' && change.expectedVersion === 0;
  return isNew(packed[0] ?? { do: 'drop-timer', id: '' }) || !packed.some(isNew)
    ? packed
    : [...packed.filter(isNew), ...packed.filter((change) => !isNew(change))];
}

function packChange(change: Change): PackedChange {
  switch (change.do) {
    case 'put-message':
      return { ...change, message: { ...change.message, content: JSON.stringify(change.message.content) } };
    case 'put-part':
      return { do: 'put-part', envelopeId: change.envelopeId, ...packPart(change.part) };
    case 'put-record':
      return packRecord(change);
    case 'put-event': {
      const { data, ...event } = change.event;
      const json = JSON.stringify(data);
      return { ...change, event: json === '{}' ? event : { ...event, data: json } };
    }
    case 'put-notice': {
      const { to, subject, text, ...notice } = change.notice;
      return { ...change, notice: { ...notice, doc: JSON.stringify({ to, subject, text }) } };
    }
    case 'put-callback': {
      const { reason, phone, tells, ...callback } = change.callback;
      return { ...change, callback: { ...callback, doc: JSON.stringify({ reason, phone, tells }) } };
    }
    case 'put-upload': {
      const { id, owner, blobId, createdAt } = change.upload;
      return {
        do: 'put-upload',
        upload: { id, owner, blobId, createdAt, doc: JSON.stringify(change.upload) },
      };
    }
    default:
      return change;
  }
}

function packPart(part: Part): PackedPart {
  const { state, reason, ...rest } = part;
  return {
    key: part.key,
    state,
    wait: part.wait,
    kind: part.kind,
    blobId: part.blob?.id ?? null,
    reason: reason ?? null,
    doc: JSON.stringify(rest),
  };
}
/** A part's document leaves out what stands in columns because stages move it. */
export type PartDoc = PartRef & Pick<Part, 'value' | 'blob'>;

function packRecord({ record, expectedVersion, lookups, promiseRingsAt }: PutRecord): PackedRecord {
  const promise = record.deadlines.find((deadline) => deadline.kind === '48h');
  const promiseMetAt = promise?.metAt === undefined ? null : Date.parse(promise.metAt);
  return {
    do: 'put-record',
    id: record.id,
    version: record.version,
    expectedVersion,
    urgency: record.urgency,
    promiseMetAt,
    promiseRingsAt: promiseRingsAt ?? null,
    clear: [
      record.number,
      record.version,
      record.status,
      record.kind,
      record.applicationType,
      record.topic?.code ?? null,
      record.channel,
      record.account,
      record.route.unit ?? null,
      record.place?.district ?? null,
      record.place?.neighbourhood ?? null,
      record.urgency,
      record.anonymity !== 'open' || record.confidentiality !== 'none' ? 1 : 0,
      Date.parse(record.receivedAt),
      promise ? Date.parse(promise.dueAt) : null,
      promiseMetAt,
    ],
    doc: JSON.stringify(record),
    lookups,
  };
}
