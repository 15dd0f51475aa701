import type { ApplicationType, Channel, Kind, Profile, SokRecord, Status, Urgency } from '../record/index.ts';
import type { RecordEvent } from './cloud-event.ts';
import type { Envelope, Part } from './envelope.ts';
import type { ApiKey, Callback, Lookup, Notice, StoredMessage, Upload } from './store-changes.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; absent on the last page. */
  readonly next?: string;
}

export interface PageOptions {
  readonly limit: number;
  readonly cursor?: string;
}

/** The clear columns of a record. */
export interface RecordSummary {
  readonly id: string;
  readonly number: string;
  readonly version: number;
  readonly status: Status;
  readonly kind: Kind;
  readonly applicationType: ApplicationType;
  readonly topic?: string;
  readonly channel: Channel;
  readonly account: string;
  readonly unit?: string;
  readonly district?: string;
  readonly neighbourhood?: string;
  readonly urgency: Urgency;
  readonly confidential: boolean;
  readonly receivedAt: number;
  readonly updatedAt: number;
  readonly promiseDueAt?: number;
  readonly promiseMetAt?: number;
}

export interface RecordQuery extends PageOptions {
  readonly status?: readonly Status[];
  readonly urgency?: readonly Urgency[];
  readonly channel?: readonly Channel[];
  readonly unit?: readonly string[];
  readonly topic?: readonly string[];
  readonly receivedFrom?: number;
  readonly receivedTo?: number;
  /** Records with any of these lookups. */
  readonly lookups?: readonly Lookup[];
  /** Leave confidential and anonymous records out. */
  readonly openOnly?: boolean;
  readonly order?: 'newest' | 'oldest';
}

export interface RecordView {
  readonly record: SokRecord;
  readonly events: readonly (RecordEvent & { readonly position: number })[];
  readonly notices: readonly Notice[];
  readonly callbacks: readonly Callback[];
  readonly pin: { readonly wrong: number; readonly lockedUntil?: number };
}

/** One unit's balance: `total` must equal the sum of `parts`. */
export interface Book {
  readonly unit: 'envelope' | 'item' | 'message' | 'delivery';
  readonly total: number;
  readonly parts: Readonly<Record<string, number>>;
}

export interface QueueStats {
  readonly destination: string;
  readonly ready: number;
  /** Behind an earlier event of the same record. */
  readonly behind: number;
  readonly claimed: number;
  readonly delivered: number;
  readonly dead: number;
  readonly erased: number;
  readonly oldestReadyAt?: number;
  readonly byUrgency: Readonly<Record<Urgency, number>>;
}

export interface QuarantineEntry {
  readonly id: string;
  readonly what: 'envelope' | 'item';
  readonly envelopeId: string;
  readonly adapter: string;
  readonly account: string;
  readonly receivedAt: number;
  readonly code: string;
  readonly detail: string;
  readonly bytes: number;
}

export interface DeadLetter {
  readonly id: string;
  readonly what: 'delivery' | 'notice';
  readonly destination: string;
  readonly number: string;
  readonly sequence: number;
  readonly attempts: number;
  readonly code: string;
  readonly detail: string;
  readonly at: number;
}

export interface NotACase {
  readonly messageId: string;
  readonly account: string;
  readonly channel: Channel;
  readonly receivedAt: number;
  readonly reason: string;
}

export interface AuditRow {
  readonly sequence: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: string;
  readonly hash: string;
}

/** A row of the audit chain as it was when it was seen. */
export interface AuditMark {
  readonly sequence: number;
  readonly hash: string;
}

export interface AuditCheck {
  /** Rows walked; fewer than were asked for at the end of the chain. */
  readonly rows: number;
  /** Last sound row, where the next walk goes on; absent where nothing was walked. */
  readonly last?: AuditMark;
  /** Where the chain breaks: the row that does not follow, or the mark that no longer stands. */
  readonly brokenAt?: number;
}

export interface Backlog {
  readonly unread: number;
  readonly settling: number;
  readonly partsPending: number;
  readonly deliveriesPending: number;
  readonly noticesPending: number;
}

export interface Reader {
  record(ref: { readonly id: string } | { readonly number: string }): Promise<RecordView | undefined>;
  /**
   * Each event of a record with the record as that event left it, oldest first, and its bytes for the
   * profile where a first try has rendered them; nothing of a record that is unknown or was erased.
   */
  history(
    number: string,
    profile: Profile,
  ): Promise<
    readonly { readonly event: RecordEvent; readonly record: SokRecord; readonly body?: Uint8Array }[]
  >;
  /** Latest revision of the messages in a record, by provider time. */
  messages(recordId: string): Promise<readonly StoredMessage[]>;
  /** The record a notice of ours belongs to: how a reply's References are followed. */
  recordByNotice(noticeId: string): Promise<RecordView | undefined>;
  records(query: RecordQuery): Promise<Page<RecordSummary>>;
  /** Events after a commit position, oldest first; `oldest` is the first position still kept. */
  stream(
    after: number,
    max: number,
  ): Promise<{
    readonly events: readonly (RecordEvent & { readonly position: number; readonly record: SokRecord })[];
    readonly oldest: number;
    readonly newest: number;
  }>;
  books(): Promise<readonly Book[]>;
  /** The same balances counted from the rows. */
  recount(): Promise<readonly Book[]>;
  queue(destination: string): Promise<QueueStats>;
  quarantine(options: PageOptions & { readonly account?: string }): Promise<Page<QuarantineEntry>>;
  deadLetters(options: PageOptions & { readonly destination?: string }): Promise<Page<DeadLetter>>;
  notCases(options: PageOptions): Promise<Page<NotACase>>;
  callbacks(options: PageOptions & { readonly open?: boolean }): Promise<Page<Callback>>;
  /** Records whose promise is unmet and due before `before`, soonest first. */
  lateRecords(before: number, options: PageOptions): Promise<Page<RecordSummary>>;
  envelope(id: string): Promise<
    | {
        readonly envelope: Envelope;
        readonly parts: readonly Part[];
        readonly state: 'unread' | 'read' | 'quarantined' | 'erased';
        readonly reason?: string;
      }
    | undefined
  >;
  /** Envelope ids received since, oldest first: for `replay --since`. */
  envelopesSince(since: number, options: PageOptions & { readonly account?: string }): Promise<Page<string>>;
  apiKey(hash: string): Promise<ApiKey | undefined>;
  apiKeys(): Promise<readonly ApiKey[]>;
  upload(id: string): Promise<Upload | undefined>;
  optedOut(account: string, address: string): Promise<boolean>;
  cursor(account: string): Promise<string | undefined>;
  audit(options: PageOptions): Promise<Page<AuditRow>>;
  /**
   * Walks the audit chain: every hash must follow from its row and the hash before, every number from
   * the one before. At most `max` rows (default all) after a row seen before (default from the start).
   */
  verifyAudit(options?: { readonly after?: AuditMark; readonly max?: number }): Promise<AuditCheck>;
  backlog(): Promise<Backlog>;
}
