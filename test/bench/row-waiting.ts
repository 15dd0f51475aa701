import { openHome, type Run } from '../faults/harness/gateway.ts';
import { residentMiB } from './child.ts';
import { Client } from './client.ts';
import { type Line, median, ms, quantile, whole } from './figures.ts';
import { fill } from './fill.ts';
import { load, message } from './load.ts';
import type { Scale } from './scale.ts';

interface Speed {
  readonly accept: number;
  readonly claim: number;
}

const production = { environment: { NODE_ENV: 'production' } };
const ordinary = (id: string): string => message.replace('[<id>]', id);
const emergency = (id: string): string =>
  JSON.stringify({
    ...JSON.parse(ordinary(id)),
    urgency: 'emergency',
    text: 'Binada yangın var, içeride insanlar kaldı!',
  });

/** What a large store costs: accepting, claiming, an emergency's way past it, memory, and the next start. */
export async function waitingRow(scale: Scale): Promise<Line[]> {
  const empty = openHome();
  const large = openHome();
  try {
    const from = performance.now();
    // The first start makes the key file and the admin key of the folder.
    await (await large.start(production)).stop();
    await fill(large.data, scale.waiting);
    const filled = (performance.now() - from) / 1000;
    const few = await empty.start(production);
    const many = await large.start(production);

    const waits = await emergencies(many, scale.emergencies);
    const speeds = { few: [] as Speed[], many: [] as Speed[] };
    await speed(few, 1);
    await speed(many, 1);
    for (let round = 0; round < 5; round++) {
      speeds.few.push(await speed(few, scale.loadSeconds));
      speeds.many.push(await speed(many, scale.loadSeconds));
    }
    const memory = residentMiB(many.pid);
    await many.stop();
    await few.stop();
    const starts: number[] = [];
    for (let start = 0; start < scale.starts; start++) starts.push(await firstAccepted(large, start));

    const typical = (speeds: readonly Speed[], of: keyof Speed): number =>
      median(speeds.map((speed) => speed[of]));
    const lines = (of: keyof Speed, what: string): Line => {
      const [before, after] = [typical(speeds.few, of), typical(speeds.many, of)];
      const loss = 1 - after / before;
      return {
        what: `${what}, few and ${whole(scale.waiting)} waiting`,
        found: `${whole(before)}/s and ${whole(after)}/s, loss ${Math.round(loss * 100)} %`,
        budget: '≤ 10 %',
        met: loss <= 0.1,
      };
    };
    const slowest = quantile(waits, 1);
    const boot = median(starts);
    return [
      { what: `filled with ${whole(scale.waiting)} records`, found: `in ${filled.toFixed(0)} s` },
      {
        what: 'emergency accepted → claimed',
        found: `p50 ${ms(median(waits))}, slowest of ${waits.length} ${ms(slowest)}`,
        budget: '≤ 1 s',
        met: slowest <= 1000,
      },
      lines('accept', 'accept, 32 connections'),
      lines('claim', 'claim 100 + ack'),
      {
        what: 'memory after that',
        found: `${whole(memory.now)} MiB, at most ${whole(memory.highest)} MiB`,
        budget: '≤ 400 MB',
        met: memory.highest <= 400,
      },
      {
        what: 'start → first accepted message',
        found: `${ms(boot)}, median of ${starts.length}`,
        budget: '≤ 2 s',
        met: boot <= 2000,
      },
    ];
  } finally {
    await empty.close();
    await large.close();
  }
}

async function speed(run: Run, seconds: number): Promise<Speed> {
  const { perSecond } = await load(`${run.url}/v1/messages`, { key: run.key, connections: 32, seconds });
  const client = new Client(run.url, run.key);
  const from = performance.now();
  let claimed = 0;
  while (performance.now() - from < (seconds * 1000) / 2) {
    const count = await client.drain(100);
    if (count === 0) break;
    claimed += count;
  }
  client.close();
  return { accept: perSecond, claim: claimed / ((performance.now() - from) / 1000) };
}

/** Each is claimed alone, by the first claim after its answer, whatever waits before it. */
async function emergencies(run: Run, count: number): Promise<number[]> {
  const client = new Client(run.url, run.key);
  const waits: number[] = [];
  for (let turn = 0; turn < count; turn++) {
    const number = await client.post(emergency(`emergency-${turn}`));
    const from = performance.now();
    for (;;) {
      const items = await client.claim(1, 1);
      const now = performance.now();
      await client.ack(items);
      if (items.some(({ event }) => event.subject === number)) {
        waits.push(now - from);
        break;
      }
    }
  }
  client.close();
  return waits;
}

/** From the start of the process until the answer to the first message. */
async function firstAccepted(home: ReturnType<typeof openHome>, turn: number): Promise<number> {
  const from = performance.now();
  const run = await home.start(production);
  const client = new Client(run.url, run.key);
  await client.post(ordinary(`start-${turn}`));
  const took = performance.now() - from;
  client.close();
  await run.stop();
  return took;
}
