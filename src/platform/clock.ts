import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';

/** The only source of time of the house; stages take it by option, so that a test can turn it. */
export interface Clock {
  /** Wall time, epoch milliseconds. May jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds since some start; never goes back. Lengths of time are measured by it. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** `setTimeout` fires at once for longer waits. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    if (signal?.aborted) return;
    const delay = Math.min(Math.max(0, ms), longestTimerMs);
    await wait(delay, undefined, signal && { signal }).catch(() => undefined);
  },
};

export interface TestClock extends Clock {
  /** Moves both clocks on and wakes the sleepers whose time has come, in order. */
  advance(ms: number): void;
  /** Sets the wall clock alone, as an operator would. */
  set(epochMs: number): void;
  readonly sleepers: number;
}

/** A clock that stands still until told; for tests. */
export function createTestClock(startMs = Date.UTC(2026, 10, 22, 9)): TestClock {
  let wall = startMs;
  let steady = 0;
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  return {
    now: () => wall,
    monotonic: () => steady,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted || ms <= 0) return resolve();
        const sleeper = {
          at: steady + ms,
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
      }),
    advance(ms) {
      wall += ms;
      steady += ms;
      for (const sleeper of [...sleepers].sort((a, b) => a.at - b.at))
        if (sleeper.at <= steady) sleeper.wake();
    },
    set(epochMs) {
      wall = epochMs;
    },
    get sleepers() {
      return sleepers.size;
    },
  };
}
