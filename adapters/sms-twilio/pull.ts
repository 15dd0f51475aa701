import type { AdapterContext, PullBatch, PulledEnvelope, PullSource } from '@kapi/contract';
import { z } from 'zod';
import { type Config, sweptNumbers } from './config.ts';
import { type ListedMessage, listDay, listMedia } from './messages-api.ts';
import { sweptType } from './payload.ts';

/**
 * The sweep behind the webhooks: Twilio gives up on a call after 15 seconds in all, and a message that came
 * while the gateway was down then stands in its list only. Every `sweepMinutes` that list is read from an
 * hour before the last complete sweep on, and what was received is offered under the key a webhook of it
 * has: a message that came both ways is stored once, whichever came first.
 *
 * Nothing is marked at Twilio; the cursor moves after a day of the list is stored whole.
 */
export const pull: PullSource<Config> = { kind: 'pull', open };

/** For clocks that differ, and messages that enter the list after a later one. */
const overlapMs = 60 * 60_000;
const dayMs = 24 * 60 * 60_000;
const maxBatchMessages = 50;

async function* open(context: AdapterContext<Config>): AsyncGenerator<PullBatch, void, undefined> {
  const { config, signal, health } = context;
  let since = readCursor(context.cursor) ?? Date.now();
  // Where nothing was swept yet it begins here, even if this sweep cannot be finished.
  if (context.cursor === undefined) yield cursorAt(since);
  const stored = new Map<string, number>();
  try {
    while (!signal.aborted) {
      if (config.sweepMinutes > 0) {
        const window = { from: since - overlapMs, until: Date.now(), stored };
        let whole = true;
        for (const day of daysOf(window)) {
          whole = (yield* sweepDay(day, window, context)) && whole;
          if (!whole) continue;
          since = Math.min(window.until, Date.parse(day) + dayMs);
          yield cursorAt(since);
        }
        for (const [sid, at] of stored) if (at < since - overlapMs) stored.delete(sid);
        const detail = `The message list was swept at ${new Date(window.until).toISOString()}`;
        health({ state: 'connected', detail });
      }
      await pause(config.sweepMinutes * 60_000, signal);
    }
  } catch (thrown) {
    if (signal.aborted) return;
    throw thrown;
  }
}

interface Window {
  /** Epoch ms. */
  readonly from: number;
  readonly until: number;
  /** Ids stored in this session, with their time: not offered again while the window still covers them. */
  readonly stored: Map<string, number>;
}

/** What one day holds, oldest first; true where all of it was stored. */
async function* sweepDay(
  day: string,
  { from, until, stored }: Window,
  context: AdapterContext<Config>,
): AsyncGenerator<PullBatch, boolean, undefined> {
  const fresh = (await received(day, context))
    .map((message) => ({ message, at: timeOf(message) ?? until }))
    .filter(({ message, at }) => at >= from && !stored.has(message.sid))
    .toSorted((a, b) => a.at - b.at);
  let whole = true;
  for (let start = 0; start < fresh.length; start += maxBatchMessages) {
    const some = fresh.slice(start, start + maxBatchMessages);
    const envelopes: PulledEnvelope[] = [];
    for (const { message, at } of some) envelopes.push(await toEnvelope(message, at, context));
    yield {
      envelopes,
      settle: async (outcomes) => {
        for (const [index, { message, at }] of some.entries()) {
          if (outcomes[index] === 'stored') stored.set(message.sid, at);
          else whole = false;
        }
      },
    };
  }
  return whole;
}

/** Messages citizens sent on one day; one that Twilio is still receiving is left to the next sweep. */
async function received(day: string, context: AdapterContext<Config>): Promise<readonly ListedMessage[]> {
  const found: ListedMessage[] = [];
  for (const number of sweptNumbers(context.config)) found.push(...(await listDay(number, day, context)));
  return found.filter(({ direction, status }) => direction === 'inbound' && status !== 'receiving');
}

/** By `date_sent`, which the list is filtered by; undefined where Twilio gives no time. */
function timeOf({ date_sent, date_created }: ListedMessage): number | undefined {
  const at = Date.parse(date_sent ?? date_created ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** Received when the list says so, and not only now. */
async function toEnvelope(
  message: ListedMessage,
  at: number,
  context: AdapterContext<Config>,
): Promise<PulledEnvelope> {
  const mediaList = Number(message.num_media) > 0 ? await listMedia(message.sid, context) : [];
  return {
    key: message.sid,
    contentType: sweptType,
    headers: {},
    receivedAt: new Date(at).toISOString(),
    body: Buffer.from(JSON.stringify({ message, media_list: mediaList })),
  };
}

/** Days of the list, `YYYY-MM-DD` in GMT, oldest first. */
function daysOf({ from, until }: Window): string[] {
  const days: string[] = [];
  for (let at = Math.floor(from / dayMs) * dayMs; at <= until; at += dayMs)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

const cursorSchema = z.object({ since: z.iso.datetime() });

const cursorAt = (since: number): PullBatch => ({
  envelopes: [],
  cursor: JSON.stringify({ since: new Date(since).toISOString() }),
  settle: async () => undefined,
});

/** The end of the last complete sweep, epoch ms; undefined for none. */
function readCursor(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    const read = cursorSchema.safeParse(JSON.parse(text));
    return read.success ? Date.parse(read.data.since) : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves after `ms` or at the abort; at the abort alone where `ms` is 0. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const wake = Promise.withResolvers<void>();
  const timer = ms > 0 ? setTimeout(wake.resolve, ms) : undefined;
  const end = () => wake.resolve();
  signal.addEventListener('abort', end, { once: true });
  if (!signal.aborted) await wake.promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', end);
}
