import type { Adapter, AdapterContext } from '@kapi/contract';
import type { AccountSettings } from './settings.ts';

/** An enabled account of an adapter, with its checked config: made by compose, replaced on reload. */
export interface RunningAccount {
  readonly settings: AccountSettings;
  readonly adapter: Adapter;
  /** Config as the adapter's own schema parsed it. */
  readonly config: unknown;
  /** A context for one task; its signal ends with the account or the given one. */
  context(signal: AbortSignal, cursor?: string): AdapterContext<unknown>;
}

/** An account for a dry run: it may lack settings that it could not run without. */
export interface TrialAccount extends RunningAccount {
  /** Their names, e.g. `address`. */
  readonly missing: readonly string[];
}

export type RunningAccounts = () => ReadonlyMap<string, RunningAccount>;
