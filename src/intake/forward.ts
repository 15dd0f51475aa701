import type { Destination, HttpClient, Logger, Pipeline, Store } from '@kapi/contract';
import type { BreakerOptions, BreakerState } from './breaker.ts';
import { runDestination } from './forward-destination.ts';
import type { Clock } from './stage.ts';

/** What one try to deliver an event came to, pushed or pulled; metrics and alarms hear of each. */
export type DeliveryFact =
  | { readonly fact: 'delivered'; readonly destination: string; readonly attempt: number }
  | {
      readonly fact: 'retried';
      readonly destination: string;
      readonly code: string;
      readonly attempt: number;
    }
  | { readonly fact: 'dead'; readonly destination: string; readonly code: string };

/** What the forward stage tells metrics and alarms, one call per fact. */
export type ForwardFact =
  | (Extract<DeliveryFact, { fact: 'delivered' }> & { readonly tookMs: number })
  | Extract<DeliveryFact, { fact: 'retried' }>
  | (Extract<DeliveryFact, { fact: 'dead' }> & { readonly subject: string })
  | { readonly fact: 'state'; readonly destination: string; readonly state: BreakerState };

export interface DestinationState {
  readonly name: string;
  readonly kind: string;
  readonly state: BreakerState;
  readonly inFlight: number;
  readonly failuresInRow: number;
  readonly lastDeliveredAt?: number;
  /** Code and sentence of the last failure since the last delivery. */
  readonly lastError?: { readonly code: string; readonly detail: string; readonly at: number };
}

export interface ForwardOptions {
  readonly pipeline: Pipeline;
  readonly watch: Store['watch'];
  /** Pushed destinations by name; pulled queues are not among them. */
  readonly destinations: ReadonlyMap<string, Destination>;
  readonly clock: Clock;
  /** Milliseconds that no change of the wall clock moves. */
  readonly monotonic?: () => number;
  readonly log: Logger;
  readonly http: HttpClient;
  readonly observe?: (fact: ForwardFact) => void;
  readonly pollMs?: number;
  readonly horizonMs?: number;
  readonly breaker?: Partial<BreakerOptions>;
  readonly random?: () => number;
}

export interface Forward {
  /**
   * Claims no more, lets sends in flight end, cuts them off after `graceMs` and puts their deliveries
   * back; what cannot be put back any more waits for its lease. Then closes the destinations.
   */
  stop(graceMs?: number): Promise<void>;
  states(): readonly DestinationState[];
  /** Closes the breaker, also of a destination paused by its own wish. False: no such destination. */
  resume(name: string): boolean;
}

/**
 * The forward stage: one loop per destination, so that one which hangs or is down slows no other. A
 * destination that is down keeps its deliveries pending: the breaker opens, no claims are made, no
 * attempts are spent; only a refusal of the event itself or the horizon makes a delivery dead.
 */
export function startForward(options: ForwardOptions): Forward {
  const loops = new Map(
    [...options.destinations].map(([name, destination]) => [
      name,
      runDestination(name, destination, options),
    ]),
  );
  return {
    async stop(graceMs = 8_000) {
      await Promise.all([...loops.values()].map((loop) => loop.stop(graceMs)));
    },
    states: () => [...loops.values()].map((loop) => loop.state()),
    resume(name) {
      const loop = loops.get(name);
      loop?.resume();
      return loop !== undefined;
    },
  };
}
