import { ackAnswer, claimAnswer, codeOf, queueStatsAnswer } from '@kapi/contract';
import { z } from 'zod';
import type { ApiClient } from '../api-client.ts';
import { readFigures } from './figures.ts';

/** Which records the demonstration made: by their number, or by a text where the door told none. */
export interface OwnRecords {
  readonly numbers: ReadonlySet<string>;
  readonly texts: readonly string[];
}

const claimed = z.looseObject({ body: z.string().optional() });

/**
 * Takes the demonstration's events off the queue and acknowledges them, as a coordination centre would,
 * until none is left and nothing is under way. Events of other records are given back untouched at the
 * end. Gives up when nothing has happened for `patienceMs`.
 */
export async function workAsCentre(client: ApiClient, own: OwnRecords, patienceMs: number): Promise<void> {
  const { queues } = await client.call('/v1/queue/stats', queueStatsAnswer);
  const queue = queues.find(({ destination }) => destination === 'coordination') ?? queues[0];
  if (queue === undefined) return;
  const foreign: string[] = [];
  try {
    await takeOff(client, queue.destination, own, foreign, patienceMs);
  } finally {
    for (const lease of foreign) await giveBack(client, lease);
  }
}

async function takeOff(
  client: ApiClient,
  queue: string,
  own: OwnRecords,
  foreign: string[],
  patienceMs: number,
): Promise<void> {
  const waiting = new Set(own.numbers);
  const isOwn = (subject: string, data: unknown): boolean => {
    if (own.numbers.has(subject)) return true;
    const body = claimed.safeParse(data).data?.body ?? '';
    return own.texts.some((text) => body.includes(text));
  };
  let lastChange = Date.now();
  while (Date.now() - lastChange < patienceMs) {
    const { items } = await client.call('/v1/queue/claim', claimAnswer, {
      method: 'POST',
      body: { queue, max: 100, leaseSeconds: 60, waitSeconds: 1 },
    });
    const mine = items.filter(({ event }) => isOwn(event.subject, event.data));
    foreign.push(...items.filter((item) => !mine.includes(item)).map(({ lease }) => lease));
    if (mine.length > 0) {
      const leases = mine.map(({ lease }) => lease);
      await client.call('/v1/queue/ack', ackAnswer, { method: 'POST', body: { leases } });
      for (const { event } of mine) waiting.delete(event.subject);
      lastChange = Date.now();
      continue;
    }
    if (items.length > 0) continue;
    const { underWay, queued } = await readFigures(client);
    if (underWay === 0 && (waiting.size === 0 || queued === 0)) return;
  }
}

/** A lease that has ended meanwhile needs no giving back. */
async function giveBack(client: ApiClient, lease: string): Promise<void> {
  const body = { lease, reason: 'not of the demonstration', retryAfterSeconds: 0 };
  try {
    await client.call('/v1/queue/nack', z.unknown(), { method: 'POST', body });
  } catch (thrown) {
    if (codeOf(thrown) !== 'lease_expired') throw thrown;
  }
}
