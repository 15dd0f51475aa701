import type { z } from 'zod';
import type { Channel } from '../record/index.ts';
import type { Envelope, Normalized, Part, PartRef } from './envelope.ts';

/** A configuration object; every field has a description, secrets carry `.meta({ secret: true })`. */
export type ConfigSchema = z.ZodObject;

/** What an adapter can do. No defaults: every line is answered, and must agree with the functions present. */
export interface Capabilities {
  readonly emits: {
    readonly attachments: boolean;
    readonly locations: boolean;
    readonly statuses: boolean;
    readonly revisions: boolean;
  };
  /** How a push request, or a pulled source, proves where it comes from. */
  readonly origin: 'signature' | 'token' | 'allow-list' | 'login';
  /** What the sender's identity is worth to promise 9. */
  readonly senderProof: 'account' | 'per-message' | 'none';
  /** Who repeats an envelope that we could not accept. */
  readonly retries: 'provider' | 'core' | 'nobody';
  /** Chat and SMS: several messages in one breath are one record. */
  readonly settles: boolean;
  /** Foreign provider that needs a `transferBasis` (KVKK) before it may be enabled. */
  readonly abroad: boolean;
  readonly reply: ReplyCapability | false;
}

export interface ReplyCapability {
  readonly addresses: 'phone' | 'email' | 'handle';
  readonly attachments: boolean;
  /** Characters of one message; null where there is no limit that matters. */
  readonly maxCharacters: number | null;
  /** Reports that arrive afterwards as status items. */
  readonly reports: boolean;
  readonly lookup: boolean;
  /** Sending the same draft twice under the same `idempotencyKey` reaches the citizen once. */
  readonly idempotent: boolean;
}

/** The exact bytes of a webhook call. Header names are lower case; a doubled header is an array. */
export interface PushRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query as received, e.g. `/webhooks/sms-twilio/sms-153?x=1`. */
  readonly target: string;
  /** `KAPI_PUBLIC_URL` + target: what the provider was configured with. Never built from the Host header. */
  readonly publicUrl: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
  readonly remoteAddress: string;
}

export interface PushAnswer {
  readonly status: number;
  readonly contentType?: string;
  readonly body?: string;
}

export type Verdict = 'genuine' | 'forged' | 'stale';

/** Called by the core once per request, in this order: handshake, verify, envelopeKey, (commit), answer. */
export interface PushSource<Config> {
  readonly kind: 'push';
  /** Largest legal body, bytes. */
  readonly maxBytes: number;
  /** Judges the exact bytes before anything parses them. Pure; constant time where a secret is compared. */
  verify(request: PushRequest, scope: { readonly config: Config; readonly now: number }): Verdict;
  /** Unique key of the envelope within the account; a repeat of the same key is answered as before and stored once. */
  envelopeKey(request: PushRequest, config: Config): string;
  /** Answers a set-up call of the provider (e.g. a challenge); undefined: not a set-up call. */
  handshake?(request: PushRequest, config: Config): PushAnswer | undefined;
  /** The body of the 2xx after the commit. Default: empty 200. */
  answer?(request: PushRequest, config: Config): PushAnswer;
}

export interface PulledEnvelope {
  /** Unique within the account. */
  readonly key: string;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** ISO 8601: when the provider received it, for what is picked up later than it would have come. Absent: now. */
  readonly receivedAt?: string;
}

/**
 * `stored`: committed now or before, may be marked at the source. `left`: not committed, leave it where
 * it is and offer it again, in this session or the next: a later cursor must not make the source forget it.
 */
export type PullOutcome = 'stored' | 'left';

export interface PullBatch {
  readonly envelopes: readonly PulledEnvelope[];
  /** Opaque; committed in the same transaction as the envelopes, and alone where there are none. */
  readonly cursor?: string;
  /** Called exactly once, after the commit or its failure, one outcome per envelope in order. */
  settle(outcomes: readonly PullOutcome[]): Promise<void>;
}

export interface PullSource<Config> {
  readonly kind: 'pull';
  /** Yields batches until the signal aborts; throws TransientError to be reopened with back-off. */
  open(context: AdapterContext<Config>): AsyncIterable<PullBatch>;
}

export type Source<Config> = PushSource<Config> | PullSource<Config>;

/** A redacting logger: fields named as secret in config, and personal data patterns, never pass. */
export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bounded by `maxBytes`. */
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
  stream(): AsyncIterable<Uint8Array>;
}

/**
 * No private ranges (literal, resolved or connected), https only, size and time caps; a redirect is
 * handed over, not followed.
 * @throws RejectedError `address_guarded`, `media_refused`; TransientError `provider_unavailable` where
 * nothing was sent or the request is a GET; an Error without a code where a request was sent and no
 * answer came: its fate is unknown.
 */
export type HttpClient = (url: string, request?: HttpRequest) => Promise<HttpResponse>;

/** All an adapter may touch. No store, no queue. */
export interface AdapterContext<Config> {
  readonly account: string;
  readonly config: Config;
  readonly signal: AbortSignal;
  /** Last committed cursor of this account, read only. */
  readonly cursor: string | undefined;
  readonly http: HttpClient;
  readonly log: Logger;
  /** Says what the account is doing, for doctor and the accounts list. */
  readonly health: (state: AccountHealth) => void;
}

export interface AccountHealth {
  readonly state: 'connected' | 'connecting' | 'failing' | 'stopped';
  /** One sentence, no secrets. */
  readonly detail?: string;
}

/** Runs in a child process with memory, time and type caps; the result is stored as the part's value. */
export interface ParserEntry {
  /** Absolute file URL of a module whose default export is `(body: Uint8Array, limits) => Promise<ParseResult>`. */
  readonly module: URL;
  readonly maxMs: number;
  readonly maxMemoryMb: number;
}

/** What a parser module returns: one JSON value, and files found inside that become `media` parts. */
export interface ParseResult {
  readonly value: unknown;
  readonly files: readonly {
    readonly key: string;
    readonly name: string;
    readonly mediaType: string;
    readonly body: Uint8Array;
  }[];
}

/** A message to a citizen, ready to send. */
export interface ReplyDraft {
  /** The notice's id: the same draft repeated carries the same key. */
  readonly idempotencyKey: string;
  /** Phone in E.164, mail address, or the platform's user id. */
  readonly to: string;
  readonly subject?: string;
  readonly text: string;
  /** Record number, for threading. */
  readonly recordNumber?: string;
  /** Key of the citizen's message it answers: the latest one of the case by this account from this address. */
  readonly inReplyTo?: string;
  /** Keys of those before it, oldest first; for threading. */
  readonly references?: readonly string[];
  /** Automatic (receipt) or written by a person (answer): mail headers differ. */
  readonly automatic: boolean;
  readonly language: 'tr' | 'en' | 'ar';
}

export interface ReplyReceipt {
  /** Provider's id; status items and lookups name it. */
  readonly ref: string;
  /** What could not be done as asked, e.g. `attachments-dropped`. */
  readonly warnings: readonly string[];
}

export type ReplyStatus = 'sent' | 'delivered' | 'failed' | 'unknown';

export interface Reply<Config> {
  /** Throws TransientError (429, 5xx, no connection before anything was said) or RejectedError (4xx). Anything else: unknown. */
  send(draft: ReplyDraft, context: AdapterContext<Config>): Promise<ReplyReceipt>;
  /** What the provider knows of a draft whose fate a crash hid. */
  lookup?(
    ref: {
      readonly idempotencyKey: string;
      readonly ref?: string;
      readonly to: string;
      readonly text: string;
      readonly sentAfter: string;
    },
    context: AdapterContext<Config>,
  ): Promise<ReplyStatus>;
}

export interface Adapter<Config = unknown> {
  readonly contract: 1;
  /** Folder name, route segment, config key, log field. */
  readonly id: string;
  readonly channels: readonly Channel[];
  readonly config: ConfigSchema;
  readonly capabilities: Capabilities;
  readonly sources: readonly Source<Config>[];
  /** Pure: what to fetch or derive. */
  parts?(envelope: Envelope, config: Config): readonly PartRef[];
  /** Effect, retried by the core; throws TransientError, or RejectedError (`media_expired`, `media_refused`). */
  fetch?(ref: PartRef, context: AdapterContext<Config>): Promise<AsyncIterable<Uint8Array>>;
  readonly parser?: ParserEntry;
  /** Pure and synchronous. Throws PayloadError where nothing of the envelope can be read, and nothing else. */
  normalize(envelope: Envelope, parts: readonly Part[], config: Config): Normalized;
  readonly reply?: Reply<Config>;
  /** Reaches the account and says in one sentence what is wrong; for doctor. Effect without trace. */
  probe?(context: AdapterContext<Config>): Promise<{ readonly ok: boolean; readonly detail: string }>;
}

type Honest<A> = A extends { capabilities: { reply: false } }
  ? { readonly reply?: never }
  : A extends { capabilities: { reply: { lookup: true } } }
    ? { readonly reply: { lookup: NonNullable<Reply<never>['lookup']> } }
    : { readonly reply: object };

/**
 * Declares an adapter. The types refuse one whose capabilities disagree with its functions: a reply
 * capability without `reply`, `lookup: true` without `lookup`, `reply: false` with one.
 */
export function defineAdapter<
  const S extends ConfigSchema,
  const C extends Capabilities,
  const D extends Omit<Adapter<z.output<S>>, 'contract' | 'config' | 'capabilities'>,
>(
  definition: D & { readonly config: S; readonly capabilities: C } & Honest<{ capabilities: C }>,
): Adapter<z.output<S>> {
  return { contract: 1, ...definition };
}
