import { join } from 'node:path';
import type { Destination } from '@kapi/contract';
import type { Running } from '../cli/parts.ts';
import { openDestination } from '../destinations/index.ts';
import { buildServer, defaultLimits, type HttpConfig } from '../http/index.ts';
import { type Forward, startForward } from '../intake/forward.ts';
import { meetPromise } from '../intake/meet-promise.ts';
import { type PullLoop, runPull } from '../intake/pull.ts';
import { createNotifyStage, type NotifyStage } from '../notify/index.ts';
import { type Metrics, newId, type Supervisor, systemClock } from '../platform/index.ts';
import { citizenErrors, citizenPages, readNotice, wantsPage } from '../web/index.ts';
import { canFenceNetwork } from '../workers/sandbox.ts';
import { ensureAdminKey } from './admin-key.ts';
import { type Bells, startAlarms } from './bells.ts';
import { tellDeliveries } from './deliveries.ts';
import { maxFileBytes } from './gateway.ts';
import { startHousekeeping } from './housekeeping.ts';
import type { KapiConfig, Opened } from './open.ts';
import { unfenced } from './parser-fence.ts';
import { startStages } from './stages.ts';
import { pulseOf, startWatchdog } from './watchdog.ts';
import { readGauges, startWatchman } from './watchman.ts';

export interface RunOptions {
  readonly opened: Opened;
  readonly dataFolder: string;
  readonly host: string;
  readonly port: number;
  /** Without a slash at the end. */
  readonly publicUrl: string;
  readonly metrics: Metrics;
  readonly log: Parameters<typeof buildServer>[0]['log'];
  /** Resolves with the reason when the store gave up. */
  readonly fatal: Promise<string>;
  readonly stopping: AbortController;
  /** Who started the process and wants to hear how it is. */
  readonly supervisor: Supervisor | undefined;
}

export interface Started extends Running {
  reload(config: KapiConfig): Promise<void>;
  /** Closes the breaker of a pushed destination. */
  resume(destination: string): void;
  readonly bells: Pick<Bells, 'open' | 'acknowledge' | 'raise'>;
}

const graceMs = 8_000;
const minuteMs = 60_000;

/** What ends and begins anew with the configuration: pull sources, pushed destinations, notices. */
interface Outlets {
  readonly pulls: readonly PullLoop[];
  readonly forward: Forward;
  readonly notify: NotifyStage;
}

/** Starts every stage, source, destination and the server; resolves once it listens. */
export async function run(options: RunOptions): Promise<Started> {
  const { opened, metrics, stopping } = options;
  const { house, accounts, store, log } = opened;
  const bells = startAlarms(opened, options.dataFolder, metrics, stopping.signal);
  // Before the server listens: no reader of a queue may come first.
  opened.onDelivery(tellDeliveries(metrics, bells));
  const adminKey = await ensureAdminKey(store, options.dataFolder, house.clock.now());

  const app = await buildServer({
    gateway: opened.gateway,
    config: httpConfig(options, opened.config()),
    log: options.log,
    metrics: {
      answered: (method, route, status, seconds) =>
        metrics.requests.observe({ method, route, status: String(status) }, seconds),
      render: async () => ({ contentType: metrics.contentType, body: await metrics.render() }),
    },
    ...pagesOf(options),
  });
  const url = await app.listen({ host: options.host, port: options.port });
  if (!canFenceNetwork()) log.warn({}, unfenced);

  opened.ballast.watch((spent) => void tellOfDisk(bells, spent));
  void opened.ballast.keep(stopping.signal);

  const stages = startStages({
    house,
    accounts,
    parsers: opened.parsers,
    http: opened.http,
    urlHosts: () => opened.config().attachments.urlHosts,
    bell: bells,
    metrics,
    log,
    signal: stopping.signal,
  });
  let outlets = openOutlets(opened, metrics, bells);
  const queues = opened
    .config()
    .destinations.filter(({ kind }) => kind === 'queue')
    .map(({ id }) => id);
  readGauges(metrics, store.reader, queues);
  const stopWatchman = startWatchman(
    {
      reader: store.reader,
      destinations: () => opened.config().destinations.map(({ id }) => id),
      log,
      clockMs: { books: minuteMs, recount: 60 * minuteMs, audit: 24 * 60 * minuteMs },
    },
    metrics,
    bells,
  );

  const stopHousekeeping = startHousekeeping({
    house,
    gateway: opened.gateway,
    limits: () => {
      const { retentionDays, envelopeDays } = opened.config().privacy;
      return { recordDays: retentionDays, envelopeDays };
    },
    sweepBlobs: opened.sweepBlobs,
  });

  const watchdog =
    options.supervisor &&
    startWatchdog(
      options.supervisor,
      pulseOf(store.timers, newId(), () => systemClock.now()),
      log,
    );

  async function stop(): Promise<void> {
    await watchdog?.stop();
    stopWatchman();
    stopHousekeeping();
    const server = app.close();
    stopping.abort();
    await Promise.all([server, closeOutlets(outlets), ...stages.map((stage) => stage.stop(graceMs))]);
    bells.close();
    await opened.close();
  }

  return {
    url,
    adminKey,
    remarks: remarksOf(options.dataFolder, adminKey.created),
    ended: options.fatal,
    stop,
    bells,
    resume: (destination) => void outlets.forward.resume(destination),
    async reload(config) {
      await opened.adopt(config);
      await closeOutlets(outlets);
      outlets = openOutlets(opened, metrics, bells);
      log.info(
        { accounts: config.accounts.length, destinations: config.destinations.length },
        'configuration reloaded',
      );
    },
  };
}

/** People hear of a full disk at once, and the alarm ends with it. */
const tellOfDisk = (bells: Bells, full: boolean): Promise<void> =>
  full
    ? bells.raise(
        'disk-full',
        'data',
        'Disk dolu: yeni başvuru alınmıyor (503). Alınmış olanlar ayrılmış son yerde teslim ediliyor; yer açın.',
        'critical',
      )
    : bells.clear('disk-full', 'data');

function httpConfig(options: RunOptions, { http }: KapiConfig): HttpConfig {
  return {
    host: options.host,
    port: options.port,
    publicUrl: options.publicUrl,
    trustProxy: http.trustProxy,
    metricsAllow: http.metricsAllow,
    limits: {
      ...defaultLimits,
      keyPerSecond: http.requestsPerSecondPerKey,
      addressPerSecond: http.requestsPerSecondPerAddress,
      maxUploadBytes: maxFileBytes,
      ...(http.maxMemoryMb !== undefined && { maxRssBytes: http.maxMemoryMb * 1024 * 1024 }),
    },
  };
}

function pagesOf({
  opened,
  publicUrl,
}: RunOptions): Pick<Parameters<typeof buildServer>[0], 'publicPlugins' | 'notFoundPage'> {
  const { institution, units, notices, accounts } = opened.config();
  const form = accounts.find(({ adapter, enabled }) => adapter === 'form' && enabled);
  if (!form) return {};
  const house = {
    name: institution.name,
    prefix: institution.prefix,
    province: institution.province,
    districts: units.districts.map(({ name }) => name),
  };
  const pages = citizenPages({
    gateway: opened.gateway,
    institution: house,
    notice: readNotice(notices),
    limits: { maxFiles: 5, maxFileBytes, maxTextCharacters: 10_000 },
    publicUrl,
    tokenKey: opened.formKey,
    account: form.id,
    now: () => systemClock.now(),
  });
  return { publicPlugins: [pages], notFoundPage: { wants: wantsPage, send: citizenErrors(house) } };
}

function openOutlets(opened: Opened, metrics: Metrics, bells: Bells): Outlets {
  const { house, accounts, store, log } = opened;
  const delivered = tellDeliveries(metrics, bells);
  const holder = newId();
  const pulls = [...accounts.running().values()].flatMap((account) =>
    account.adapter.sources.flatMap((source) => {
      if (source.kind !== 'pull') return [];
      const { id } = account.settings;
      return [
        runPull(house, store.timers, account, source, holder, (state) => {
          accounts.health(id, state);
          bells.account(id, state);
          metrics.accountUp.set({ account: id }, state.state === 'connected' ? 1 : 0);
        }),
      ];
    }),
  );
  const destinations = new Map<string, Destination>();
  for (const destination of opened.config().destinations) {
    if (!destination.enabled) continue;
    const made = openDestination(destination.kind, destination.settings);
    if (made) destinations.set(destination.id, made);
  }
  const forward = startForward({
    pipeline: store.pipeline,
    watch: store.watch,
    destinations,
    clock: systemClock,
    log,
    http: opened.http,
    observe: (fact) => {
      if (fact.fact === 'state') {
        metrics.breakerOpen.set({ destination: fact.destination }, fact.state === 'closed' ? 0 : 1);
        if (fact.state === 'paused')
          void bells.raise(
            'destination-gone',
            fact.destination,
            `Hedef ${fact.destination} artık kabul etmiyor (410); elle devam ettirin.`,
            'critical',
          );
        else if (fact.state === 'open')
          void bells.raise(
            'destination-down',
            fact.destination,
            `Hedef ${fact.destination} yanıt vermiyor; olaylar bekletiliyor.`,
            'warning',
          );
        else void bells.clear('destination-down', fact.destination);
        return;
      }
      delivered(fact);
    },
  });
  const notify = createNotifyStage({
    get house() {
      return opened.noticeHouse();
    },
    accounts: opened.replies,
    newId,
    pipeline: store.pipeline,
    reader: store.reader,
    watch: store.watch,
    meetPromise: (record, at) => meetPromise(house, record, at),
    clock: systemClock,
    log,
    metrics,
    dead: ({ account, kind }) =>
      void bells.raise(
        'notice-failed',
        account,
        `${account} hesabından bir bildirim (${kind}) vatandaşa ulaşmadı, başka kanal kalmadı.`,
        'warning',
      ),
  });
  notify.start();
  return { pulls, forward, notify };
}

async function closeOutlets({ pulls, forward, notify }: Outlets): Promise<void> {
  await Promise.all([
    forward.stop(graceMs),
    notify.stop(graceMs),
    ...pulls.map((pull) => pull.stop(graceMs)),
  ]);
}

function remarksOf(dataFolder: string, firstStart: boolean): string[] {
  if (!firstStart) return [];
  return [
    `Back up ${join(dataFolder, 'sealing.key')} now, apart from the data: without it nothing in the data folder can be read.`,
  ];
}
