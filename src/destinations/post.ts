import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { TransientError } from '@kapi/contract';

export interface PostAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

export interface Poster {
  /**
   * Sends once and resolves with the status line's word, whatever becomes of the answer's body.
   * Redirects are answers like any other. @throws TransientError `destination_unavailable`
   */
  request(
    method: 'POST' | 'HEAD',
    headers: Readonly<Record<string, string>>,
    body: Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<PostAnswer>;
  close(): void;
}

const maxAnswerBytes = 65_536;

/**
 * Keeps connections to one configured address. The address comes from the configuration, not from a
 * citizen, so it may lie in the institution's own network; certificates are always verified.
 */
export function createPoster(
  url: URL,
  options: { readonly timeoutMs: number; readonly maxSockets: number; readonly ca: string | undefined },
): Poster {
  const secure = url.protocol === 'https:';
  const shared = { keepAlive: true, maxSockets: options.maxSockets };
  const agent = secure
    ? new HttpsAgent({ ...shared, ...(options.ca && { ca: options.ca }) })
    : new HttpAgent(shared);
  const send = secure ? httpsRequest : httpRequest;

  function once(
    method: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<PostAnswer> {
    return new Promise((resolve, reject) => {
      let reused = false;
      const outgoing = send(url, { method, headers, agent, signal });
      const timer = setTimeout(
        () => outgoing.destroy(new Error(`no answer within ${options.timeoutMs} ms`)),
        options.timeoutMs,
      );
      outgoing.on('socket', () => {
        reused = outgoing.reusedSocket;
      });
      outgoing.on('response', (answer) => {
        resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] });
        drain(answer);
      });
      outgoing.on('error', (error) => reject(new PostFailure(error, reused)));
      outgoing.on('close', () => clearTimeout(timer));
      outgoing.end(body);
    });
  }

  return {
    async request(method, headers, body, signal) {
      try {
        // A kept connection that the other side closed meanwhile says nothing about the other side: once more on a new one.
        return await once(method, headers, body, signal).catch((error: unknown) => {
          if (error instanceof PostFailure && error.staleConnection && !signal.aborted) {
            return once(method, headers, body, signal);
          }
          throw error;
        });
      } catch (error) {
        const detail = error instanceof PostFailure ? error.message : 'the request could not be made';
        throw new TransientError('destination_unavailable', detail);
      }
    },
    close: () => agent.destroy(),
  };
}

/** Says what failed by its code alone: messages of the network layer name addresses. */
class PostFailure extends Error {
  readonly staleConnection: boolean;

  constructor(error: Error, reused: boolean) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
    super(code === undefined ? error.message : `the connection failed: ${code}`);
    this.staleConnection = reused && (code === 'ECONNRESET' || code === 'EPIPE');
  }
}

/** Reads an answer to its end, or a little of it, so that the connection can serve again. */
function drain(answer: IncomingMessage): void {
  let bytes = 0;
  answer.on('error', () => undefined);
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) answer.destroy();
  });
}
