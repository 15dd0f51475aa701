import type { Channel, Profile, SokRecord } from '../record/index.ts';
import type { RecordEvent } from './cloud-event.ts';
import type { InboundMessage, Part } from './envelope.ts';

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
