import type {
  FailedItem,
  HttpClient,
  IgnoredItem,
  InboundMessage,
  Part,
  PartRef,
  PartState,
  PushAnswer,
  PushRequest,
  ReplyDraft,
  StatusItem,
} from '@kapi/contract';

/** Bytes in the row, or a file beside the test: `new URL('./fixtures/photo.txt', import.meta.url)`. */
export type Bytes = string | Uint8Array | URL;

/** Configuration as it stands in kapi.yaml, secrets in clear; the adapter's own schema reads it. */
export type RawConfig = Readonly<Record<string, unknown>>;

/** What an adapter's author says; everything else the kit checks without asking. */
export interface AdapterRows {
  readonly config: RawConfig;
  /** At least one per kind of thing the provider sends. */
  readonly envelopes: readonly EnvelopeRow[];
  /** Bodies of which nothing can be read: each must end in a PayloadError. */
  readonly malformed: readonly MalformedRow[];
  /** Required for every adapter with a push source. */
  readonly push?: PushRows;
  /** Required for every adapter with a pull source. */
  readonly pull?: PullRows;
  /** Required for every adapter with `fetch`. */
  readonly fetch?: readonly FetchRow[];
  /** Required for every adapter with `reply`. */
  readonly reply?: ReplyRows;
  /** Mutated bodies tried; the seed is part of a finding. */
  readonly fuzz?: { readonly cases?: number; readonly seed?: number };
}

export interface EnvelopeRow {
  /** Completes the sentence «reads …». */
  readonly name: string;
  /** The way it comes in; default `push` where the adapter has a push source. */
  readonly source?: 'push' | 'pull';
  readonly contentType: string;
  /** Allow-listed headers of the envelope, lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Bytes;
  /** ISO 8601 with offset; a fixed day in 2026 by default. */
  readonly receivedAt?: string;
  /** Things the provider put into this envelope. All lists of `expected` together hold as many items. */
  readonly items: number;
  /** Exactly what `normalize` returns, keys frozen; of failed items only key and code are compared. */
  readonly expected: ExpectedItems;
  /** Exactly the keys that `parts` returns, in order. Default: none. */
  readonly parts?: readonly string[];
  /** State of the media parts given to `normalize`; default `stored`. */
  readonly partState?: PartState;
  /** Parts given to `normalize` in place of those the kit makes. */
  readonly givenParts?: readonly Part[];
  /** Frozen result of `envelopeKey`, where the envelope is pushed. */
  readonly envelopeKey?: string;
  /**
   * The same items in another order: keys must be the same. Made by itself for JSON bodies, whose lists of
   * objects are reversed; `false` where the order of such a list has a meaning.
   */
  readonly reordered?: Bytes | false;
}

export interface ExpectedItems {
  readonly messages?: readonly InboundMessage[];
  readonly statuses?: readonly StatusItem[];
  readonly ignored?: readonly IgnoredItem[];
  readonly failed?: readonly Pick<FailedItem, 'key' | 'code'>[];
}

export interface MalformedRow {
  readonly name: string;
  readonly contentType: string;
  readonly body: Bytes;
}

export interface PushRows {
  /** Path and query the provider is configured with. */
  readonly target: string;
  /** Scheme and host before it; `https://kapi.example.bel.tr` by default. */
  readonly publicOrigin?: string;
  /** What the provider adds to a request so that it is genuine: a header, a changed target. */
  sign(request: PushRequest, now: number): Signed;
  /** The header that carries the proof, lower case; null where the proof is elsewhere (address, query). */
  readonly proofHeader: string | null;
  /** The configuration of another installation: other secrets, otherwise the same. */
  readonly otherConfig: RawConfig;
  /** Seconds after which a signed time is stale; null where the provider signs no time. */
  readonly staleAfterSeconds: number | null;
  /** The proof covers the URL too. */
  readonly coversUrl: boolean;
  /**
   * What of the body the provider's signature covers, where that is not the bytes: two bodies with the same
   * result cannot be told apart by it. Nine of ten changed bodies must still differ.
   */
  covers?(body: Uint8Array): string;
  readonly handshakes?: readonly HandshakeRow[];
}

export interface Signed {
  readonly headers?: PushRequest['headers'];
  readonly target?: string;
  readonly remoteAddress?: string;
}

export interface HandshakeRow {
  readonly name: string;
  readonly request: Pick<PushRequest, 'method' | 'target'> & { readonly body?: Bytes };
  /** undefined: not a set-up call. */
  readonly expected: PushAnswer | undefined;
}

export interface PullRows {
  /** A fresh source that holds what `expectedKeys` names. Called once per check. */
  start(): Promise<PullWorld>;
  /** How long the kit waits for a batch before it says that nothing comes; default ten seconds. */
  readonly patienceMs?: number;
}

export interface PullWorld {
  readonly config: RawConfig;
  readonly http?: HttpClient;
  readonly expectedKeys: readonly string[];
  /**
   * Keys the source saw marked (flagged, moved, acknowledged), one entry per act, in order; null where the
   * source is never marked and only the cursor moves.
   */
  marks(): Promise<readonly string[] | null>;
  stop(): Promise<void>;
}

export interface FetchRow {
  readonly name: string;
  readonly part: PartRef;
  /** Answers 200 with these bytes. */
  readonly content: Uint8Array;
  /** Hosts that may see credentials. */
  readonly trustedHosts: readonly string[];
  /** The provider names media before it can be had: its 404 means later, not never. */
  readonly mayComeLate?: true;
}

/** How the counterpart answers the next send. */
export type CounterpartMood =
  /** Takes it. */
  | 'accept'
  /** Asks to slow down (429, 421, 450). */
  | 'throttle'
  /** Fails for now (5xx of HTTP, 451). */
  | 'fail'
  /** Refuses this message for good (4xx of HTTP, 550). */
  | 'reject'
  /** Cannot be connected to. */
  | 'unreachable'
  /** Reads the whole message and hangs up without an answer. */
  | 'silent';

export interface ReplyRows {
  readonly to: string;
  readonly draft?: Partial<ReplyDraft>;
  /** A fresh counterpart, best a server on loopback. Called once per check. */
  start(mood: CounterpartMood): Promise<ReplyWorld>;
}

export interface ReplyWorld {
  readonly config: RawConfig;
  readonly http?: HttpClient;
  /** Messages the citizen would have, in order. */
  sent(): Promise<readonly { readonly to: string; readonly text: string }[]>;
  stop(): Promise<void>;
}

/** Something an adapter owes and does not keep. */
export interface Finding {
  /** The broken rule's id, from the table of checks. */
  readonly check: string;
  /** Where: a row's name, a header, a field. */
  readonly at: string;
  readonly detail: string;
}
