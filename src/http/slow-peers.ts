import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { HttpLimits } from './config.ts';
import { problem } from './problem.ts';

interface Sender {
  readonly startedAt: number;
  readonly startBytes: number;
  readonly response: ServerResponse;
  /** Longest it may take; a sender with more than the common time must keep up the minimum rate. */
  maxMs: number;
}

interface Listener {
  bytes: number;
  since: number;
}

type SlowLimits = Pick<
  HttpLimits,
  'bodySeconds' | 'longBodySeconds' | 'minBytesPerSecond' | 'slowReaderSeconds'
>;

const lateBody = JSON.stringify(problem('request_timeout'));
export const rawAnswer = (status: number, reason: string, body: string): string =>
  `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
  `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
const late = rawAnswer(408, 'Request Timeout', lateBody);

/**
 * Closes sockets whose peer trickles a body or does not read its answer. Node's own `requestTimeout` is
 * one number for the whole server and would have to be as long as the longest upload; this one knows
 * the routes. Bodies that were refused early are read off (not kept) within the same time, so that
 * the sender sees its answer and not a reset.
 */
export class SlowPeers {
  readonly #limits: SlowLimits;
  readonly #senders = new Map<IncomingMessage, Sender>();
  readonly #listeners = new Map<ServerResponse, Listener>();
  readonly #timer: NodeJS.Timeout;

  constructor(limits: SlowLimits) {
    this.#limits = limits;
    this.#timer = setInterval(() => this.#sweep(performance.now()), 500);
    this.#timer.unref();
  }

  /** Every request, at its headers. */
  started(request: IncomingMessage, response: ServerResponse): void {
    if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined)
      return;
    this.#senders.set(request, {
      startedAt: performance.now(),
      startBytes: request.socket.bytesRead,
      response,
      maxMs: this.#limits.bodySeconds * 1000,
    });
  }

  arrived(request: IncomingMessage): void {
    this.#senders.delete(request);
  }

  /** This request streams a long body. */
  long(request: IncomingMessage): void {
    const sender = this.#senders.get(request);
    if (sender) sender.maxMs = this.#limits.longBodySeconds * 1000;
  }

  /** The body was refused: what still comes is read off for the common time, then the socket closes. */
  refused(request: IncomingMessage): void {
    const sender = this.#senders.get(request);
    if (sender) {
      sender.maxMs = Math.min(
        sender.maxMs,
        performance.now() - sender.startedAt + this.#limits.bodySeconds * 1000,
      );
    }
  }

  /** This answer is long: its reader must keep reading. */
  reads(response: ServerResponse): void {
    this.#listeners.set(response, { bytes: response.socket?.bytesWritten ?? 0, since: performance.now() });
    response.once('close', () => this.#listeners.delete(response));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sweep(now: number): void {
    for (const [request, sender] of this.#senders) {
      if (request.complete || request.destroyed) this.#senders.delete(request);
      else if (this.#isSlow(request, sender, now)) {
        this.#senders.delete(request);
        if (!sender.response.headersSent) request.socket.write(late);
        request.socket.destroySoon();
      }
    }
    for (const [response, listener] of this.#listeners) {
      const { socket } = response;
      if (!socket) continue;
      const taken = socket.bytesWritten - socket.writableLength;
      if (socket.writableLength === 0 || taken - listener.bytes >= this.#limits.minBytesPerSecond * 10) {
        listener.bytes = taken;
        listener.since = now;
      } else if (now - listener.since >= this.#limits.slowReaderSeconds * 1000) {
        this.#listeners.delete(response);
        socket.destroy();
      }
    }
  }

  #isSlow(request: IncomingMessage, sender: Sender, now: number): boolean {
    const elapsed = now - sender.startedAt;
    const common = this.#limits.bodySeconds * 1000;
    if (elapsed < common) return false;
    if (elapsed >= sender.maxMs) return true;
    // A sender that we ourselves hold back is not slow.
    if (request.readableLength >= request.readableHighWaterMark) return false;
    const bytes = request.socket.bytesRead - sender.startBytes;
    return (bytes * 1000) / elapsed < this.#limits.minBytesPerSecond;
  }
}
