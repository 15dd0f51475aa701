import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { answers, freePort } from './brokers.ts';

/** A real RabbitMQ of our own: own folder, own ports, gone at the end. For what cannot be done to one that others use. */
export interface Rabbitmq {
  readonly port: number;
  /** TLS with the certificate of the fixtures. */
  readonly tlsPort: number;
  /** `kapi` may do everything, `reader` may not write. */
  readonly logins: Readonly<Record<'kapi' | 'reader', { readonly user: string; readonly password: string }>>;
  readonly maxMessageBytes: number;
  /** Ends it without a word. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Raises or clears the memory alarm. */
  alarm(on: boolean): Promise<void>;
  stop(): Promise<void>;
}

const folder = '/usr/lib/rabbitmq/bin';
const run = promisify(execFile);
const maxMessageBytes = 20_000;

/** The reason why there is no RabbitMQ here; undefined where there is one. With KAPI_REQUIRE_ENGINES=1 its absence throws. */
export function missingRabbitmq(): string | undefined {
  if (existsSync(join(folder, 'rabbitmq-server'))) return undefined;
  const reason = 'RabbitMQ is not installed (Debian: rabbitmq-server)';
  if (process.env.KAPI_REQUIRE_ENGINES === '1') throw new Error(reason);
  return reason;
}

export async function startRabbitmq(certificate: { key: string; cert: string }): Promise<Rabbitmq> {
  const home = mkdtempSync(join(tmpdir(), 'kapi-rabbitmq-'));
  const [port, tlsPort, distributionPort] = [await freePort(), await freePort(), await freePort()];
  const node = `kapi-${process.pid}-${port}@localhost`;
  const logins = {
    kapi: { user: 'kapi', password: 'çok gizli' },
    reader: { user: 'reader', password: 'okur gizli' },
  };
  const everything = { vhost: '/', configure: '.*', write: '.*', read: '.*' };
  writeFileSync(
    join(home, 'definitions.json'),
    JSON.stringify({
      vhosts: [{ name: '/' }],
      users: Object.values(logins).map(({ user, password }) => ({ name: user, password, tags: [] })),
      permissions: [
        { user: 'kapi', ...everything },
        { user: 'reader', ...everything, write: '^$' },
      ],
    }),
  );
  writeFileSync(
    join(home, 'rabbitmq.conf'),
    `listeners.tcp.1 = 127.0.0.1:${port}
listeners.ssl.1 = 127.0.0.1:${tlsPort}
ssl_options.certfile = ${certificate.cert}
ssl_options.keyfile = ${certificate.key}
max_message_size = ${maxMessageBytes}
load_definitions = ${join(home, 'definitions.json')}
`,
  );
  writeFileSync(join(home, 'plugins'), '');
  const environment = {
    PATH: `${folder}:/usr/sbin:/usr/bin:/bin`,
    HOME: home,
    RABBITMQ_NODENAME: node,
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(home, 'mnesia'),
    RABBITMQ_LOG_BASE: join(home, 'log'),
    RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'plugins'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  };
  const control = (...words: string[]) =>
    run(join(folder, 'rabbitmqctl'), ['-n', node, ...words], { env: environment });
  let server: ChildProcess | undefined;

  const start = async () => {
    server = spawn(join(folder, 'rabbitmq-server'), [], {
      stdio: 'ignore',
      detached: true,
      env: environment,
    });
    // Its TLS listener is the last to come.
    for (let tries = 0; !(await answers(tlsPort)); tries += 1) {
      if (tries > 500 || server.exitCode !== null) {
        const log = join(home, 'log', `${node}.log`);
        throw new Error(
          `RabbitMQ does not start: ${existsSync(log) ? readFileSync(log, 'utf8').slice(-500) : 'no log'}`,
        );
      }
      await delay(100);
    }
  };
  const kill = async () => {
    const child = server;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    // The node is a child of the script, in its group.
    process.kill(-child.pid, 'SIGKILL');
    await gone;
    while (await answers(port)) await delay(20);
  };
  await start();
  return {
    port,
    tlsPort,
    logins,
    maxMessageBytes,
    kill,
    start,
    async alarm(on) {
      await control('set_vm_memory_high_watermark', on ? '0.0000001' : '0.6');
    },
    async stop() {
      await kill();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
