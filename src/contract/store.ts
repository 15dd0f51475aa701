import type { ApplicationType, Channel, Kind, Profile, SokRecord, Status, Urgency } from '../record/index.ts';
import type { RecordEvent } from './cloud-event.ts';
import type { Envelope, InboundMessage, Part, PartRef, PartState } from './envelope.ts';
import type { ErrorCode } from './errors.ts';

/**
 * The store: three ports (pipeline, reader, timers) over one engine, and a blob port beside them.
 * Intake decides, the store applies: a verb takes an array, answers per item in the same order, and
 * one bad item never takes the others with it (each runs under its own savepoint). The engine groups
 * all callers of a moment into one durable commit; a promise resolves only after that commit is synced.
 * After a failed sync every verb rejects with `store_unavailable` and the process must stop.
 */
export interface Store {
  readonly pipeline: Pipeline;
  readonly reader: Reader;
  readonly timers: Timers;
  /** Called after each commit with what became claimable; a hint, polling stays the truth. */
  watch(listener: (hint: CommitHint) => void): () => void;
  /** Resolves when nothing is in flight and the files are closed. */
  close(): Promise<void>;
}

export interface CommitHint {
  readonly stages: readonly Stage[];
  /** Destinations with new ready deliveries. */
  readonly destinations: readonly string[];
  /** Highest commit position of a record event so far. */
  readonly position: number;
}

// ---------------------------------------------------------------------------------------------- accept

export interface AcceptEntry {
  readonly envelope: Envelope;
  /** Unique within the account, in clear: the engine keeps only its keyed hash, for ever. */
  readonly key: string;
  /** SHA-256 hex of what makes two submissions the same; a repeat with another one is a conflict. */
  readonly contentHash: string;
  /**
   * Entrances: everything that message and record need, in the same transaction. The envelope is then read at once.
   * Its own message, the one put under the entry's key and content hash, shares the envelope's key for ever.
   */
  readonly changes?: readonly Change[];
  /** Pull sources: the account's cursor, moved in the same transaction. */
  readonly cursor?: string;
  /** Whether the read stage waits for parts; set by `accept` from `adapter.parts`. */
  readonly parts?: readonly PartRef[];
  /** Fetched and read before all others: its bytes look like an emergency. */
  readonly urgent?: boolean;
}

export type AcceptOutcome =
  | { readonly result: 'accepted'; readonly envelopeId: string }
  | {
      readonly result: 'repeated';
      /** Absent where the envelope has been erased: its key outlives it. */
      readonly envelopeId?: string;
      readonly sameContent: boolean;
      /** The record of an entrance's envelope. */
      readonly record?: { readonly id: string; readonly number: string; readonly trackingPin: string };
    }
  | { readonly result: 'failed'; readonly code: ErrorCode; readonly detail: string };

// ---------------------------------------------------------------------------------------------- work

/** What the stages claim. `forward` is claimed per destination. */
export type Stage = 'read' | 'fetch' | 'assemble' | 'forward' | 'notify' | 'timer';

/** A claim: rows are leased, the token grows with every claim, a verb with a stale token changes nothing. */
export interface Claim {
  readonly id: string;
  readonly token: number;
  /** 1 on the first claim. */
  readonly attempt: number;
}

export interface ReadWork extends Claim {
  readonly envelope: Envelope;
  readonly parts: readonly Part[];
  /** Epoch ms of the commit; `partsWaitSeconds` counts from here. */
  readonly acceptedAt: number;
}

export interface FetchWork extends Claim {
  readonly ref: PartRef;
  readonly envelope: Envelope;
}

/** One conversation with messages that are due: settled, or revised after they were placed. */
export interface AssembleWork extends Claim {
  readonly account: string;
  readonly adapter: string;
  /** In order of provider time. */
  readonly messages: readonly StoredMessage[];
  /** The record this conversation last wrote into, where it has one. */
  readonly last?: SokRecord;
  /** For revised messages, by message id: the record they are in, with the latest revision of all its messages in order. */
  readonly placed: Readonly<
    Record<string, { readonly record: SokRecord; readonly messages: readonly StoredMessage[] }>
  >;
}

export interface ForwardWork extends Claim {
  readonly destination: string;
  readonly profile: Profile;
  readonly event: RecordEvent;
  /** The rendered CloudEvent of the event's profile, the same bytes on every attempt. */
  readonly body: Uint8Array;
  readonly subject: string;
  readonly type: string;
  /** Epoch ms when the delivery was written; the horizon counts from here. */
  readonly createdAt: number;
  readonly urgency: Urgency;
}

export interface NotifyWork extends Claim {
  readonly notice: Notice;
  readonly record: SokRecord;
  /** Other notices of the same event already tried, oldest first. */
  readonly earlier: readonly Notice[];
}

export interface TimerWork extends Claim {
  readonly timer: Timer;
  readonly record?: SokRecord;
}

export interface WorkOf {
  readonly read: ReadWork;
  readonly fetch: FetchWork;
  readonly assemble: AssembleWork;
  readonly forward: ForwardWork;
  readonly notify: NotifyWork;
  readonly timer: TimerWork;
}

export interface ClaimOptions {
  readonly max: number;
  readonly leaseMs: number;
  /** Epoch ms; rows due later are not claimed. */
  readonly now: number;
  /** `forward` only, and there required. */
  readonly destination?: string;
  readonly filter?: ClaimFilter;
  /**
   * `forward`: the reader outside that takes them, written to the audit chain. Its leases outlive a restart;
   * what this process took itself, without an actor, is free again after one.
   */
  readonly actor?: string;
  /** `notify`, `fetch`, `read`: only these accounts (those this process runs). */
  readonly accounts?: readonly string[];
}

export interface ClaimFilter {
  readonly urgency?: readonly Urgency[];
  readonly unit?: readonly string[];
  readonly topic?: readonly string[];
  readonly channel?: readonly Channel[];
}

/** How a claim ends. `done` for a stage's normal end; the rest say what happens to the row instead. */
export type Ending =
  | { readonly end: 'done' }
  /** Back to the queue, not before `at` (epoch ms). `countAttempt: false` for a wait that is nobody's fault. */
  | { readonly end: 'retry'; readonly at: number; readonly reason: string; readonly countAttempt?: boolean }
  /** read: quarantine · forward: dead letter · fetch: the part ends as `refused`. */
  | { readonly end: 'parked'; readonly code: string; readonly detail: string; readonly state?: PartState }
  /** Lease lengthened to `until` (epoch ms). */
  | { readonly end: 'extend'; readonly until: number };

export interface Settlement {
  readonly stage: Stage;
  readonly id: string;
  readonly token: number;
  readonly ending: Ending;
}

export interface Save {
  /** The claim this save belongs to; its token is checked first and the ending applied last, all or nothing. */
  readonly work?: Settlement;
  readonly changes: readonly Change[];
}

export type SaveOutcome =
  | { readonly result: 'saved'; readonly reached?: Reached }
  /** The claim's token is stale: nothing was changed. */
  | { readonly result: 'stale' }
  /** A record was not at the expected version: nothing was changed. */
  | { readonly result: 'conflict'; readonly recordId: string; readonly version: number }
  /** A unique key other than an item's already stands: nothing was changed. */
  | { readonly result: 'exists'; readonly what: string }
  | { readonly result: 'failed'; readonly code: ErrorCode; readonly detail: string };

/** How far the changes of a save went whose reach only the store knows; absent where there were none of these. */
export interface Reached {
  /** Records that an `erase` took. */
  readonly records?: number;
  /** Messages outside records that an `erase` of a subject took. */
  readonly messages?: number;
  /** Dead letters that a `resend-delivery` put back. */
  readonly deliveries?: number;
}

// ---------------------------------------------------------------------------------------------- changes

/** One row-level effect. Applied in order, within one savepoint per accept entry or save. */
export type Change =
  | PutMessage
  | PutItem
  | PlaceMessage
  | PutPart
  | PutRecord
  | PutEvent
  | PutNotice
  | MoveNotice
  | PutReport
  | PutTimer
  | { readonly do: 'drop-timer'; readonly id: string }
  | PutCallback
  | CloseCallback
  | {
      readonly do: 'opt-out';
      readonly account: string;
      readonly address: string;
      readonly out: boolean;
      readonly at: number;
    }
  /** A pull source's cursor where there was nothing to accept with it. */
  | { readonly do: 'put-cursor'; readonly account: string; readonly cursor: string }
  /** Dead letter back to ready (its attempts start anew); all of a destination where `id` is absent. */
  | {
      readonly do: 'resend-delivery';
      readonly id?: string;
      readonly destination?: string;
      readonly at: number;
    }
  /** Envelope (quarantined or read) back to unread for a replay; a reading under way becomes stale and starts anew. */
  | { readonly do: 'replay-envelope'; readonly id: string; readonly at: number }
  /** A message kept as «not a case» is put back to be assembled, marked `restored` for good. */
  | { readonly do: 'restore-message'; readonly id: string; readonly at: number }
  | PutApiKey
  | { readonly do: 'revoke-api-key'; readonly id: string; readonly at: number }
  | PutUpload
  | { readonly do: 'use-upload'; readonly id: string; readonly owner: string; readonly recordId: string }
  /** Uploads made before (epoch ms) that no message named are dropped, their files with them. */
  | { readonly do: 'expire-uploads'; readonly before: number }
  /** Counts a wrong PIN (`hit: false`) or clears the count. */
  | { readonly do: 'pin-attempt'; readonly recordId: string; readonly hit: boolean; readonly at: number }
  | Erase
  | Audit;

/** Identity of an item: `key` unique per account, kept as keyed hash for ever. */
export interface ItemRef {
  readonly envelopeId: string;
  readonly account: string;
  readonly key: string;
  /** SHA-256 hex of the item's content, to tell a repeat from a revision. */
  readonly contentHash: string;
}

/** A message as the store keeps it; `content` is sealed. */
export interface StoredMessage {
  readonly id: string;
  readonly account: string;
  readonly adapter: string;
  readonly envelopeId: string;
  /** 1, then one more per edit. */
  readonly revision: number;
  readonly channel: Channel;
  readonly receivedAt: number;
  /** Provider time, epoch ms; order and settling go by it. */
  readonly saidAt: number;
  readonly content: InboundMessage;
  /** Stored attachments of its envelope (state by part). */
  readonly parts: readonly Part[];
  readonly state: 'settling' | 'in-record' | 'not-a-case' | 'erased';
  /** A person has said that it is a case: it is not judged again. */
  readonly restored?: true;
}

/**
 * A message with its item key. Unknown key: stored. Known key, same content: counted as repeated and
 * skipped. Known key, other content: a revision of that message; its conversation becomes due.
 */
export interface PutMessage {
  readonly do: 'put-message';
  readonly item: ItemRef;
  readonly message: Omit<StoredMessage, 'revision' | 'parts' | 'state' | 'restored'>;
  /** `place` for entrances (the record stands in the same changes); `settle` for the assemble stage. */
  readonly placement:
    | { readonly place: 'in-record'; readonly recordId: string }
    | {
        readonly place: 'settle';
        readonly conversation: { readonly account: string; readonly senderId: string };
        readonly dueAt: number;
        readonly latestAt: number;
      };
}

/** A status, an ignored or a failed item. A failed one is listed in quarantine, alone. */
export interface PutItem {
  readonly do: 'put-item';
  readonly item: ItemRef;
  readonly kind: 'status' | 'ignored' | 'failed';
  readonly reason: string;
  readonly detail?: string;
}

/** Where assemble put a message: books move with it. */
export interface PlaceMessage {
  readonly do: 'place-message';
  readonly messageId: string;
  readonly revision: number;
  readonly to:
    | { readonly state: 'in-record'; readonly recordId: string }
    | { readonly state: 'not-a-case'; readonly reason: string };
}

/** Adds or replaces a part of an envelope. An unread envelope becomes due at once. */
export interface PutPart {
  readonly do: 'put-part';
  readonly envelopeId: string;
  readonly part: Part;
}

/** Lookup by keyed hash: how a citizen's records are found again. */
export interface Lookup {
  readonly kind: 'phone' | 'tckn' | 'email' | 'handle' | 'name';
  /** Normalised, in clear here; only its keyed hash is kept. */
  readonly value: string;
}

/**
 * Every version of a record is made by exactly one event, so an event's sequence is the version it
 * led to: whoever puts a record puts its event in the same changes.
 */
export interface PutRecord {
  readonly do: 'put-record';
  /** `record.version` must be `expectedVersion + 1`. Every version's document is kept, sealed. */
  readonly record: SokRecord;
  /** 0 for a new record. */
  readonly expectedVersion: number;
  /** Replaces the record's lookups. */
  readonly lookups: readonly Lookup[];
  /**
   * New records only: epoch ms at which a timer of kind `promise` (id `promise:<record id>`) becomes due,
   * unless the promise is met or the record erased before. Until then it costs no row of its own.
   */
  readonly promiseRingsAt?: number;
}

/**
 * Appends an event (unique by record and sequence) and one delivery per destination. A delivery is
 * ready at once unless an earlier one of the same record and destination is still open.
 */
export interface PutEvent {
  readonly do: 'put-event';
  readonly event: RecordEvent;
  readonly destinations: readonly { readonly name: string; readonly profile: Profile }[];
  /** Idempotency of posted events: unique per record. */
  readonly key?: string;
}

export const noticeKinds = ['receipt', 'question', 'status', 'answer', 'survey'] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/**
 * pending → sending → sent → delivered; sending → unknown (crash or no verdict) ; any → failed;
 * `suppressed`: written down, not sent (confidential, opted out, own wish).
 */
export type NoticeState = 'pending' | 'sending' | 'sent' | 'delivered' | 'unknown' | 'failed' | 'suppressed';

/** A message to the citizen. Unique by (event, kind, step). */
export interface Notice {
  readonly id: string;
  readonly recordId: string;
  readonly eventId: string;
  readonly kind: NoticeKind;
  /** 1 for the first channel tried, 2 for the next … */
  readonly step: number;
  readonly channel: Channel;
  /** Account that sends. */
  readonly account: string;
  readonly to: string;
  readonly template: string;
  /** Rendered, fixed at the first attempt. */
  readonly subject?: string;
  readonly text: string;
  readonly language: 'tr' | 'en' | 'ar';
  readonly state: NoticeState;
  readonly createdAt: number;
  readonly sentAt?: number;
  readonly ref?: string;
  readonly reason?: string;
}

export interface PutNotice {
  readonly do: 'put-notice';
  readonly notice: Notice;
  /** Epoch ms; not before. */
  readonly dueAt: number;
}

/** From one of `from` to `to`, else the save fails as `exists`. */
export interface MoveNotice {
  readonly do: 'move-notice';
  readonly id: string;
  readonly from: readonly NoticeState[];
  readonly to: NoticeState;
  readonly at: number;
  readonly ref?: string;
  readonly reason?: string;
}

/**
 * A provider's report about a sent notice, found by (account, ref). It only moves forward (sent,
 * delivered) or to failed; a failed notice becomes claimable by `notify` again, which decides on the
 * next channel. A report that comes before its notice is `sent` waits for it.
 */
export interface PutReport {
  readonly do: 'put-report';
  readonly account: string;
  readonly ref: string;
  readonly state: 'sent' | 'delivered' | 'failed';
  readonly at: number;
  readonly reason?: string;
}

/** `kind` is intake's word, e.g. `deadline-warn`; the id makes setting it twice one timer. */
export interface Timer {
  readonly id: string;
  readonly kind: string;
  readonly recordId?: string;
  readonly dueAt: number;
}

export interface PutTimer {
  readonly do: 'put-timer';
  readonly timer: Timer;
}

/** What a person is to tell the citizen: an event, and why nothing else could tell it. */
export interface Telling {
  readonly eventId: string;
  readonly reason: string;
  readonly toldAt?: number;
}

/** A person must call the citizen; sealed. A record has at most one open. */
export interface Callback {
  readonly id: string;
  readonly recordId?: string;
  readonly reason: string;
  readonly phone?: string;
  /** Oldest first; empty where it is of no event of a record. */
  readonly tells: readonly Telling[];
  readonly createdAt: number;
  readonly closedAt?: number;
  readonly closedBy?: string;
}

/** Where the record has an open one, that one tells this too and takes over reason and phone. */
export interface PutCallback {
  readonly do: 'put-callback';
  readonly callback: Callback;
}

/** These events were told. With something left to tell it stays open. */
export interface CloseCallback {
  readonly do: 'close-callback';
  readonly id: string;
  readonly told: readonly string[];
  readonly by: string;
  readonly at: number;
}

export const scopes = [
  'intake',
  'queue',
  'records:read',
  'records:reveal',
  'records:join',
  'events',
  'admin',
] as const;
export type Scope = (typeof scopes)[number];

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** The only account it may hand messages in to. Absent: any entrance. */
  readonly account?: string;
  /** The only queues its scope `queue` opens. Absent: any; a key is bound only where its maker asked for it. */
  readonly queues?: readonly string[];
  readonly createdAt: number;
  readonly revokedAt?: number;
  readonly rateLimited: boolean;
}

/** Who made or revoked a key is for an `audit` of the same save. */
export interface PutApiKey {
  readonly do: 'put-api-key';
  readonly key: ApiKey;
  /** SHA-256 hex of the whole key; the key itself is never stored. */
  readonly hash: string;
}

export interface Upload {
  readonly id: string;
  /** API key id, or the form's session. */
  readonly owner: string;
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly blobId: string;
  readonly createdAt: number;
}

export interface PutUpload {
  readonly do: 'put-upload';
  readonly upload: Upload;
}

/** Erases for good: keys outlive the data, repeats stay recognised, the books balance. Writes its own row `erased` to the audit chain. */
export interface Erase {
  readonly do: 'erase';
  readonly what:
    | { readonly recordId: string }
    /**
     * Fails as `not_found` where nothing is the subject's. `before`: records of theirs that saves of their
     * own have erased just now, so that this one's row in the audit chain has the whole count.
     */
    | { readonly subject: Lookup; readonly before?: number }
    | { readonly envelopesBefore: number };
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
}

/** One row of the hash-chained audit table. No personal data. */
export interface Audit {
  readonly do: 'audit';
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail?: string;
}

// ---------------------------------------------------------------------------------------------- ports

export interface Pipeline {
  accept(entries: readonly AcceptEntry[]): Promise<readonly AcceptOutcome[]>;
  /**
   * Leases up to `max` due rows, most urgent first. A row whose documents cannot be opened is parked as
   * `data_damaged`, alone: it takes no other row of the claim with it.
   */
  claim<S extends Stage>(stage: S, options: ClaimOptions): Promise<readonly WorkOf[S][]>;
  save(saves: readonly Save[]): Promise<readonly SaveOutcome[]>;
  /** Endings alone, without changes. */
  settle(settlements: readonly Settlement[]): Promise<readonly SaveOutcome[]>;
  /** A block of serials of one prefix and year, never given out again: unique, not gap-free. */
  reserveNumbers(
    prefix: string,
    year: number,
    count: number,
  ): Promise<{ readonly first: number; readonly count: number }>;
}

export interface Timers {
  /** One holder per account; undefined: another holds it. The fence grows with each new holder. */
  hold(
    account: string,
    holder: string,
    ttlMs: number,
    now: number,
  ): Promise<{ readonly fence: number } | undefined>;
  release(account: string, holder: string): Promise<void>;
}

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

// ---------------------------------------------------------------------------------------------- blobs

export interface BlobRef {
  /** Keyed content address: the same bytes have the same id, and the id says nothing about them. */
  readonly id: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Attachments and large bodies: sealed in chunks, content-addressed, durable before `put` resolves. */
export interface Blobs {
  /** @throws PayloadError `parser_limit` past `maxBytes`: nothing is kept. */
  put(content: AsyncIterable<Uint8Array> | Uint8Array, maxBytes: number): Promise<BlobRef>;
  /** @throws RefusedRequest `not_found` */
  open(id: string): AsyncIterable<Uint8Array>;
  drop(id: string): Promise<void>;
  /** Ids not referenced any more; `referenced` is asked in pages. */
  sweep(isReferenced: (ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<number>;
}
