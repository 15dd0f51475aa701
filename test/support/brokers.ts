import { connect, createServer } from 'node:net';

/** Where the Debian packages listen. */
export const rabbitmqPort = 5672;
export const natsPort = 4222;

/** The reason why nobody answers there; undefined where somebody does. With KAPI_REQUIRE_ENGINES=1 it throws. */
export async function missingBroker(name: string, port: number): Promise<string | undefined> {
  if (await answers(port)) return undefined;
  const reason = `${name} does not answer at 127.0.0.1:${port}`;
  if (process.env.KAPI_REQUIRE_ENGINES === '1') throw new Error(reason);
  return reason;
}

export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (found: boolean) => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
