import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly tookMs: number;
}

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1_000 });

/** One exchange to its end. @throws where the connection does not hold until the whole answer is here */
export function call(url: string, { method = 'POST', path, headers = {}, body = '' }: Call): Promise<Answer> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body);
    const sent = request(
      `${url}${path}`,
      { method, agent, timeout: 60_000, headers: { ...headers, 'content-length': bytes.byteLength } },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(pieces).toString(),
            tookMs: performance.now() - startedAt,
          }),
        );
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer within a minute')));
    sent.on('error', reject);
    sent.end(bytes);
  });
}

export const json = (key: string, value: unknown, path = '/v1/messages', method = 'POST'): Call => ({
  method,
  path,
  headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  ...(method !== 'GET' && { body: JSON.stringify(value) }),
});
