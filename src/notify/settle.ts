import {
  type Change,
  codeOf,
  type Ending,
  type Logger,
  type Notice,
  type NoticeState,
  type NotifyWork,
  type Pipeline,
  type Reader,
  type SaveOutcome,
  type SokRecord,
} from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import { hasOpenPromise } from './kinds.ts';
import type { PlanOptions } from './plan.ts';
import type { Clock, ReplyAccounts } from './ports.ts';
import { retryAt } from './retry.ts';

export interface StepOptions extends PlanOptions {
  readonly pipeline: Pick<Pipeline, 'save'>;
  readonly reader: Pick<Reader, 'record' | 'records' | 'messages' | 'optedOut'>;
  readonly accounts: ReplyAccounts;
  /** The next version of the record with its 48-hour clock met at that moment, and the event that says so. */
  readonly meetPromise: (record: SokRecord, at: number) => readonly Change[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: {
    readonly notices: { add(labels: Readonly<Record<'channel' | 'state', string>>): void };
  };
  /** A notice that reached nobody, with no channel left; for the alarm. */
  readonly dead?: (notice: Notice) => void;
  readonly random?: () => number;
  readonly leaseMs: number;
  /** Longest one `send` may take; less than the lease. */
  readonly sendTimeoutMs: number;
}

/** A record that many hands write is tried this often before the clock is met at a later look. */
const conflictTries = 5;
export async function save(
  { pipeline, log, metrics }: StepOptions,
  work: NotifyWork,
  ending: Ending,
  changes: readonly Change[],
): Promise<SaveOutcome> {
  const settlement = { stage: 'notify', id: work.id, token: work.token, ending } as const;
  const [outcome] = await pipeline.save([{ work: settlement, changes }]);
  if (!outcome) return { result: 'failed', code: 'store_unavailable', detail: 'no outcome' };
  if (outcome.result === 'saved') {
    if (ending.end !== 'extend') failpoint('notify-saved');
    for (const change of changes) {
      if (change.do === 'move-notice')
        metrics?.notices.add({ channel: work.notice.channel, state: change.to });
    }
  } else if (outcome.result === 'failed' || outcome.result === 'exists') {
    log.error({ notice: work.notice.id, outcome }, 'a notice could not be saved');
  }
  return outcome;
}

export const move = (
  { notice }: NotifyWork,
  from: readonly NoticeState[],
  to: NoticeState,
  at: number,
  more: { readonly ref?: string; readonly reason?: string } = {},
): Change => ({ do: 'move-notice', id: notice.id, from, to, at, ...more });

export const wait = async (
  options: StepOptions,
  work: NotifyWork,
  at: number,
  reason: string,
): Promise<void> => {
  await save(options, work, { end: 'retry', at, reason, countAttempt: false }, []);
};

export async function retry(
  options: StepOptions,
  work: NotifyWork,
  changes: readonly Change[],
  error: unknown,
): Promise<void> {
  const at = retryAt(options.clock.now(), work.attempt, askedWaitMs(error), options.random ?? Math.random);
  await save(options, work, { end: 'retry', at, reason: reasonOf(error) }, changes);
}

/** Ends the claim. With `metAt` the record's clock is met in the same save; other writers of it are waited out. */
export async function finish(
  options: StepOptions,
  work: NotifyWork,
  changes: readonly Change[],
  metAt?: number,
): Promise<void> {
  let record = work.record;
  for (
    let attempt = 1;
    metAt !== undefined && attempt <= conflictTries && hasOpenPromise(record);
    attempt += 1
  ) {
    const outcome = await save(options, work, { end: 'done' }, [
      ...changes,
      ...options.meetPromise(record, metAt),
    ]);
    if (outcome.result !== 'conflict') return;
    const view = await options.reader.record({ id: record.id });
    if (!view) break;
    record = view.record;
  }
  const later = {
    end: 'retry',
    at: options.clock.now() + 1000,
    reason: 'record-busy',
    countAttempt: false,
  } as const;
  const busy = metAt !== undefined && hasOpenPromise(record);
  await save(options, work, busy ? later : { end: 'done' }, changes);
}

const askedWaitMs = (error: unknown): number | undefined =>
  error instanceof Object && 'retryAfterMs' in error && typeof error.retryAfterMs === 'number'
    ? error.retryAfterMs
    : undefined;

/** Code of a known error, else the name of the thrown thing: never its message, which may quote the citizen. */
export const reasonOf = (error: unknown): string =>
  codeOf(error) ?? (error instanceof Error ? error.name : 'thrown');
