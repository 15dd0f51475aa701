import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { HttpLimits } from './config.ts';

/**
 * Who is refused first when the process is at its limit. `read`: consoles and administration;
 * `entrance`: whoever can repeat at once; `provider`: webhooks, whose messages are lost after a while;
 * `always`: health, and what costs nothing.
 */
export type Load = 'read' | 'entrance' | 'provider' | 'always';

export interface Sample {
  readonly delayMs: number;
  readonly utilization: number;
  readonly rssBytes: number;
  readonly bodyBytes: number;
}

type OverloadLimits = Pick<
  HttpLimits,
  'eventLoopDelayMs' | 'eventLoopUtilization' | 'maxRssBytes' | 'maxBodyBytesInFlight'
>;

/** Reads go at half the limits, entrances at the limits, providers at twice the delay and a tenth more memory. Pure. */
export function refuses(load: Load, sample: Sample, limits: OverloadLimits): boolean {
  if (load === 'always') return false;
  if (load === 'read') {
    return (
      sample.delayMs >= limits.eventLoopDelayMs / 2 ||
      (limits.eventLoopUtilization < 1 && sample.utilization >= limits.eventLoopUtilization) ||
      sample.rssBytes >= limits.maxRssBytes * 0.9 ||
      sample.bodyBytes >= limits.maxBodyBytesInFlight / 2
    );
  }
  if (load === 'entrance') {
    return (
      sample.delayMs >= limits.eventLoopDelayMs ||
      sample.rssBytes >= limits.maxRssBytes ||
      sample.bodyBytes >= limits.maxBodyBytesInFlight
    );
  }
  return (
    sample.delayMs >= limits.eventLoopDelayMs * 2 ||
    sample.rssBytes >= limits.maxRssBytes * 1.1 ||
    sample.bodyBytes >= limits.maxBodyBytesInFlight * 1.25
  );
}

const sampleEveryMs = 1000;
const utilizationSamples = 5;

/** Measures the process once a second; answers per request from the last sample, and counts body bytes held. */
export class Overload {
  readonly #limits: OverloadLimits;
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  readonly #timer: NodeJS.Timeout;
  readonly #utilizations: EventLoopUtilization[] = [performance.eventLoopUtilization()];
  #delayMs = 0;
  #utilization = 0;
  #rssBytes = process.memoryUsage.rss();
  #bodyBytes = 0;
  #refused = { read: false, entrance: false, provider: false, always: false };

  constructor(limits: OverloadLimits) {
    this.#limits = limits;
    this.#delay.enable();
    this.#timer = setInterval(() => this.#measure(), sampleEveryMs);
    this.#timer.unref();
  }

  refuses(load: Load): boolean {
    return this.#refused[load];
  }

  get sample(): Sample {
    return {
      delayMs: this.#delayMs,
      utilization: this.#utilization,
      rssBytes: this.#rssBytes,
      bodyBytes: this.#bodyBytes,
    };
  }

  /** Counts bytes of a body that will stand in memory; negative when it is gone. */
  hold(bytes: number): void {
    this.#bodyBytes += bytes;
    // Bodies change faster than the sample; only the crossing of a line needs the table.
    if (this.#bodyBytes >= this.#limits.maxBodyBytesInFlight / 2 || this.#refused.read) this.#judge();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #measure(): void {
    const mean = this.#delay.mean / 1e6;
    this.#delayMs = Number.isFinite(mean) ? Math.max(0, mean - 10) : 0;
    this.#delay.reset();
    const now = performance.eventLoopUtilization();
    const then = this.#utilizations[0];
    // A window shorter than its full length says too little: start-up alone fills it.
    const full = this.#utilizations.length >= utilizationSamples;
    this.#utilization = full && then ? performance.eventLoopUtilization(now, then).utilization : 0;
    this.#utilizations.push(now);
    if (full) this.#utilizations.shift();
    this.#rssBytes = process.memoryUsage.rss();
    this.#judge();
  }

  #judge(): void {
    const sample = this.sample;
    this.#refused = {
      read: refuses('read', sample, this.#limits),
      entrance: refuses('entrance', sample, this.#limits),
      provider: refuses('provider', sample, this.#limits),
      always: false,
    };
  }
}
