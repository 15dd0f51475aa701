import { createServer } from 'node:http';
import { z } from 'zod';

const event = z.looseObject({ id: z.string(), subject: z.string(), sequence: z.int(), type: z.string() });

/** What the receiver does with one attempt. */
export type SinkMode = 'ok' | '500' | 'hang' | 'reset' | 'ack-then-reset' | 'slow';

export interface Delivered {
  readonly subject: string;
  readonly sequence: number;
  /** Attempts that were read to their end, whatever was answered. */
  attempts: number;
  /** Attempts that were answered 2xx, or would have been had the line held. */
  taken: number;
  /** Bodies differ between attempts: they must not. */
  differs: boolean;
}

export interface Sink {
  readonly url: string;
  /** By `webhook-id`. */
  readonly events: ReadonlyMap<string, Delivered>;
  /** Headers that do not name the event of the body. */
  readonly strange: readonly string[];
  bodies(): string;
  stop(): Promise<void>;
}

/** A receiver of webhooks that counts by event id. `mode` is asked once for each attempt. */
export async function startSink(mode: (id: string, attempt: number) => SinkMode = () => 'ok'): Promise<Sink> {
  const events = new Map<string, Delivered>();
  const first = new Map<string, string>();
  const strange: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    try {
      for await (const chunk of request) body += chunk;
    } catch {
      // Cut off by a kill of the sender: not an attempt.
      return;
    }
    const id = String(request.headers['webhook-id']);
    const parsed = event.safeParse(JSON.parse(body));
    if (!parsed.success || parsed.data.id !== id) {
      strange.push(id);
      response.writeHead(400).end();
      return;
    }
    const { subject, sequence } = parsed.data;
    const known = events.get(id) ?? { subject, sequence, attempts: 0, taken: 0, differs: false };
    events.set(id, known);
    if ((first.get(id) ?? body) !== body) known.differs = true;
    first.set(id, body);
    known.attempts += 1;
    switch (mode(id, known.attempts)) {
      case 'ok':
        known.taken += 1;
        response.writeHead(202).end();
        return;
      case 'slow':
        known.taken += 1;
        setTimeout(() => response.writeHead(202).end(), 300);
        return;
      case 'ack-then-reset':
        known.taken += 1;
        response.writeHead(202, { 'content-length': '10' });
        response.write('half', () => request.socket.resetAndDestroy());
        return;
      case '500':
        response.writeHead(500).end();
        return;
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      case 'hang':
        return;
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the sink has no port');
  return {
    url: `http://127.0.0.1:${address.port}/olaylar`,
    events,
    strange,
    bodies: () => [...first.values()].join('\n'),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
