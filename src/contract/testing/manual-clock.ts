/** Time that stands still until it is told to go on; wall and monotonic are one. */
export interface ManualClock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Lets sleepers wake in the order of their times, and what they set off run before the next. */
  advance(ms: number): Promise<void>;
  /** Advances in steps until the condition holds. @throws Error after `steps` of them */
  until(condition: () => boolean, stepMs?: number, steps?: number): Promise<void>;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Everything that is ready to run has run, promises and sockets of this process alike. */
async function quiesce(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

export function manualClock(start = Date.parse('2026-11-22T06:14:03Z')): ManualClock {
  let time = start;
  const sleepers = new Set<Sleeper>();

  const clock: ManualClock = {
    now: () => time,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const abort = () => {
          sleepers.delete(sleeper);
          reject(new Error('sleep aborted'));
        };
        const sleeper: Sleeper = {
          at: time + ms,
          wake() {
            sleepers.delete(sleeper);
            signal.removeEventListener('abort', abort);
            resolve();
          },
        };
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort, { once: true });
        sleepers.add(sleeper);
      }),
    async advance(ms) {
      const end = time + ms;
      await quiesce();
      for (;;) {
        const [next] = [...sleepers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
        if (next === undefined) break;
        time = Math.max(time, next.at);
        next.wake();
        await quiesce();
      }
      time = end;
      await quiesce();
    },
    async until(condition, stepMs = 1_000, steps = 1_000) {
      await quiesce();
      for (let step = 0; step < steps; step++) {
        if (condition()) return;
        await clock.advance(stepMs);
      }
      if (!condition()) throw new Error(`the condition does not hold after ${steps} steps of ${stepMs} ms`);
    },
  };
  return clock;
}
