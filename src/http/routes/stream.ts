import { Readable } from 'node:stream';
import { type Profile, project, type Reader, TransientError } from '@kapi/contract';
import { z } from 'zod';
import { revealQuery, revealReason } from '../reveal.ts';
import { defineRoute, type House, noBody, none, type Route } from '../route.ts';
import { showEvent } from '../shown.ts';

type StreamedEvent = Awaited<ReturnType<Reader['stream']>>['events'][number];

const pageSize = 100;

/**
 * One event for the stream, or undefined: confidential and anonymous records are not even numbered to
 * readers that do not reveal.
 */
export function toServerSent(event: StreamedEvent, profile: Profile): string | undefined {
  if (profile !== 'full' && event.record.anonymity !== 'open') return undefined;
  const data = {
    number: event.record.number,
    event: showEvent(event, event.record, profile),
    record: project(event.record, profile),
  };
  return `id: ${event.position}\nevent: ${event.name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Wakes sleepers; one that is not asleep is not missed, because it asks again before sleeping. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  /** True when rung, false when `ms` passed. */
  async next(ms: number): Promise<boolean> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }
}

interface Watcher {
  readonly house: House;
  readonly profile: Profile;
  readonly after: number | undefined;
  readonly signal: AbortSignal;
  /** False once the key was revoked; asked about every heartbeat, however busy the stream is. */
  readonly mayStay: () => Promise<boolean>;
  /** Told before an event in clear is handed out. */
  readonly shown: (number: string) => Promise<void>;
}

/** Pulled by the socket: nothing is read from the store while the reader does not take what it has. */
async function* serverSent({
  house,
  profile,
  after,
  signal,
  mayStay,
  shown,
}: Watcher): AsyncGenerator<string> {
  const { reader, queue } = house.gateway;
  const heartbeatMs = house.config.limits.streamHeartbeatSeconds * 1000;
  const bell = new Bell();
  const unwatch = queue.watch(bell.ring);
  signal.addEventListener('abort', bell.ring, { once: true });
  try {
    yield 'retry: 3000\n\n';
    const ends = await reader.stream(after ?? 0, 1);
    let position = after ?? ends.newest;
    // Too old, or from another life of the store.
    if (position < ends.oldest - 1 || position > ends.newest) {
      position = ends.newest;
      yield `id: ${position}\nevent: reset\ndata: {"position":${position}}\n\n`;
    }
    let checkedAt = performance.now();
    while (!signal.aborted) {
      if (performance.now() - checkedAt >= heartbeatMs) {
        if (!(await mayStay())) return;
        checkedAt = performance.now();
      }
      const { events } = await reader.stream(position, pageSize);
      for (const event of events) {
        const text = toServerSent(event, profile);
        if (text !== undefined) {
          if (profile === 'full') await shown(event.record.number);
          yield text;
        }
        position = event.position;
      }
      if (events.length === pageSize) continue;
      if (!(await bell.next(heartbeatMs)) && !signal.aborted) {
        yield `id: ${position}\n: heartbeat\n\n`;
      }
    }
  } finally {
    unwatch();
    signal.removeEventListener('abort', bell.ring);
  }
}

const openStreams = new WeakMap<House, number>();
const count = (house: House, by: number): number => {
  const open = (openStreams.get(house) ?? 0) + by;
  openStreams.set(house, open);
  return open;
};

const position = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What stands in the header; something that is no position of ours is one too far ahead, and gets a reset. */
function resumesAfter(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const last = /^\d+$/.test(String(header)) ? position.safeParse(header) : undefined;
  return last?.success ? last.data : Number.POSITIVE_INFINITY;
}

const stream = defineRoute({
  method: 'GET',
  path: '/v1/stream',
  tag: 'Records',
  summary: 'Events of records as they happen (server-sent events)',
  description:
    'By commit position: `Last-Event-ID` (or `position`) resumes after it, none starts now; a position that is too old or no position of ours gets one `reset` and goes on from now. Masked, and without confidential and anonymous records, unless the key may reveal and says why. A comment every few seconds keeps the line open; a reader that stops taking is cut.',
  access: { scopes: ['records:read'] },
  load: 'read',
  params: none,
  query: z.strictObject({ position: position.optional(), reveal: revealQuery }),
  body: noBody,
  answers: { 200: { description: 'Server-sent events.', contentType: 'text/event-stream' } },
  errors: ['forbidden', 'overloaded'],
  examples: [],
  handle: async ({ query, request, reply, actor, house }) => {
    const reason = revealReason(request, actor, query.reveal);
    const after = resumesAfter(request.headers['last-event-id']) ?? query.position;
    if (count(house, 1) > house.config.limits.maxStreams) {
      count(house, -1);
      throw new TransientError('overloaded', 'Too many streams are open.', { retryAfterMs: 10_000 });
    }
    const closed = new AbortController();
    reply.raw.once('close', () => {
      count(house, -1);
      closed.abort();
    });
    house.slowPeers.reads(reply.raw);
    const { authorization } = request.headers;
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
      body: Readable.from(
        serverSent({
          house,
          profile: reason === undefined ? 'masked' : 'full',
          after,
          signal: AbortSignal.any([closed.signal, house.stopping]),
          mayStay: async () => (await house.keys.find(authorization, performance.now())) !== undefined,
          shown: (number) => house.gateway.records.revealed(number, actor, reason ?? ''),
        }),
        { objectMode: false, highWaterMark: 64 * 1024 },
      ),
    };
  },
});

export const streamRoutes: readonly Route[] = [stream];
