import { createServer } from 'node:http';

/** An identity provider on loopback: gives tokens (RFC 6749) and says whose one is (RFC 7662). */

export interface TokenAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly retryAfter?: string;
}

export interface TokenEndpoint {
  readonly tokenUrl: string;
  readonly introspectionUrl: string;
  /** The form of every token request so far. */
  readonly asked: Record<string, string>[];
  /** Tokens given so far; only these are genuine. */
  readonly given: string[];
  /** Tokens that are over. */
  readonly revoked: Set<string>;
  /** What the next requests get in place of a token, in order; 'hang up' closes the connection. */
  readonly instead: (TokenAnswer | 'hang up')[];
  /** Members beside `access_token`, e.g. `expires_in`. */
  more: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** @param user whom the tokens belong to */
export async function startTokenEndpoint(user = 'sok'): Promise<TokenEndpoint> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const form = Object.fromEntries(new URLSearchParams(text));
    const say = (status: number, body: unknown, headers: Record<string, string> = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(body));
    if (request.url === '/introspect') {
      const token = form.token ?? '';
      const active = endpoint.given.includes(token) && !endpoint.revoked.has(token);
      return void say(200, active ? { active, username: user } : { active });
    }
    endpoint.asked.push(form);
    const next = endpoint.instead.shift();
    if (next === 'hang up') return void request.socket.destroy();
    if (next !== undefined) {
      const headers = next.retryAfter === undefined ? {} : { 'retry-after': next.retryAfter };
      return void say(next.status, next.body ?? {}, headers);
    }
    const token = `erisim-belirteci-${endpoint.given.length + 1}`;
    endpoint.given.push(token);
    say(200, { token_type: 'Bearer', access_token: token, ...endpoint.more });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const endpoint: TokenEndpoint = {
    tokenUrl: `${origin}/token`,
    introspectionUrl: `${origin}/introspect`,
    asked: [],
    given: [],
    revoked: new Set(),
    instead: [],
    more: { expires_in: 3600 },
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return endpoint;
}
