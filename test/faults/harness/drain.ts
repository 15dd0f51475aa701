import { z } from 'zod';
import { until } from './chance.ts';
import type { Run } from './gateway.ts';
import { call, json } from './http.ts';

const claimed = z.object({
  items: z.array(z.object({ lease: z.string(), event: z.object({ id: z.string() }) })),
});
const acked = z.object({ acked: z.int(), expired: z.array(z.string()) });

/** A reader of the coordination queue, as a case-management system is one. */
export interface Clerk {
  /** Events that were claimed at least once. */
  readonly seen: ReadonlySet<string>;
  /** Events whose acknowledgement was answered. */
  readonly acked: ReadonlySet<string>;
  /** Events that came again after that: none may. */
  readonly again: readonly string[];
  /** Claims and acknowledges until told to stop, from whoever runs. */
  work(up: () => Promise<Run>, stopped: () => boolean): Promise<void>;
}

export function createClerk(leaseSeconds = 5): Clerk {
  const seen = new Set<string>();
  const done = new Set<string>();
  const again: string[] = [];
  async function round(run: Run): Promise<void> {
    const claim = await call(
      run.url,
      json(run.key, { max: 100, leaseSeconds, waitSeconds: 1 }, '/v1/queue/claim'),
    );
    if (claim.status !== 200) return;
    const { items } = claimed.parse(JSON.parse(claim.body));
    for (const { event } of items) seen.add(event.id);
    again.push(...items.filter(({ event }) => done.has(event.id)).map(({ event }) => event.id));
    if (items.length === 0) return;
    const answer = await call(
      run.url,
      json(run.key, { leases: items.map(({ lease }) => lease) }, '/v1/queue/ack'),
    );
    if (answer.status !== 200) return;
    const expired = new Set(acked.parse(JSON.parse(answer.body)).expired);
    for (const { lease, event } of items) if (!expired.has(lease)) done.add(event.id);
  }
  return {
    seen,
    acked: done,
    again,
    async work(up, stopped) {
      while (!stopped())
        await round(await up()).catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
    },
  };
}

/** What the sampling itself adds to each measured delay of the loop. */
const samplingMs = 10;
const worstLag = new WeakMap<Run, number>();

/** The longest that the main loop was held up between the first and the last look at the run's metrics. */
export const worstLagMs = (run: Run): number => Math.max(0, (worstLag.get(run) ?? 0) - samplingMs);

/** Metrics of a running gateway by name and labels, as they stand in the text. */
export async function metrics(run: Run): Promise<ReadonlyMap<string, number>> {
  const { body } = await call(run.url, { method: 'GET', path: '/metrics' });
  const figures = new Map(
    body
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
  // Each look begins the measuring of the lag anew; the first ends that of the start.
  const lagMs = (figures.get('kapi_nodejs_eventloop_lag_max_seconds') ?? 0) * 1000;
  const known = worstLag.get(run);
  worstLag.set(run, known === undefined ? 0 : Math.max(known, lagMs));
  return figures;
}

/** Nothing waits for a stage any more, but what `ignoring` names. */
export async function drained(run: Run, ignoring: readonly string[] = [], withinMs = 150_000): Promise<void> {
  let last = '';
  await until(
    'the stages to finish',
    async () => {
      const waiting = [...(await metrics(run))].filter(
        ([name, value]) =>
          name.startsWith('kapi_backlog_rows') &&
          value > 0 &&
          !ignoring.some((stage) => name.includes(`"${stage}"`)),
      );
      last = JSON.stringify(waiting);
      return waiting.length === 0;
    },
    withinMs,
  ).catch((cause: unknown) => {
    throw new Error(`The stages did not finish: ${last}`, { cause });
  });
}
