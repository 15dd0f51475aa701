import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answers, freePort } from './brokers.ts';

/** A real NATS server with JetStream of our own: own folder, own port, gone at the end. */
export interface Nats {
  readonly port: number;
  /** Ends it without a word. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const binaries = ['/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server'];
const binary = binaries.find((path) => existsSync(path));

/** The reason why there is no NATS server here; undefined where there is one. With KAPI_REQUIRE_ENGINES=1 its absence throws. */
export function missingNats(): string | undefined {
  if (binary !== undefined) return undefined;
  const reason = 'NATS is not installed (Debian: nats-server)';
  if (process.env.KAPI_REQUIRE_ENGINES === '1') throw new Error(reason);
  return reason;
}

/** `more`: lines of its configuration, such as logins or TLS. */
export async function startNats(more = ''): Promise<Nats> {
  const home = mkdtempSync(join(tmpdir(), 'kapi-nats-'));
  const port = await freePort();
  const file = join(home, 'nats.conf');
  const log = join(home, 'log');
  writeFileSync(
    file,
    `listen: "127.0.0.1:${port}"
log_file: "${log}"
jetstream { store_dir: "${join(home, 'store')}" }
${more}
`,
  );
  let server: ChildProcess | undefined;
  const start = async () => {
    const child = spawn(binary ?? 'nats-server', ['-c', file], { stdio: 'ignore' });
    server = child;
    for (let tries = 0; !(await answers(port)); tries += 1) {
      if (tries > 500 || child.exitCode !== null)
        throw new Error(
          `NATS does not start: ${existsSync(log) ? readFileSync(log, 'utf8').slice(-500) : 'no log'}`,
        );
      await delay(20);
    }
  };
  const kill = async () => {
    const child = server;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    port,
    kill,
    start,
    async stop() {
      await kill();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
