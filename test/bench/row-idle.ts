import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { openHome } from '../faults/harness/gateway.ts';
import { residentMiB } from './child.ts';
import { type Line, median, whole } from './figures.ts';

const idleSeconds = 20;
const example = join(import.meta.dirname, '..', '..', 'config');

/** The example municipality as `npm start` runs it, with nothing to do. The second start finds the compile cache warm. */
export async function idleRow(): Promise<Line[]> {
  const home = openHome({ environment: { NODE_ENV: 'production', KAPI_CONFIG: example } });
  try {
    await (await home.start()).stop();
    const run = await home.start();
    const readings: number[] = [];
    for (let second = 0; second < idleSeconds; second++) {
      await after(1000);
      readings.push(residentMiB(run.pid).now);
    }
    const settled = median(readings.slice(-5));
    await run.stop();
    return [
      {
        what: `resident after ${idleSeconds} s without work`,
        found: `${whole(settled)} MiB, at most ${whole(Math.max(...readings))} MiB`,
        budget: '≤ 200 MB',
        met: settled <= 200,
      },
      { what: 'start until it listens', found: `${whole(run.bootMs)} ms` },
    ];
  } finally {
    await home.close();
  }
}
