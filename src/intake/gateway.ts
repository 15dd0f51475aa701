import type {
  ClaimRequest,
  CloudEvent,
  EventName,
  EventSubmission,
  MessageReceipt,
  MessageSubmission,
  Notice,
  PreviewRequest,
  PushAnswer,
  PushRequest,
  QueueStats,
  Reader,
  Scope,
  Upload,
} from '@kapi/contract';

/**
 * What the entrances (HTTP API, citizen form, staff desk, command line) may ask of the house. Composed
 * once at start; entrances see nothing of stages, adapters, store engine or destinations.
 */
export interface Gateway {
  readonly entrance: Entrance;
  readonly providers: Providers;
  readonly records: Records;
  readonly queue: Queue;
  readonly operations: Operations;
  readonly reader: Reader;
}

/** Who is asking. */
export interface Actor {
  /** `key:<id>`, `form`, `cli`; written to events and audit. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Account messages belong to where they name none. */
  readonly account: string;
  /** They may belong to no other. */
  readonly bound?: true;
  /** The only queues it has to do with; absent: all of them. */
  readonly queues?: ReadonlySet<string>;
}

export interface Entrance {
  /**
   * Message and record, durable with number and PIN before it resolves. `idempotencyKey` is the header
   * or the submission's `sourceId`.
   * @throws RefusedRequest `invalid_request`, `idempotency_conflict`, `unknown_upload`, `unknown_account`, `forbidden`
   * @throws TransientError `store_unavailable`, `overloaded`
   */
  receive(submission: MessageSubmission, idempotencyKey: string, actor: Actor): Promise<MessageReceipt>;
  /** Streams a file in; usable only by the same actor, within a day. @throws RefusedRequest, PayloadError `parser_limit` */
  upload(
    file: { readonly name: string; readonly mediaType: string; readonly content: AsyncIterable<Uint8Array> },
    actor: Actor,
  ): Promise<Upload>;
  /** What would this become; stores nothing. Values in clear only for actors that may reveal. */
  preview(request: PreviewRequest, actor: Actor): Promise<Record<string, unknown>>;
}

export interface Providers {
  /** Largest body this adapter's account may post, or undefined: no such account takes pushes. */
  limit(adapter: string, account: string): number | undefined;
  /** handshake → verify → commit → answer. @throws RefusedRequest `unknown_account`, `bad_signature`, `stale_request` */
  push(adapter: string, account: string, request: PushRequest): Promise<PushAnswer>;
}

export interface AppliedEvent {
  readonly id: string;
  readonly sequence: number;
  readonly version: number;
  readonly status: string;
  readonly duplicate: boolean;
}

export interface Records {
  /** `expectedVersion` from If-Match. @throws RefusedRequest `not_found`, `illegal_transition`, `version_conflict`, `invalid_request` */
  apply(
    number: string,
    event: EventSubmission,
    actor: Actor,
    expectedVersion?: number,
  ): Promise<AppliedEvent>;
  /** For the citizen: by number and PIN, counting wrong ones. @throws RefusedRequest `not_found`, `locked` */
  track(number: string, pin: string): Promise<Tracking>;
  /** @throws RefusedRequest `not_found` */
  trackByToken(token: string): Promise<Tracking>;
  /** A file of a record, streamed; the access and its reason are written to the audit chain. */
  attachment(
    number: string,
    attachmentId: string,
    actor: Actor,
    reason: string,
  ): Promise<{
    readonly name: string;
    readonly mediaType: string;
    readonly bytes: number;
    readonly content: AsyncIterable<Uint8Array>;
  }>;
  /** Writes that personal data of this record was shown, and why. */
  revealed(number: string, actor: Actor, reason: string): Promise<void>;
}

/** All a citizen sees of a record. */
export interface Tracking {
  readonly number: string;
  readonly status: string;
  readonly statusLabel: string;
  readonly receivedAt: string;
  readonly promiseDueAt?: string;
  readonly unit?: string;
  /** `event` lets a page in another language say it itself; `label` is Turkish. */
  readonly history: readonly {
    readonly at: string;
    readonly event?: EventName;
    readonly label: string;
    readonly text?: string;
  }[];
}

export interface QueueItem {
  readonly lease: string;
  readonly attempt: number;
  readonly event: CloudEvent;
}

export interface Queue {
  /** @throws RefusedRequest `not_found` for an unknown queue, `forbidden` for one the actor is not bound to */
  claim(
    request: ClaimRequest,
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<{ readonly items: readonly QueueItem[] }>;
  /** A lease of a queue the actor is not bound to is to it as one that had ended; so in `nack` and `extend`. */
  ack(
    leases: readonly string[],
    actor: Actor,
  ): Promise<{ readonly acked: number; readonly expired: readonly string[] }>;
  /** @throws RefusedRequest `lease_expired` */
  nack(lease: string, reason: string, retryAfterSeconds: number, actor: Actor): Promise<void>;
  /** @throws RefusedRequest `lease_expired` */
  extend(lease: string, leaseSeconds: number, actor: Actor): Promise<void>;
  /** Of the queues the actor is bound to. */
  stats(actor: Actor): Promise<readonly QueueStats[]>;
  /** Called when new record events were committed; for the event stream. */
  watch(listener: () => void): () => void;
}

export interface Account {
  readonly id: string;
  readonly adapter: string;
  readonly enabled: boolean;
  readonly state: 'connected' | 'connecting' | 'failing' | 'stopped' | 'listening';
  readonly detail?: string;
  readonly lastEnvelopeAt?: string;
}

export interface KeyWish {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly account?: string;
  readonly queues?: readonly string[];
}

/** One thing that is wrong, from the alarms of the house. */
export interface OpenAlarm {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly text: string;
  readonly severity: 'critical' | 'warning';
  readonly raisedAt: string;
  readonly count: number;
  readonly acknowledgedBy?: string;
}

export interface Erased {
  readonly records: number;
  /** Those that were in no record. */
  readonly messages: number;
}

export interface Operations {
  accounts(): readonly Account[];
  /** What is wrong now, oldest first. */
  alarms(): Promise<readonly OpenAlarm[]>;
  /** Someone has it in hand: it is repeated no more. @throws RefusedRequest `not_found` */
  acknowledge(alarmId: string, actor: Actor): Promise<void>;
  replay(envelopeId: string, actor: Actor): Promise<void>;
  /** Count of envelopes put back. */
  replaySince(since: string, account: string | undefined, actor: Actor): Promise<number>;
  /** Count of dead letters put back. @throws RefusedRequest `not_found` for an unknown id or destination */
  resend(what: { readonly id: string } | { readonly destination: string }, actor: Actor): Promise<number>;
  /** A message kept as «not a case» becomes one after all. */
  restore(messageId: string, actor: Actor): Promise<void>;
  /** `told`: ids of the events that were told; absent: all it is there to tell. With something left it stays open. @throws RefusedRequest `not_found`, `invalid_request` */
  closeCallback(id: string, actor: Actor, told?: readonly string[]): Promise<void>;
  notices(number: string): Promise<readonly Notice[]>;
  createKey(request: KeyWish, actor: Actor): Promise<{ readonly id: string; readonly key: string }>;
  revokeKey(id: string, actor: Actor): Promise<void>;
  /** @throws RefusedRequest `not_found` where there is no such record, or nothing of that person */
  erase(
    what:
      | { readonly number: string }
      | { readonly phone: string }
      | { readonly tckn: string }
      | { readonly email: string },
    reason: string,
    actor: Actor,
  ): Promise<Erased>;
  /**
   * The events of a record as they leave, or left, for a destination; sends nothing. The reason is needed,
   * and audited, where the destination's profile is `full`. @throws RefusedRequest `not_found`, `forbidden`
   */
  outgoing(
    number: string,
    destination: string,
    actor: Actor,
    reason: string | undefined,
  ): Promise<readonly CloudEvent[]>;
  /** False once the store cannot commit or the process is stopping. */
  ready(): boolean;
}
