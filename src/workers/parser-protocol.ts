import type { ParseResult } from '@kapi/contract';

/** What pool and child say to each other, by structured clone. */

export interface ParseTask {
  readonly id: number;
  readonly module: string;
  readonly maxMs: number;
  readonly maxMemoryMb: number;
  readonly body: Uint8Array;
}

export type ParseAnswer =
  | { readonly id: number; readonly result: ParseResult; readonly cpuMs: number }
  | { readonly id: number; readonly failure: string; readonly limit: boolean; readonly cpuMs: number };

/** First line a child sends, once it can take tasks. */
export interface ParserReady {
  readonly ready: true;
}
