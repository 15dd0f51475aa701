import { summaryAnswer } from '@kapi/contract';
import type { ApiClient } from '../api-client.ts';
import type { DemoReport } from '../parts.ts';
import { workAsCentre } from './centre.ts';
import { readFigures } from './figures.ts';
import { type DemoOptions, plan } from './plan.ts';

const atOnce = 6;

/**
 * Sends the hour over every enabled account, then takes the records off the queue as a coordination centre
 * would. The figures of the report are what the gateway's own grew by meanwhile.
 * @throws KapiError where a message is refused: all of them are acceptable
 */
export async function runDemo(
  client: ApiClient,
  progress: (done: number, of: number) => void,
  options: DemoOptions,
): Promise<DemoReport> {
  const started = new Date();
  const before = await readFigures(client);
  const { planned, texts, leftOut } = await plan(client, options, started.getTime());
  const of = planned.reduce((sum, { times }) => sum + times, 0);
  const numbers = new Set<string>();
  let done = 0;
  progress(done, of);
  const waiting = planned.toSorted((a, b) => a.at - b.at);
  const sendAll = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      for (let time = 0; time < next.times; time += 1) {
        const number = await next.send();
        if (number !== undefined) numbers.add(number);
        done += 1;
        if (done % 10 === 0 || done === of) progress(done, of);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sendAll));
  await workAsCentre(client, { numbers, texts }, options.patienceMs ?? 11 * 60_000);

  const after = await readFigures(client);
  const { records } = await client.call('/v1/reports/summary', summaryAnswer, {
    query: { from: started.toISOString() },
  });
  const accepted = after.envelopes - before.envelopes;
  const unread = after.receipts === undefined ? ['receipts: /metrics is not for this address'] : [];
  return {
    accepted,
    records,
    duplicates: of - accepted,
    quarantined: after.quarantined - before.quarantined,
    delivered: after.delivered - before.delivered,
    receipts: (after.receipts ?? 0) - (before.receipts ?? 0),
    ...(leftOut.length + unread.length > 0 && { leftOut: [...leftOut, ...unread] }),
  };
}
