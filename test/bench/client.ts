import { Agent, request } from 'node:http';
import { setTimeout as after } from 'node:timers/promises';
import { claimAnswer, messageReceipt, queueStatsAnswer } from '@kapi/contract';
import type { z } from 'zod';

type Claimed = z.infer<typeof claimAnswer>['items'];

/** The gateway's API as a call centre and a coordination centre use it, over kept connections. */
export class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #url: URL;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = new URL(url);
    this.#key = key;
  }

  async post(message: string): Promise<string> {
    return messageReceipt.parse(await this.#call('POST', '/v1/messages', message)).number;
  }

  async claim(max: number, waitSeconds: number): Promise<Claimed> {
    const body = JSON.stringify({ queue: 'coordination', max, leaseSeconds: 60, waitSeconds });
    return claimAnswer.parse(await this.#call('POST', '/v1/queue/claim', body)).items;
  }

  /** @returns how many of them it claimed and acknowledged */
  async drain(max: number, waitSeconds = 0): Promise<number> {
    const items = await this.claim(max, waitSeconds);
    if (items.length > 0) await this.ack(items);
    return items.length;
  }

  async ack(items: Claimed): Promise<void> {
    await this.#call('POST', '/v1/queue/ack', JSON.stringify({ leases: items.map(({ lease }) => lease) }));
  }

  /** Events in the coordination queue; asks again where the gateway is too busy for reads. */
  async waiting(): Promise<number> {
    for (;;) {
      try {
        const { queues } = queueStatsAnswer.parse(await this.#call('GET', '/v1/queue/stats'));
        return queues.find(({ destination }) => destination === 'coordination')?.ready ?? 0;
      } catch (thrown) {
        if (!(thrown instanceof Busy)) throw thrown;
        await after(500);
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(method: 'GET' | 'POST', path: string, body?: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, this.#url),
        {
          method,
          agent: this.#agent,
          headers: {
            authorization: `Bearer ${this.#key}`,
            ...(body !== undefined && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
          },
        },
        (answer) => {
          const pieces: Buffer[] = [];
          answer.on('data', (piece: Buffer) => pieces.push(piece));
          answer.once('error', reject);
          answer.once('end', () => {
            const text = Buffer.concat(pieces).toString();
            const status = answer.statusCode ?? 0;
            if (status === 503) reject(new Busy());
            else if (status >= 300) reject(new Error(`${method} ${path} was answered ${status}: ${text}`));
            else resolve(JSON.parse(text));
          });
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
  }
}

class Busy extends Error {}
