import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@kapi/contract';
import { runDemo } from './cli/demo/index.ts';
import type { CliParts } from './cli/parts.ts';
import { configurationReader, type ReadConfiguration } from './compose/configuration.ts';
import { diagnose } from './compose/doctor.ts';
import { type KapiConfig, type Opened, open } from './compose/open.ts';
import { run, type Started } from './compose/run.ts';
import { problemLine, readEnvironment, watchReload } from './config/index.ts';
import { createLog, createMetrics, createScrubber, type Scrubber, supervisorOf } from './platform/index.ts';
import { adapterRegistry as registry } from './workers/adapter-registry.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const readVersion = (): string => {
  const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return version;
};

/** The only file that knows every part: hands the command line its commands. */
export function compose(variables: NodeJS.ProcessEnv): CliParts {
  const environment = readEnvironment(variables);
  const { configFolder, dataFolder } = environment;
  const reader = () => configurationReader(configFolder, variables, registry);

  async function configuration(): Promise<KapiConfig> {
    const loaded = (await reader())();
    if (loaded.config) return loaded.config;
    throw new ConfigError('config_invalid', loaded.problems.map(problemLine).join('\n'));
  }

  const logOf = (scrubber: Scrubber) =>
    createLog({ scrubber, ...(variables.KAPI_LOG ? { level: logLevel(variables.KAPI_LOG) } : {}) });

  return {
    version: readVersion(),
    root,
    environment: { configFolder, dataFolder },

    async check() {
      const loaded = (await reader())();
      if (loaded.problems) return { problems: loaded.problems, summary: {} };
      const { accounts, destinations, topics, units } = loaded.config;
      return {
        problems: [],
        summary: {
          accounts: accounts.length,
          enabled: accounts.filter(({ enabled }) => enabled).length,
          destinations: destinations.length,
          topics: topics.length,
          units: units.units.length,
        },
      };
    },

    async facts() {
      const { accounts, destinations } = await configuration();
      return {
        adapters: Object.keys(registry),
        accounts: accounts.map(({ id, adapter, enabled }) => ({ id, adapter, enabled })),
        destinations: destinations.map(({ id }) => id),
      };
    },

    async start() {
      const config = await configuration();
      // Whatever is written from here on is for this user alone, also in a folder that others may enter.
      process.umask(0o077);
      await mkdir(dataFolder, { recursive: true, mode: 0o700 });
      const scrubber = createScrubber(config.secrets);
      const log = logOf(scrubber);
      const metrics = createMetrics();
      const port = environment.port === 0 ? await freePort(environment.host) : environment.port;
      const publicUrl = environment.publicUrl ?? `http://${environment.host}:${port}`;
      const stopping = new AbortController();
      let started: Started | undefined;
      let fail: (reason: string) => void = () => undefined;
      const fatal = new Promise<string>((resolve) => {
        fail = resolve;
      });
      // The state after an unforeseen error is unknown: what was accepted is durable, and the rest is left.
      const lastResort = (error: unknown): void => {
        log.error({ err: error }, 'an error that nobody caught; the gateway stops');
        stopping.abort();
        fail('an internal error');
      };
      process.on('uncaughtException', lastResort);
      const opened = await open({
        dataFolder,
        sealingKeys: variables.KAPI_SEALING_KEY || undefined,
        config,
        registry,
        log,
        hide: scrubber.hide,
        publicUrl,
        onDamage: (detail) => {
          log.error({ detail }, 'stored data is damaged');
          const text = `Saklanan bir kayıt açılamıyor; karantinaya ve teslim edilemeyenlere bakın, diski denetleyin. ${detail}`;
          void started?.bells.raise('damage', 'store', text, 'critical');
        },
        metrics,
        onFatal: (reason) => {
          stopping.abort();
          fail(reason);
        },
        ready: () => !stopping.signal.aborted,
        live: {
          resume: (destination) => started?.resume(destination),
          alarms: async () => started?.bells.open() ?? [],
          acknowledge: async (id, by) => started?.bells.acknowledge(id, by) ?? false,
        },
      });
      const running = await run({
        opened,
        dataFolder,
        host: environment.host,
        port,
        publicUrl,
        metrics,
        log,
        fatal,
        stopping,
        supervisor: supervisorOf(variables),
      });
      started = running;
      const unwatch = reloading(opened, running.reload, await reader());
      return {
        ...running,
        async stop() {
          unwatch();
          await running.stop();
          process.off('uncaughtException', lastResort);
        },
      };
    },

    async open() {
      const config = await configuration();
      const opened = await open({
        dataFolder,
        sealingKeys: variables.KAPI_SEALING_KEY || undefined,
        config,
        registry,
        log: createLog({ level: 'silent' }),
        hide: () => undefined,
        publicUrl: environment.publicUrl ?? `http://${environment.host}:${environment.port}`,
        onFatal: () => undefined,
        ready: () => true,
        live: { resume: () => undefined, alarms: async () => [], acknowledge: async () => false },
      });
      return { gateway: opened.gateway, close: () => opened.close() };
    },

    async doctor() {
      const config = await configuration();
      return diagnose({
        config,
        registry,
        dataFolder,
        log: createLog({ level: 'silent' }),
      });
    },

    async demo(client, progress) {
      // What cannot be read here is left out there, and said so.
      const accounts = (await reader())().config?.accounts ?? [];
      return runDemo(client, progress, { accounts, publicUrl: environment.publicUrl ?? client.url });
    },
  };
}

/** A bad configuration leaves the old one running and says why. */
function reloading(
  opened: Opened,
  reload: (config: KapiConfig) => Promise<void>,
  load: ReadConfiguration,
): () => void {
  return watchReload({
    load,
    apply: reload,
    refuse: (reason) => {
      const why = 'problems' in reason ? reason.problems.map(problemLine).join('; ') : String(reason.thrown);
      opened.log.error({ why }, 'the configuration was not reloaded; the old one goes on');
    },
    signals: process,
  });
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
function logLevel(text: string): (typeof levels)[number] {
  const level = levels.find((name) => name === text);
  if (level === undefined)
    throw new ConfigError('config_invalid', `KAPI_LOG: expected ${levels.join(', ')}, found ${text}`);
  return level;
}

/** Links in notices and pages need the port before the server listens. */
function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, host, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
