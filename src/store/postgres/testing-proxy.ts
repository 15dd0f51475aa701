import { connect, createServer, type Server, type Socket } from 'node:net';

/** What happens to the next COMMIT that passes: it does not arrive, or its answer does not come back. */
export type Loss = 'commit' | 'answer';

export interface Proxy {
  readonly port: number;
  /** The next COMMIT on any line is cut so. */
  lose(what: Loss): void;
  readonly losses: number;
  close(): Promise<void>;
}

/** A line to the server that loses a COMMIT, or the answer to one, when told to. */
export async function startProxy(
  to: { readonly host: string; readonly port: number },
  at = 0,
): Promise<Proxy> {
  let next: Loss | undefined;
  let losses = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(to.port, to.host);
    let swallowing = false;
    const names = new Set<string>();
    /** Its text passes once a connection, when it is prepared; then its name does. */
    const commits = (data: Buffer): boolean => {
      const text = data.toString('latin1');
      for (const [, name] of text.matchAll(/(kapi_\d+)\0COMMIT\0/g)) if (name) names.add(name);
      return [...names].some((name) => text.includes(`\0${name}\0`));
    };
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (data) => {
      if (commits(data) && next !== undefined) {
        const loss = next;
        next = undefined;
        losses += 1;
        if (loss === 'commit') return cut();
        swallowing = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (!swallowing) client.write(data);
      else if (data.includes('COMMIT\0')) cut();
    });
  });
  await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    lose: (what) => {
      next = what;
    },
    get losses() {
      return losses;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
