import type { Blobs, Logger, Pipeline, Reader, Store } from '@kapi/contract';
import type { PlanNotices } from './changes.ts';
import type { NumberSource } from './numbers.ts';
import type { IntakeSettings } from './settings.ts';
import type { Clock } from './stage.ts';

/** Makes identities; random in the house, scripted in tests. */
export interface Ids {
  /** UUIDv7. */
  uuid(): string;
  /** Six digits. */
  pin(): string;
  /** 128 bits, base64url: names an upload. */
  token(): string;
}

/** Tokens of tracking links: each record has one, and it leads back to the record without being looked up. */
export interface TrackingTokens {
  /** 22 characters, base64url; nobody can guess it from the id. */
  tokenOf(recordId: string): string;
  /** The id a token stands for, or undefined where it cannot be a token. */
  recordOf(token: string): string | undefined;
}

/** What every verb of intake works with. Ports only; compose fills them. */
export interface House {
  readonly pipeline: Pipeline;
  readonly reader: Reader;
  readonly watch: Store['watch'];
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly tracking: TrackingTokens;
  readonly log: Logger;
  readonly numbers: NumberSource;
  readonly planNotices: PlanNotices;
  /** The settings in force now. */
  settings(): IntakeSettings;
  /** Media type by content, or undefined where the bytes say nothing. */
  sniff(head: Uint8Array): Promise<string | undefined>;
}
