import { openHome } from '../faults/harness/gateway.ts';
import { Client } from './client.ts';
import { type Line, whole } from './figures.ts';
import { load } from './load.ts';
import type { Scale } from './scale.ts';

/**
 * Records from the POST to the acknowledged delivery, in at one end as fast as they are answered and out
 * at the other by four consumers, until the queue is empty again.
 */
export async function pipelineRow({ sustainedSeconds }: Scale): Promise<Line[]> {
  const home = openHome();
  const run = await home.start({ environment: { NODE_ENV: 'production' } });
  const client = new Client(run.url, run.key);
  try {
    await load(`${run.url}/v1/messages`, { key: run.key, connections: 32, seconds: 2 });
    while ((await client.drain(100)) > 0);
    let delivered = 0;
    let sending = true;
    const consume = async (): Promise<void> => {
      for (;;) {
        const ended = !sending;
        const count = await client.drain(100, ended ? 0 : 1);
        if (count === 0 && ended) return;
        delivered += count;
      }
    };
    const from = performance.now();
    const consumers = Array.from({ length: 4 }, consume);
    const sent = await load(`${run.url}/v1/messages`, {
      key: run.key,
      connections: 32,
      seconds: sustainedSeconds,
    });
    sending = false;
    const behind = await client.waiting();
    await Promise.all(consumers);
    const seconds = (performance.now() - from) / 1000;
    const rate = delivered / seconds;
    return [
      {
        what: 'accepted while consumers drain',
        found: `${whole(sent.perSecond)}/s, ${whole(sent.accepted)} records`,
      },
      { what: 'queued when the sender stopped', found: whole(behind) },
      {
        what: 'accepted, delivered and acknowledged',
        found: `${whole(rate)} records/s over ${seconds.toFixed(1)} s`,
        budget: '≥ 2,000/s',
        met: rate >= 2000,
      },
    ];
  } finally {
    client.close();
    await home.close();
  }
}
