import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The numbers of the house, `kapi_<noun>_<unit>_total`. Labels are ids from the configuration and words
 * from closed lists: never anything a citizen wrote or is called by.
 */
export interface Count<Label extends string> {
  add(labels: Readonly<Record<Label, string>>, count?: number): void;
}
export interface Level<Label extends string> {
  set(labels: Readonly<Record<Label, string>>, value: number): void;
}
export interface Spread<Label extends string> {
  observe(labels: Readonly<Record<Label, string>>, seconds: number): void;
}

export interface Metrics {
  /** `result`: accepted, repeated, refused, failed. */
  readonly envelopes: Count<'adapter' | 'account' | 'result'>;
  readonly messages: Count<'account' | 'channel'>;
  readonly records: Count<'channel'>;
  readonly events: Count<'name'>;
  /** `code` of the error table. */
  readonly quarantined: Count<'account' | 'code'>;
  /** `result`: delivered, retried, dead. */
  readonly deliveries: Count<'destination' | 'result'>;
  /** `state` the notice came to. */
  readonly notices: Count<'channel' | 'state'>;
  /** `result`: sent, failed, acknowledged. */
  readonly alarms: Count<'kind' | 'result'>;
  readonly requests: Spread<'method' | 'route' | 'status'>;
  /** Rows a stage has finished, and how long each took. */
  readonly stages: Spread<'stage'>;
  readonly backlog: Level<'stage'>;
  readonly queueReady: Level<'destination'>;
  /** Total less the sum of its parts; anything but 0 is the highest alarm. */
  readonly booksDifference: Level<'unit'>;
  /** 1 while connected or listening. */
  readonly accountUp: Level<'account'>;
  readonly breakerOpen: Level<'destination'>;
  /** Called before each scrape, for gauges that are read rather than kept. */
  onScrape(refresh: () => Promise<void> | void): void;
  readonly contentType: string;
  render(): Promise<string>;
}

const durations = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** @param process also the figures of the process: memory, CPU, event loop lag */
export function createMetrics({ process = true } = {}): Metrics {
  const registry = new Registry();
  if (process) collectDefaultMetrics({ register: registry, prefix: 'kapi_' });
  const refreshers: (() => Promise<void> | void)[] = [];

  function count<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
  ): Count<Label> {
    const counter = new Counter({ name, help, labelNames, registers: [registry] });
    return { add: (labels, value = 1) => counter.inc({ ...labels }, value) };
  }
  function level<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
  ): Level<Label> {
    const gauge = new Gauge({ name, help, labelNames, registers: [registry] });
    return { set: (labels, value) => gauge.set({ ...labels }, value) };
  }
  function spread<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
  ): Spread<Label> {
    const histogram = new Histogram({ name, help, labelNames, buckets: durations, registers: [registry] });
    return { observe: (labels, seconds) => histogram.observe({ ...labels }, seconds) };
  }

  return {
    envelopes: count('kapi_envelopes_total', 'Envelopes offered, by what became of them', [
      'adapter',
      'account',
      'result',
    ]),
    messages: count('kapi_messages_total', 'Messages stored', ['account', 'channel']),
    records: count('kapi_records_total', 'Records made', ['channel']),
    events: count('kapi_events_total', 'Events written', ['name']),
    quarantined: count('kapi_quarantined_total', 'Envelopes and items put to quarantine', [
      'account',
      'code',
    ]),
    deliveries: count('kapi_deliveries_total', 'Tries to deliver an event, by result', [
      'destination',
      'result',
    ]),
    notices: count('kapi_notices_total', 'Notices to citizens, by the state they came to', [
      'channel',
      'state',
    ]),
    alarms: count('kapi_alarms_total', 'Alarms to the people named in the configuration', ['kind', 'result']),
    requests: spread('kapi_request_duration_seconds', 'HTTP requests', ['method', 'route', 'status']),
    stages: spread('kapi_stage_duration_seconds', 'Work on one row of a stage', ['stage']),
    backlog: level('kapi_backlog_rows', 'Rows waiting for a stage', ['stage']),
    queueReady: level('kapi_queue_ready_events', 'Events ready to be delivered or claimed', ['destination']),
    booksDifference: level('kapi_books_difference_units', 'Total less the sum of its parts; must be 0', [
      'unit',
    ]),
    accountUp: level('kapi_account_up', '1 while the account is connected or listening', ['account']),
    breakerOpen: level('kapi_breaker_open', '1 while a destination is not being called', ['destination']),
    onScrape: (refresh) => refreshers.push(refresh),
    contentType: registry.contentType,
    async render() {
      // A gauge that cannot be read now keeps its last value; the rest is shown all the same.
      await Promise.allSettled(refreshers.map(async (refresh) => refresh()));
      return registry.metrics();
    },
  };
}
