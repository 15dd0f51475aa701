import type { ClaimOptions, NotifyWork, Pipeline, Store } from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import type { StepOptions } from './settle.ts';
import { takeStep } from './step.ts';

/** The part of the store's pipeline that notices need. */
export interface NotifyPipeline extends Pick<Pipeline, 'save'> {
  claim(stage: 'notify', options: ClaimOptions): Promise<readonly NotifyWork[]>;
}

export interface NotifyStageOptions extends Omit<StepOptions, 'leaseMs' | 'sendTimeoutMs' | 'pipeline'> {
  readonly pipeline: NotifyPipeline;
  readonly watch: Store['watch'];
  readonly leaseMs?: number;
  readonly sendTimeoutMs?: number;
  /** How often the store is asked without a hint. */
  readonly pollMs?: number;
}

export interface NotifyStage {
  readonly stage: 'notify';
  start(): void;
  /** Works off what is due now and resolves; for tests and for commands without a running gateway. */
  drain(): Promise<number>;
  /** Resolves when the work in hand is settled or `graceMs` has passed; what is left waits for its lease. */
  stop(graceMs: number): Promise<void>;
}

/** Notices in hand per account: a hanging account fills its own places and no other's. */
const placesPerAccount = 8;
/** Notices of accounts that are not configured any more are looked for this often. */
const orphansEveryMs = 60_000;

export function createNotifyStage(options: NotifyStageOptions): NotifyStage {
  const { pipeline, accounts, clock, log } = options;
  const steps: StepOptions = {
    ...options,
    // Read anew at each use, so that a caller may hand over a getter that follows a reload.
    get house() {
      return options.house;
    },
    leaseMs: options.leaseMs ?? 120_000,
    sendTimeoutMs: options.sendTimeoutMs ?? 45_000,
  };
  const stopping = new AbortController();
  const inHand = new Map<Promise<void>, string>();
  let wake = new AbortController();
  let orphansAt = 0;
  let loop: Promise<void> | undefined;
  const unwatch = options.watch((hint) => {
    if (hint.stages.includes('notify')) wake.abort();
  });

  const busy = (account: string): number => [...inHand.values()].filter((id) => id === account).length;

  async function claim(): Promise<readonly NotifyWork[]> {
    const now = clock.now();
    const orphans = now >= orphansAt;
    if (orphans) orphansAt = now + orphansEveryMs;
    const free = accounts.list().filter(({ id }) => busy(id) < placesPerAccount);
    if (!orphans && free.length === 0) return [];
    return pipeline.claim('notify', {
      max: placesPerAccount,
      leaseMs: steps.leaseMs,
      now,
      ...(!orphans && { accounts: free.map(({ id }) => id) }),
    });
  }

  function take(work: NotifyWork): void {
    const step = takeStep(steps, work)
      .catch((error: unknown) => {
        // The row is left to its lease and found again.
        log.error(
          { notice: work.notice.id, account: work.notice.account, error },
          'a step of a notice failed',
        );
      })
      .finally(() => {
        inHand.delete(step);
        wake.abort();
      });
    inHand.set(step, work.notice.account);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      const works = await claim().catch((error: unknown) => {
        log.error({ stage: 'notify', error }, 'the store did not answer a stage');
        return [];
      });
      if (works.length > 0) failpoint('notify-claimed');
      for (const work of works) take(work);
      if (works.length > 0) continue;
      await clock
        .sleep(options.pollMs ?? 1000, AbortSignal.any([wake.signal, stopping.signal]))
        .catch(() => undefined);
    }
  }

  return {
    stage: 'notify',
    start() {
      loop ??= run();
    },
    async drain() {
      let done = 0;
      for (;;) {
        orphansAt = 0;
        const works = await claim();
        if (works.length === 0) return done;
        done += works.length;
        for (const work of works) take(work);
        await Promise.all(inHand.keys());
      }
    },
    async stop(graceMs) {
      unwatch();
      stopping.abort();
      const settled = Promise.all([loop, ...inHand.keys()]);
      const grace = new AbortController();
      await Promise.race([settled, clock.sleep(graceMs, grace.signal).catch(() => undefined)]);
      grace.abort();
    },
  };
}
