import { join } from 'node:path';
import { openHome } from '../faults/harness/gateway.ts';
import { type Child, processorMicros, startChild } from './child.ts';
import { Client } from './client.ts';
import { type Line, median, ms, ratio, whole } from './figures.ts';
import { type Load, load } from './load.ts';
import { hasNodeRed, startNodeRed } from './node-red.ts';
import type { Scale } from './scale.ts';

/** What answers a POST: the gateway, or something to compare it with. */
interface Target {
  readonly name: 'gateway' | 'fastify' | 'node-red';
  readonly url: string;
  readonly key?: string;
  readonly pid: number;
}

interface Turn extends Load {
  /** Processor time of the target for one message. */
  readonly micros: number;
}

/**
 * `POST /v1/messages` with everything it promises, beside a bare Fastify route and a stock Node-RED flow:
 * all three run, and the same generator turns from one to the other in each round.
 */
export async function acceptRow({ rounds, loadSeconds, warmSeconds }: Scale): Promise<Line[]> {
  const home = openHome();
  const children: Child[] = [];
  try {
    const run = await home.start({ environment: { NODE_ENV: 'production' } });
    const bare = await startChild([join(import.meta.dirname, 'bare-fastify.ts')], /listening (\S+)/);
    children.push(bare);
    const targets: Target[] = [
      { name: 'gateway', url: `${run.url}/v1/messages`, key: run.key, pid: run.pid },
      { name: 'fastify', url: `${bare.said[1]}/echo`, pid: bare.pid },
    ];
    if (hasNodeRed()) {
      const red = await startNodeRed(join(home.folder, 'node-red'));
      children.push(red.child);
      targets.push({ name: 'node-red', url: red.url, pid: red.child.pid });
    }
    for (const target of targets)
      await load(target.url, { ...target, connections: 64, seconds: warmSeconds });

    const lines: Line[] = [];
    for (const connections of [8, 64]) {
      const found = new Map<Target['name'], Turn[]>(targets.map(({ name }) => [name, []]));
      for (let round = 0; round < rounds; round++)
        for (const target of targets)
          found.get(target.name)?.push(await turn(target, connections, loadSeconds));
      lines.push(...compare(connections, found));
    }
    return [...lines, ...(await backlog(run.url, run.key, loadSeconds))];
  } finally {
    for (const child of children) await child.stop();
    await home.close();
  }
}

async function turn(target: Target, connections: number, seconds: number): Promise<Turn> {
  const before = processorMicros(target.pid);
  const measured = await load(target.url, { ...target, connections, seconds });
  return { ...measured, micros: (processorMicros(target.pid) - before) / measured.accepted };
}

function compare(connections: number, found: ReadonlyMap<Target['name'], readonly Turn[]>): Line[] {
  const gateway = found.get('gateway') ?? [];
  const against = (name: Target['name']): number =>
    median(
      gateway.map(({ perSecond }, round) => perSecond / (found.get(name)?.[round]?.perSecond ?? Number.NaN)),
    );
  const lines = [...found].flatMap(([name, loads]): Line[] => {
    if (loads.length === 0) return [];
    const refused = loads.reduce((sum, load) => sum + load.refused, 0);
    const times = `p50 ${ms(median(loads.map(({ p50 }) => p50)))}, p99 ${ms(median(loads.map(({ p99 }) => p99)))}`;
    const micros = median(loads.map((turn) => turn.micros));
    const rate = `${whole(median(loads.map(({ perSecond }) => perSecond)))}/s, ${times}, ${whole(micros)} µs of processor each`;
    return [
      { what: `${connections} connections, ${name}`, found: refused ? `${rate}, ${refused} refused` : rate },
    ];
  });
  const bare = against('fastify');
  lines.push({
    what: `${connections} connections, gateway ÷ fastify`,
    found: ratio(bare),
    budget: '≥ 0.4',
    met: bare >= 0.4,
  });
  if (!found.has('node-red')) return [...lines, { what: 'Node-RED', found: 'not installed here' }];
  const red = against('node-red');
  lines.push({
    what: `${connections} connections, gateway ÷ node-red`,
    found: ratio(red),
    budget: '≥ 10',
    met: red >= 10,
  });
  return lines;
}

/** What waits for the coordination centre after all this, and how fast two consumers take it. */
async function backlog(url: string, key: string, seconds: number): Promise<Line[]> {
  const client = new Client(url, key);
  const waiting = await client.waiting();
  const until = performance.now() + seconds * 2000;
  const from = performance.now();
  let taken = 0;
  const consume = async (): Promise<void> => {
    while (performance.now() < until) {
      const count = await client.drain(100);
      if (count === 0) return;
      taken += count;
    }
  };
  await Promise.all([consume(), consume()]);
  const rate = taken / ((performance.now() - from) / 1000);
  client.close();
  return [
    { what: 'backlog left in the queue', found: `${whole(waiting)} events, all claimable` },
    { what: 'drain, two consumers, claim 100 + ack', found: `${whole(rate)} events/s` },
  ];
}
