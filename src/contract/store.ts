import type { Envelope, PartRef } from './envelope.ts';
import type { ErrorCode } from './errors.ts';
import type { Change } from './store-changes.ts';
import type { Reader } from './store-reader.ts';
import type { ClaimOptions, Save, SaveOutcome, Settlement, Stage, WorkOf } from './store-work.ts';

export * from './store-changes.ts';
export * from './store-reader.ts';
export * from './store-work.ts';

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
