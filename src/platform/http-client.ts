import { lookup as systemLookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { type LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
  RejectedError,
  TransientError,
} from '@kapi/contract';
import { guarded, guardSocket, isLocalName, isPublicAddress, literalAddress } from './address-guard.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface HttpClientOptions {
  /**
   * Origins (`http://127.0.0.1:4010`, `https://ebelediye.belediye.yerel`) named by the operator that may be
   * reached although they are private or without TLS. Nothing that a citizen sends can widen the list.
   */
  readonly allowedOrigins?: readonly string[];
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  readonly resolve?: (hostname: string) => Promise<readonly ResolvedAddress[]>;
  readonly userAgent?: string;
}

const defaultTimeoutMs = 30_000;
const defaultMaxBytes = 25 * 1024 * 1024;

/** Idle sockets are dropped before a usual server drops them: a request on a dying one has an unknown fate. */
const idleMs = 4000;

/**
 * A guarded HTTP client. The host is checked as written, every answer of the resolver before one is
 * used, and the connected address before a byte is sent; sockets are pinned to what was checked.
 * Redirects are not followed: the answer is handed over with its `location`.
 *
 * Raises RejectedError `address_guarded`, RejectedError `media_refused` past `maxBytes`, and
 * TransientError `provider_unavailable` where nothing was sent or the request may be repeated (GET).
 * Where a POST, PUT or DELETE was sent and no answer came, a plain Error is thrown: its fate is unknown.
 */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient & { close(): void } {
  const allowed = new Set((options.allowedOrigins ?? []).map((origin) => new URL(origin).origin));
  const resolve = options.resolve ?? ((hostname: string) => systemLookup(hostname, { all: true }));

  const lookup: LookupFunction = (hostname, lookupOptions, callback) => {
    resolve(hostname).then(
      (answers) => {
        const [first] = answers;
        if (first === undefined) return callback(new Error(`no address for ${hostname}`), '');
        if (!answers.every(({ address }) => isPublicAddress(address))) return callback(guarded(hostname), '');
        if (lookupOptions.all) return callback(null, [...answers]);
        callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, ''),
    );
  };

  class GuardedAgent extends https.Agent {
    override createConnection(
      ...values: Parameters<https.Agent['createConnection']>
    ): Duplex | null | undefined {
      const socket = super.createConnection(...values);
      return socket instanceof Socket ? guardSocket(socket) : socket;
    }
  }
  const pooling = { keepAlive: true, timeout: idleMs };
  const guardedAgent = new GuardedAgent(pooling);
  const freeAgents = { http: new http.Agent(pooling), https: new https.Agent(pooling) };

  function targetOf(address: string): { readonly url: URL; readonly free: boolean } {
    const url = URL.parse(address);
    if (url === null) throw new RejectedError('address_guarded', 'the address is not a URL');
    if (url.username !== '' || url.password !== '') {
      throw new RejectedError('address_guarded', 'an address must not carry a login');
    }
    if (allowed.has(url.origin)) return { url, free: true };
    if (url.protocol !== 'https:') throw new RejectedError('address_guarded', 'only https is allowed');
    const literal = literalAddress(url.hostname);
    if (literal === undefined ? isLocalName(url.hostname) : !isPublicAddress(literal))
      throw guarded(url.hostname);
    return { url, free: false };
  }

  async function send(address: string, request: HttpRequest = {}): Promise<HttpResponse> {
    const { url, free } = targetOf(address);
    const method = request.method ?? 'GET';
    const signal = AbortSignal.timeout(request.timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs);
    const maxBytes = request.maxBytes ?? options.maxBytes ?? defaultMaxBytes;
    const secure = url.protocol === 'https:';
    const body = typeof request.body === 'string' ? Buffer.from(request.body) : request.body;
    const repeatable = method === 'GET';
    let spoken = false;

    const incoming = await new Promise<http.IncomingMessage>((done, fail) => {
      const outgoing = (secure ? https : http).request(url, {
        method,
        signal,
        agent: free ? freeAgents[secure ? 'https' : 'http'] : guardedAgent,
        ...(free ? {} : { lookup }),
        headers: {
          'user-agent': options.userAgent ?? 'kapi',
          'accept-encoding': 'identity',
          ...request.headers,
          ...(body !== undefined && { 'content-length': body.byteLength }),
        },
      });
      outgoing.once('socket', (socket) => {
        const said = () => {
          spoken = true;
        };
        if (!socket.connecting) said();
        else socket.once(secure ? 'secureConnect' : 'connect', said);
      });
      outgoing.once('response', done);
      outgoing.on('error', fail);
      outgoing.end(body);
    }).catch((error: unknown) => {
      throw translated(error, url.hostname, repeatable || !spoken);
    });

    const length = Number(incoming.headers['content-length'] ?? 0);
    if (length > maxBytes) {
      incoming.destroy();
      throw tooLarge(maxBytes);
    }
    return responseOf(incoming, maxBytes, (error) => translated(error, url.hostname, repeatable));
  }

  return Object.assign(send, {
    close() {
      guardedAgent.destroy();
      for (const agent of Object.values(freeAgents)) agent.destroy();
    },
  });
}

const tooLarge = (maxBytes: number): RejectedError =>
  new RejectedError('media_refused', `the answer is larger than ${maxBytes} bytes`);

function translated(error: unknown, host: string, repeatable: boolean): Error {
  if (error instanceof RejectedError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
  const said = `${host} did not answer (${code === 'ABORT_ERR' ? 'time-out' : code})`;
  return repeatable
    ? new TransientError('provider_unavailable', said, { cause: error })
    : new Error(`${said} after the request was sent; its fate is unknown`, { cause: error });
}

function responseOf(
  incoming: http.IncomingMessage,
  maxBytes: number,
  translate: (error: unknown) => Error,
): HttpResponse {
  async function* stream(): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    try {
      for await (const chunk of incoming) {
        const part: Uint8Array = chunk;
        bytes += part.byteLength;
        if (bytes > maxBytes) throw tooLarge(maxBytes);
        yield part;
      }
    } catch (error) {
      throw translate(error);
    } finally {
      incoming.destroy();
    }
  }
  let whole: Promise<Buffer> | undefined;
  async function read(): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of stream()) parts.push(part);
    return Buffer.concat(parts);
  }
  function collect(): Promise<Buffer> {
    whole ??= read();
    return whole;
  }
  return {
    status: incoming.statusCode ?? 0,
    headers: Object.fromEntries(
      Object.entries(incoming.headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
      ),
    ),
    bytes: collect,
    text: async () => (await collect()).toString('utf8'),
    stream,
  };
}
