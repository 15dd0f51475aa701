import { openHome } from '../faults/harness/gateway.ts';
import { Client } from './client.ts';
import { type Line, ms, quantile, whole } from './figures.ts';
import { message } from './load.ts';
import type { Scale } from './scale.ts';

const perSecond = 500;
const perTick = 5;
const tickMs = (1000 * perTick) / perSecond;

/** From the answer with the number until the coordination centre's long poll holds the record. */
export async function latencyRow({ steadySeconds }: Scale): Promise<Line[]> {
  const home = openHome();
  const run = await home.start({ environment: { NODE_ENV: 'production' } });
  const client = new Client(run.url, run.key);
  try {
    await post(client);
    const answered = new Map<string, number>();
    const claimed = new Map<string, number>();
    const total = steadySeconds * perSecond;
    const consume = async (): Promise<void> => {
      while (claimed.size < total) {
        const items = await client.claim(50, 2);
        const now = performance.now();
        for (const { event } of items) claimed.set(event.subject, now);
        if (items.length > 0) await client.ack(items);
      }
    };
    await client.drain(50, 2);
    const consumers = [consume(), consume()];
    const answerTimes: number[] = [];
    await steadily(total, async () => {
      const from = performance.now();
      const number = await post(client);
      const now = performance.now();
      answered.set(number, now);
      answerTimes.push(now - from);
    });
    await Promise.all(consumers);
    const waits = [...answered].map(([number, at]) =>
      Math.max(0, (claimed.get(number) ?? Number.POSITIVE_INFINITY) - at),
    );
    const p99 = quantile(waits, 0.99);
    return [
      {
        what: 'sent',
        found: `${whole(total)} at ${perSecond}/s, answered in p50 ${ms(quantile(answerTimes, 0.5))}, p99 ${ms(quantile(answerTimes, 0.99))}`,
      },
      { what: 'accepted → claimed, p50', found: ms(quantile(waits, 0.5)) },
      { what: 'accepted → claimed, p99', found: ms(p99), budget: '≤ 150 ms', met: p99 <= 150 },
    ];
  } finally {
    client.close();
    await home.close();
  }
}

let serial = 0;
const post = (client: Client): Promise<string> => {
  serial += 1;
  return client.post(message.replace('[<id>]', String(serial)));
};

/** Calls `send` on the beat, whether or not earlier ones have returned; resolves when all have. */
async function steadily(total: number, send: () => Promise<void>): Promise<void> {
  const sent: Promise<void>[] = [];
  const from = performance.now();
  for (let tick = 0; sent.length < total; tick++) {
    for (let i = 0; i < perTick && sent.length < total; i++) sent.push(send());
    const wait = from + (tick + 1) * tickMs - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  await Promise.all(sent);
}
