import type {
  AcceptOutcome,
  Claim,
  ClaimOptions,
  CommitHint,
  ErrorCode,
  Notice,
  Profile,
  SaveOutcome,
  Settlement,
  Stage,
  Timer,
  Urgency,
} from '@kapi/contract';
import type { PackedEntry, PackedSave } from './pack.ts';

/** What may be asked of the writer. Every command of a group is part of one commit. */
export type Command =
  | { readonly verb: 'accept'; readonly entries: readonly PackedEntry[] }
  | { readonly verb: 'claim'; readonly stage: Stage; readonly options: ClaimOptions }
  | { readonly verb: 'save'; readonly saves: readonly PackedSave[] }
  | { readonly verb: 'settle'; readonly settlements: readonly Settlement[] }
  | { readonly verb: 'reserve'; readonly prefix: string; readonly year: number; readonly count: number }
  | {
      readonly verb: 'hold';
      readonly account: string;
      readonly holder: string;
      readonly ttlMs: number;
      readonly now: number;
    }
  | { readonly verb: 'release'; readonly account: string; readonly holder: string }
  /** A step of wrapping data keys anew with the ring's active key, from `after` on. */
  | { readonly verb: 'rewrap'; readonly keys: string; readonly after: RewrapPosition; readonly max: number };

export interface RewrapPosition {
  readonly table: 'records' | 'envelopes';
  readonly row: number;
}
export interface RewrapStep {
  readonly rewrapped: number;
  /** Absent when all are. */
  readonly next?: RewrapPosition;
}

export interface AnswerOf {
  readonly accept: readonly AcceptOutcome[];
  readonly claim: readonly PackedWork[];
  readonly save: readonly SaveOutcome[];
  readonly settle: readonly SaveOutcome[];
  readonly reserve: { readonly first: number; readonly count: number };
  readonly hold: { readonly fence: number } | undefined;
  readonly release: undefined;
  readonly rewrap: RewrapStep;
}
export type Value = AnswerOf[Command['verb']];

export type Answer =
  | { readonly value: Value }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

export interface GroupResult {
  /** One per command, in order. */
  readonly answers: readonly Answer[];
  readonly hint: CommitHint | undefined;
  /** Blobs that erasure let go of. */
  readonly dropped: readonly string[];
  /** Rows that could not be opened and were parked, a sentence each. */
  readonly damaged: readonly string[];
  /** Set after a failed sync: the process must stop. */
  readonly fatal?: string;
}

// Work as it leaves the writer: documents still JSON, parsed on the caller's thread.

export interface PackedEnvelopeWork {
  readonly id: string;
  readonly adapter: string;
  readonly account: string;
  readonly head: string;
  readonly body: Uint8Array;
  readonly blobId?: string;
}
export interface PackedPartWork {
  readonly state: string;
  readonly reason: string | undefined;
  readonly doc: string;
}
export interface PackedMessageWork {
  readonly id: string;
  readonly account: string;
  readonly adapter: string;
  readonly envelopeId: string;
  readonly revision: number;
  readonly channel: string;
  readonly receivedAt: number;
  readonly saidAt: number;
  readonly content: string;
  readonly parts: readonly PackedPartWork[];
  readonly state: string;
  readonly restored?: true;
  /** Where a revision was placed before: the record as JSON and all messages in it. */
  readonly placed?: { readonly record: string; readonly messages: readonly PackedMessageWork[] };
}
export interface PackedNoticeWork {
  readonly clear: Omit<Notice, 'to' | 'subject' | 'text'>;
  readonly doc: string;
}
export type PackedWork =
  | (Claim & {
      readonly stage: 'read';
      readonly envelope: PackedEnvelopeWork;
      readonly parts: readonly PackedPartWork[];
      readonly acceptedAt: number;
    })
  | (Claim & {
      readonly stage: 'fetch';
      readonly envelope: PackedEnvelopeWork;
      readonly part: PackedPartWork;
    })
  | (Claim & {
      readonly stage: 'assemble';
      readonly account: string;
      readonly adapter: string;
      readonly messages: readonly PackedMessageWork[];
      readonly last: string | undefined;
    })
  | (Claim & {
      readonly stage: 'forward';
      readonly destination: string;
      readonly profile: Profile;
      readonly event: {
        readonly id: string;
        readonly recordId: string;
        readonly name: string;
        readonly sequence: number;
        readonly version: number;
        readonly at: string;
        readonly actor: string;
        readonly data: string;
      };
      readonly body: Uint8Array;
      readonly subject: string;
      readonly type: string;
      readonly createdAt: number;
      readonly urgency: Urgency;
    })
  | (Claim & {
      readonly stage: 'notify';
      readonly notice: PackedNoticeWork;
      readonly record: string;
      readonly earlier: readonly PackedNoticeWork[];
    })
  | (Claim & { readonly stage: 'timer'; readonly timer: Timer; readonly record: string | undefined });
