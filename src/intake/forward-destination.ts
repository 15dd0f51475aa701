import type { Destination, Ending, ForwardWork, OutgoingEvent, Settlement } from '@kapi/contract';
import { codeOf, kindOfError, maskText, TransientError } from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import { type BreakerState, breakerDefaults, createBreaker } from './breaker.ts';
import type { DestinationState, ForwardOptions } from './forward.ts';
import { onward } from './onward.ts';
import { retryDelayMs } from './retry.ts';
import { describe } from './stage.ts';

const dayMs = 86_400_000;
const defaultTimeoutMs = 15_000;
/** A lease outlives its send by this much, to settle in. */
const settleMs = 30_000;
const maxHoldMs = 3_600_000;
const maxProbeDelayMs = 1_800_000;

/** The loop of one destination: claims what it may, sends, settles, and rests until there is more. */
export function runDestination(name: string, destination: Destination, options: ForwardOptions) {
  const { pipeline, clock, log, observe = () => undefined, random = Math.random } = options;
  const { pollMs = 1_000, horizonMs = 14 * dayMs, monotonic = () => performance.now() } = options;
  const timeoutMs = destination.timeoutMs ?? defaultTimeoutMs;
  const limits = { ...breakerDefaults, ...options.breaker };
  const breaker = createBreaker(limits);
  const dueNow = onward(clock.now, monotonic);
  let stopping = false;
  const sends = new Set<AbortController>();
  const inFlight = new Set<Promise<void>>();
  const failedProbes = new Map<string, number>();
  let wake = new AbortController();
  let holdUntil = 0;
  let lastDeliveredAt: number | undefined;
  let lastError: DestinationState['lastError'];
  let told: BreakerState = 'closed';
  let cutOff = false;

  const unwatch = options.watch((hint) => {
    if (hint.destinations.includes(name)) wake.abort();
  });

  /** How many deliveries may be claimed now. */
  function room(now: number): number {
    if (now < holdUntil || breaker.waitMs(now) > 0) return 0;
    if (breaker.state === 'closed') return Math.max(0, destination.concurrency - inFlight.size);
    return inFlight.size === 0 ? 1 : 0;
  }

  async function round(): Promise<boolean> {
    const max = room(monotonic());
    if (max === 0) return false;
    const works = await pipeline.claim('forward', {
      destination: name,
      max,
      leaseMs: timeoutMs + settleMs,
      now: dueNow(),
    });
    if (works.length > 0) failpoint('forward-claimed');
    for (const work of works) {
      const sending = deliver(work).finally(() => {
        inFlight.delete(sending);
        wake.abort();
      });
      inFlight.add(sending);
    }
    return works.length === max && room(monotonic()) > 0;
  }

  async function deliver(work: ForwardWork): Promise<void> {
    const probe = breaker.state !== 'closed';
    const startedAt = monotonic();
    let ending: Ending;
    try {
      await send(work);
      failpoint('after-send-before-mark');
      ending = { end: 'done' };
      succeeded();
      lastDeliveredAt = clock.now();
      lastError = undefined;
    } catch (error) {
      ending = cutOff ? putBack('the gateway stopped') : failed(work, error, probe);
    }
    tellState();
    if (!(await settle({ stage: 'forward', id: work.id, token: work.token, ending }))) return;
    const { attempt, subject } = work;
    if (ending.end === 'done')
      observe({ fact: 'delivered', destination: name, attempt, tookMs: monotonic() - startedAt });
    if (ending.end === 'parked') observe({ fact: 'dead', destination: name, code: ending.code, subject });
  }

  async function send(work: ForwardWork): Promise<void> {
    const over = new AbortController();
    const done = new AbortController();
    sends.add(over);
    const aborted = new Promise<never>((_resolve, reject) => {
      over.signal.addEventListener('abort', () =>
        reject(new TransientError('destination_unavailable', `no answer within ${timeoutMs} ms`)),
      );
    });
    clock
      .sleep(timeoutMs, done.signal)
      .then(() => {
        if (!done.signal.aborted) over.abort();
      })
      .catch(() => undefined);
    try {
      const context = { signal: over.signal, http: options.http, log };
      await Promise.race([destination.send(toOutgoing(work), context), aborted]);
    } finally {
      done.abort();
      sends.delete(over);
    }
  }

  function succeeded(): void {
    breaker.succeeded(monotonic());
    if (breaker.state === 'closed') failedProbes.clear();
  }

  const putBack = (reason: string, delayMs = 0): Ending => ({
    end: 'retry',
    at: dueNow() + delayMs,
    reason,
    countAttempt: false,
  });

  /** What a failed try makes of its delivery; also tells the breaker. */
  function failed(work: ForwardWork, error: unknown, probe: boolean): Ending {
    const kind = kindOfError(error);
    const code = codeOf(error) ?? 'internal';
    const detail = maskText(describe(error));
    lastError = { code, detail, at: clock.now() };
    if (kind === 'bug')
      log.error({ destination: name, id: work.id, detail }, 'a destination failed unexpectedly');
    if (kind === 'rejected') {
      // It was judged, so the other side is up.
      succeeded();
      return { end: 'parked', code, detail };
    }
    if (code === 'destination_gone') {
      breaker.gone(monotonic());
      return putBack(detail, breaker.waitMs(monotonic()));
    }
    const retryAfterMs = retryAfterOf(error);
    if (retryAfterMs !== undefined) holdUntil = monotonic() + Math.min(retryAfterMs, maxHoldMs);
    breaker.failed(monotonic());
    if (clock.now() - work.createdAt > horizonMs) return { end: 'parked', code: 'horizon', detail };
    observe({ fact: 'retried', destination: name, code, attempt: work.attempt });
    if (probe) return putBack(detail, probeDelayMs(work.id, retryAfterMs));
    const delayMs = retryDelayMs(destination.retryScheduleMs, work.attempt, retryAfterMs, random);
    return { end: 'retry', at: dueNow() + delayMs, reason: detail };
  }

  /**
   * A failed probe spends no attempt, but its wait doubles with each one, so that an event which always
   * fails cannot be the only one ever probed.
   */
  function probeDelayMs(id: string, retryAfterMs: number | undefined): number {
    const times = failedProbes.get(id) ?? 0;
    failedProbes.set(id, times + 1);
    const stepMs = Math.min(limits.probeEveryMs * 0.8 * 2 ** times, maxProbeDelayMs);
    return retryDelayMs([stepMs], 1, retryAfterMs, random);
  }

  async function settle(settlement: Settlement): Promise<boolean> {
    try {
      const [outcome] = await pipeline.settle([settlement]);
      failpoint('forward-marked');
      if (outcome?.result === 'saved') return true;
      log.warn(
        { destination: name, id: settlement.id, result: outcome?.result },
        'a delivery was not settled',
      );
    } catch (error) {
      log.error(
        { destination: name, id: settlement.id, error: describe(error) },
        'a delivery was not settled',
      );
    }
    return false;
  }

  function tellState(): void {
    if (breaker.state === told) return;
    told = breaker.state;
    log.warn(
      { destination: name, state: told, ...(lastError && { detail: lastError.detail }) },
      'destination state',
    );
    observe({ fact: 'state', destination: name, state: told });
  }

  const loop = (async () => {
    while (!stopping) {
      wake = new AbortController();
      try {
        if (await round()) continue;
      } catch (error) {
        log.error(
          { destination: name, error: describe(error) },
          'the store did not answer the forward stage',
        );
      }
      const now = monotonic();
      const untilAllowed = Math.max(holdUntil - now, breaker.waitMs(now));
      const waitMs = untilAllowed > 0 ? Math.ceil(untilAllowed) : pollMs;
      await clock.sleep(waitMs, wake.signal).catch(() => undefined);
    }
  })();

  return {
    async stop(graceMs: number) {
      unwatch();
      stopping = true;
      wake.abort();
      await within(
        graceMs,
        loop.then(() => Promise.all(inFlight)),
      );
      cutOff = true;
      for (const send of sends) send.abort();
      await within(1_500, Promise.all(inFlight));
      await within(500, destination.close?.() ?? Promise.resolve());
    },
    state: (): DestinationState => ({
      name,
      kind: destination.kind,
      state: breaker.state,
      inFlight: inFlight.size,
      failuresInRow: breaker.failuresInRow,
      ...(lastDeliveredAt !== undefined && { lastDeliveredAt }),
      ...(lastError && { lastError }),
    }),
    resume() {
      breaker.resume();
      holdUntil = 0;
      failedProbes.clear();
      tellState();
      wake.abort();
    },
  };
}

function toOutgoing(work: ForwardWork): OutgoingEvent {
  const { event, type, subject, profile, body, attempt } = work;
  return { id: event.id, sequence: event.sequence, time: event.at, type, subject, profile, body, attempt };
}

function retryAfterOf(error: unknown): number | undefined {
  const asked = error instanceof Object && 'retryAfterMs' in error ? error.retryAfterMs : undefined;
  return typeof asked === 'number' && asked >= 0 ? asked : undefined;
}

/** Resolves when the work ends, either way, or the time is over. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([
    work.then(
      () => undefined,
      () => undefined,
    ),
    over,
  ]);
  clearTimeout(timer);
}
