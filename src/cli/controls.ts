import type {
  AuditCheck,
  Book,
  deadLetterAnswer,
  eraseAnswer,
  keyAnswer,
  outgoingAnswer,
  PreviewRequest,
  quarantineEntry,
  Scope,
} from '@kapi/contract';
import type { z } from 'zod';

/** As the API shows them. */
export type ShownQuarantine = z.output<typeof quarantineEntry>;
export type ShownDeadLetter = z.output<typeof deadLetterAnswer>;
export type ShownKey = z.output<typeof keyAnswer>;

/**
 * What an operator does to a gateway, the same beside a running one (over its API) and on a stopped
 * one's data (under its lock). Lists are whole up to `limit`.
 */
export interface Controls {
  /** Where it acts, in words for the operator. */
  readonly where: string;
  quarantine(options: {
    readonly limit: number;
    readonly account?: string;
  }): Promise<readonly ShownQuarantine[]>;
  /** Puts an envelope back to be read anew. @throws RefusedRequest `not_found` */
  replay(envelopeId: string): Promise<void>;
  /** Count of envelopes put back. */
  replaySince(since: string, account?: string): Promise<number>;
  deadLetters(options: {
    readonly limit: number;
    readonly destination?: string;
  }): Promise<readonly ShownDeadLetter[]>;
  /** Count of dead letters put back. @throws RefusedRequest `not_found` */
  resend(what: { readonly id: string } | { readonly destination: string }): Promise<number>;
  keys(): Promise<readonly ShownKey[]>;
  createKey(request: {
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly account?: string;
    readonly queues?: readonly string[];
  }): Promise<{ readonly id: string; readonly key: string }>;
  revokeKey(id: string): Promise<void>;
  /** What was erased. @throws RefusedRequest `not_found` */
  erase(what: Subject, reason: string): Promise<z.output<typeof eraseAnswer>>;
  books(): Promise<Books>;
  /** Walks the whole audit chain. */
  audit(): Promise<Pick<AuditCheck, 'rows' | 'brokenAt'>>;
  preview(request: PreviewRequest): Promise<Record<string, unknown>>;
  /** The events of a record as they leave, or left, for a destination; nothing is sent. */
  outgoing(number: string, destination: string): Promise<z.output<typeof outgoingAnswer>['events']>;
  close(): Promise<void>;
}

export type Subject =
  | { readonly number: string }
  | { readonly phone: string }
  | { readonly tckn: string }
  | { readonly email: string };

export interface Books {
  /** Counters that move with every transaction. */
  readonly kept: readonly Book[];
  /** The same, counted from the rows. */
  readonly counted: readonly Book[];
}

/** Differences in words; empty where the books balance. */
export function bookFaults({ kept, counted }: Books): readonly string[] {
  const unbalanced = counted.flatMap(({ unit, total, parts }) => {
    const sum = Object.values(parts).reduce((whole, part) => whole + part, 0);
    return sum === total ? [] : [`${unit}: ${total} in all, but its parts sum to ${sum}`];
  });
  const different = counted.flatMap((book) => {
    const counter = kept.find(({ unit }) => unit === book.unit);
    if (!counter) return [`${book.unit}: no counter is kept`];
    const names = new Set([...Object.keys(book.parts), ...Object.keys(counter.parts)]);
    return [
      ...(counter.total === book.total
        ? []
        : [`${book.unit}: counter says ${counter.total}, rows say ${book.total}`]),
      ...[...names].flatMap((name) => {
        const [said, are] = [counter.parts[name] ?? 0, book.parts[name] ?? 0];
        return said === are ? [] : [`${book.unit} ${name}: counter says ${said}, rows say ${are}`];
      }),
    ];
  });
  return [...unbalanced, ...different];
}
