/** `paused`: the other side asked not to be called; probed, but seldom. */
export type BreakerState = 'closed' | 'open' | 'paused';

export interface BreakerOptions {
  readonly failuresInRow: number;
  /** Opens when more than half of the tries within this time failed; monotonic milliseconds as all times here. */
  readonly windowMs: number;
  /** Below this many tries the share says nothing. */
  readonly windowMinimum: number;
  readonly probeEveryMs: number;
  readonly pausedProbeEveryMs: number;
}

export const breakerDefaults: BreakerOptions = {
  failuresInRow: 5,
  windowMs: 60_000,
  windowMinimum: 10,
  probeEveryMs: 30_000,
  pausedProbeEveryMs: 3_600_000,
};

/**
 * Circuit breaker of one destination. Closed: send freely. Open or paused: nothing, but one probe when
 * `waitMs` has run out. The outcome of a try is told by exactly one of the verbs; those of tries begun
 * before it opened neither close it nor delay the probe.
 */
export interface Breaker {
  readonly state: BreakerState;
  readonly failuresInRow: number;
  /** Until the next try is allowed: 0 while closed. */
  waitMs(now: number): number;
  succeeded(now: number): void;
  failed(now: number): void;
  gone(now: number): void;
  /** Closed at once: an operator's wish or a new configuration. */
  resume(): void;
}

const bucketCount = 12;

export function createBreaker(options: BreakerOptions = breakerDefaults): Breaker {
  let state: BreakerState = 'closed';
  let failuresInRow = 0;
  let probeAt = 0;
  let buckets: { readonly slot: number; tries: number; failures: number }[] = [];
  const bucketMs = options.windowMs / bucketCount;

  function count(now: number, failure: boolean): void {
    const slot = Math.floor(now / bucketMs);
    buckets = buckets.filter((bucket) => bucket.slot > slot - bucketCount);
    let bucket = buckets.at(-1);
    if (bucket?.slot !== slot) {
      bucket = { slot, tries: 0, failures: 0 };
      buckets.push(bucket);
    }
    bucket.tries += 1;
    if (failure) bucket.failures += 1;
  }

  function mostlyFailing(): boolean {
    const tries = buckets.reduce((sum, bucket) => sum + bucket.tries, 0);
    const failures = buckets.reduce((sum, bucket) => sum + bucket.failures, 0);
    return tries >= options.windowMinimum && failures * 2 > tries;
  }

  function open(next: 'open' | 'paused', now: number): void {
    state = next;
    buckets = [];
    probeAt = now + (next === 'open' ? options.probeEveryMs : options.pausedProbeEveryMs);
  }

  function close(): void {
    state = 'closed';
    failuresInRow = 0;
    buckets = [];
  }

  return {
    get state() {
      return state;
    },
    get failuresInRow() {
      return failuresInRow;
    },
    waitMs: (now) => (state === 'closed' ? 0 : Math.max(0, probeAt - now)),
    succeeded(now) {
      if (state === 'closed') {
        failuresInRow = 0;
        count(now, false);
      } else if (now >= probeAt) close();
    },
    failed(now) {
      failuresInRow += 1;
      if (state === 'closed') {
        count(now, true);
        if (failuresInRow >= options.failuresInRow || mostlyFailing()) open('open', now);
      } else if (now >= probeAt) open(state, now);
    },
    gone: (now) => open('paused', now),
    resume: close,
  };
}
