import type { Channel, Profile, SokRecord, Urgency } from '../record/index.ts';
import type { RecordEvent } from './cloud-event.ts';
import type { Envelope, Part, PartRef, PartState } from './envelope.ts';
import type { ErrorCode } from './errors.ts';
import type { Change, Notice, StoredMessage, Timer } from './store-changes.ts';

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
