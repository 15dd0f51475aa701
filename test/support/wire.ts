import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** To the server, or from it. */
export type Direction = 'up' | 'down';
/** What becomes of a piece of the conversation. `first`: so many of its bytes arrive, then the connection is reset. */
export type Fate =
  | 'pass'
  | 'swallow'
  | { readonly first: number }
  | { readonly afterMs: number }
  | { readonly instead: Buffer };
export type Judge = (piece: Buffer, direction: Direction) => Fate;

/** A wire between a client and a server on this machine. */
export interface Wire {
  readonly port: number;
  /** From now on, also for connections that are open. */
  judge(judge: Judge): void;
  /** Connections that are open now, and that were ever opened. */
  open(): number;
  opened(): number;
  /** Resets what is open. */
  cut(): void;
  close(): Promise<void>;
}

export const passAll: Judge = () => 'pass';

/** With `tls` the wire itself speaks TLS to the client, and plainly to the server. */
export async function startWire(serverPort: number, tls?: TlsOptions): Promise<Wire> {
  let judge = passAll;
  let opened = 0;
  const nears = new Set<Socket>();
  // Node dies when the socket under a TLS one is destroyed: of those the upper one is cut.
  const bridged = new Set<Socket>();
  const bridge = (near: Socket) => {
    bridged.add(near);
    near.on('close', () => bridged.delete(near));
    const far = connect(serverPort, '127.0.0.1');
    let over = false;
    const reset = () => {
      if (!near.destroyed) near.resetAndDestroy();
      far.destroy();
    };
    const carry = (from: Socket, to: Socket, direction: Direction) => {
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.on('data', (piece: Buffer) => {
        if (over) return;
        const fate = judge(piece, direction);
        if (fate === 'swallow') return;
        if (fate === 'pass') to.write(piece);
        else if ('instead' in fate) to.write(fate.instead);
        else if ('afterMs' in fate) setTimeout(() => to.destroyed || to.write(piece), fate.afterMs);
        else {
          over = true;
          to.write(piece.subarray(0, fate.first), reset);
        }
      });
    };
    carry(near, far, 'up');
    carry(far, near, 'down');
  };
  const count = (near: Socket) => {
    opened += 1;
    nears.add(near);
    near.on('error', () => undefined);
    near.on('close', () => nears.delete(near));
  };
  const server: Server = tls ? createTlsServer(tls, bridge) : createServer(bridge);
  server.on('connection', count);
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = () => {
    for (const near of bridged) near.destroy();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    judge(next) {
      judge = next;
    },
    open: () => nears.size,
    opened: () => opened,
    cut,
    async close() {
      cut();
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
