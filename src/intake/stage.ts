import type { Claim, ClaimOptions, Logger, Pipeline, Save, Stage, Store, WorkOf } from '@kapi/contract';
import { codeOf, kindOfError } from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';

/** Wall and monotonic time; the only clocks the stages know. */
export interface Clock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The stages that run in such a loop; forward has one for each destination, notify its own. */
export type LoopStage = Exclude<Stage, 'forward' | 'notify'>;

export interface StageLoop {
  readonly stage: LoopStage;
  /** Resolves when the work in hand is settled or `graceMs` has passed; what is left waits for its lease. */
  stop(graceMs: number): Promise<void>;
}

export interface StageOptions<S extends LoopStage> {
  readonly stage: S;
  readonly pipeline: Pipeline;
  readonly watch: Store['watch'];
  readonly clock: Clock;
  readonly log: Logger;
  /** Rows of one claim, worked on together. */
  readonly batch: number;
  readonly leaseMs: number;
  /** How often the store is asked without a hint. */
  readonly pollMs: number;
  readonly claim?: Partial<ClaimOptions>;
  /**
   * For work that may hang on somebody else: each account has `batch` places of its own, and its rows
   * are not waited for before others are claimed.
   */
  readonly lanes?: {
    /** Accounts whose rows may be claimed. */
    all(): readonly string[];
    of(work: WorkOf[S]): string;
  };
  /** One row to what must be written; throws an error of the table, or anything else: our bug. */
  process(work: WorkOf[S]): Promise<Save> | Save;
  /** Called after a save that stood. */
  done?(work: WorkOf[S], save: Save): void;
  /** A bug or a row that failed for good; for the alarm. */
  broken?(work: WorkOf[S], error: unknown): void;
}

/** Give up on a row that has ended the process, or its lease, this many times. */
const maxAttempts = 8;

/** Exponential back-off with full jitter: 1 s, 2 s, 4 s … 5 min. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(300_000, 1000 * 2 ** Math.min(attempt - 1, 20));
  return Math.round(ceiling * (0.5 + random() / 2));
}

/**
 * Runs one stage: claims a batch, processes its rows side by side, saves each under its token, and
 * goes on until the store has nothing due; then sleeps until a hint or `pollMs`. A row that throws
 * never takes the others with it.
 */
export function runStage<S extends LoopStage>(options: StageOptions<S>): StageLoop {
  const { stage, pipeline, clock, log } = options;
  const stopping = new AbortController();
  let wake = new AbortController();
  const unwatch = options.watch((hint) => {
    if (hint.stages.includes(stage)) wake.abort();
  });

  async function saveOf(work: WorkOf[S]): Promise<Save> {
    try {
      if (work.attempt > maxAttempts) throw new Error(`given up after ${maxAttempts} attempts`);
      return await options.process(work);
    } catch (error) {
      if (kindOfError(error) === 'bug') {
        log.error({ stage, id: work.id, error: describe(error) }, 'a stage failed on a row');
        options.broken?.(work, error);
      }
      return { work: failure(stage, work, error, clock.now()), changes: [] };
    }
  }

  /** Rows in hand that no round waits for, by lane. */
  const inHand = new Map<Promise<void>, string>();

  function freeLanes(): readonly string[] | undefined {
    const busy = Map.groupBy(inHand.values(), (lane) => lane);
    return options.lanes?.all().filter((lane) => (busy.get(lane)?.length ?? 0) < options.batch);
  }

  function takeInHand(work: WorkOf[S], lane: string): void {
    const working = saveOf(work)
      .then((save) => settle(work, save))
      .catch((error: unknown) => log.error({ stage, error: describe(error) }, 'a row was left to its lease'))
      .finally(() => {
        inHand.delete(working);
        wake.abort();
      });
    inHand.set(working, lane);
  }

  async function round(): Promise<number> {
    const now = clock.now();
    const accounts = freeLanes();
    if (accounts?.length === 0) return 0;
    const works = await pipeline.claim(stage, {
      max: options.batch,
      leaseMs: options.leaseMs,
      now,
      ...options.claim,
      ...(accounts && { accounts }),
    });
    if (works.length === 0) return 0;
    failpoint(`${stage}-claimed`);
    const { lanes } = options;
    if (lanes) for (const work of works) takeInHand(work, lanes.of(work));
    else await Promise.all(works.map(async (work) => settle(work, await saveOf(work))));
    return works.length;
  }

  async function settle(work: WorkOf[S], save: Save): Promise<void> {
    failpoint(`${stage}-processed`);
    const [outcome] = await pipeline.save([save]);
    failpoint(`${stage}-saved`);
    if (outcome?.result === 'saved') return options.done?.(work, save);
    if (outcome?.result === 'stale') return log.warn({ stage, id: work.id }, 'a stale claim was dropped');
    // A conflict or an existing row: somebody was faster. Look again with fresh eyes.
    const reason = outcome?.result ?? 'no outcome';
    if (outcome?.result === 'failed') {
      log.error({ stage, id: work.id, code: outcome.code, detail: outcome.detail }, 'a save failed');
    }
    await pipeline.settle([
      {
        stage,
        id: work.id,
        token: work.token,
        ending: { end: 'retry', at: clock.now() + backoffMs(work.attempt), reason },
      },
    ]);
  }

  const loop = (async () => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      try {
        if ((await round()) > 0) continue;
      } catch (error) {
        if (stopping.signal.aborted) break;
        log.error({ stage, error: describe(error) }, 'the store did not answer a stage');
      }
      await clock
        .sleep(options.pollMs, AbortSignal.any([wake.signal, stopping.signal]))
        .catch(() => undefined);
    }
  })();

  return {
    stage,
    async stop(graceMs) {
      unwatch();
      stopping.abort();
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([loop.then(() => Promise.all(inHand.keys())), grace]);
      clearTimeout(timer);
    },
  };
}

/** What an error makes of a row: retry for the passing ones, parked for the rest. */
function failure(stage: Stage, work: Claim, error: unknown, now: number): NonNullable<Save['work']> {
  const claim = { stage, id: work.id, token: work.token };
  if (kindOfError(error) === 'transient' && work.attempt <= maxAttempts) {
    const asked = (error as { retryAfterMs?: number }).retryAfterMs;
    const at = now + (asked ?? backoffMs(work.attempt));
    return { ...claim, ending: { end: 'retry', at, reason: describe(error) } };
  }
  return { ...claim, ending: { end: 'parked', code: codeOf(error) ?? 'internal', detail: describe(error) } };
}

/** Name and message of a thrown value, never its stack or cause; a syntax error's message quotes the bytes. */
export function describe(thrown: unknown): string {
  if (thrown instanceof SyntaxError) return `${thrown.name}: the bytes do not parse`;
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}`.slice(0, 500) : 'a thrown value';
}
