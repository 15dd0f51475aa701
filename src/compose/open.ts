import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Blobs, Logger, Store } from '@kapi/contract';
import { segment } from '@kapi/kit';
import type { Config } from '../config/index.ts';
import { failpoint } from '../contract/failpoint.ts';
import type { DeliveryFact } from '../intake/forward.ts';
import type { Gateway } from '../intake/gateway.ts';
import type { House } from '../intake/house.ts';
import type { OperationsPorts } from '../intake/operations.ts';
import type { IntakeSettings } from '../intake/settings.ts';
import {
  type House as NoticeHouse,
  planNotices,
  type ReplyAccounts,
  type Templates,
} from '../notify/index.ts';
import {
  type Ballast,
  createBallast,
  createHttpClient,
  type Metrics,
  newId,
  redactingLogger,
  systemClock,
} from '../platform/index.ts';
import { type KeyRing, keyedHash, loadKeyRing, trackingTokens } from '../sealing/index.ts';
import { createParserPool, type ParserPool } from '../workers/parser-pool.ts';
import { Accounts, type AdapterRegistry } from './accounts.ts';
import { sparing } from './full-disk.ts';
import { createGateway } from './gateway.ts';
import { createHouse } from './house.ts';
import { toDestinations, toIntakeSettings } from './intake-settings.ts';
import { replyAccounts } from './stages.ts';
import { openStore } from './store.ts';

export type KapiConfig = Config<Templates>;

export interface OpenOptions {
  readonly dataFolder: string;
  /** From the environment; absent: the key file of the data folder. */
  readonly sealingKeys: string | undefined;
  readonly config: KapiConfig;
  readonly registry: AdapterRegistry;
  readonly log: Parameters<typeof redactingLogger>[0];
  /** Keeps the secrets that a new configuration brings out of the process log, as it keeps the first's. */
  readonly hide: (secrets: readonly string[]) => void;
  readonly publicUrl: string;
  readonly metrics?: Metrics;
  readonly onFatal: (reason: string) => void;
  /** A row that could not be opened and was parked alone. */
  readonly onDamage?: (detail: string) => void;
  readonly ready: () => boolean;
  /** What only a running gateway can do. */
  readonly live: Pick<OperationsPorts, 'resume' | 'alarms' | 'acknowledge'>;
}

/** The house with its store open and its gateway ready, and nothing running. */
export interface Opened {
  readonly store: Store & { readonly blobs: Blobs };
  readonly house: House;
  readonly gateway: Gateway;
  readonly ballast: Ballast;
  readonly accounts: Accounts;
  readonly parsers: ParserPool;
  readonly http: ReturnType<typeof createHttpClient>;
  readonly replies: ReplyAccounts;
  readonly noticeHouse: () => NoticeHouse;
  readonly log: Logger;
  /** The configuration in force. */
  readonly config: () => KapiConfig;
  /** Signs the citizen form's tokens; the same after every restart. */
  readonly formKey: Uint8Array;
  /** Names who hears of each try to deliver to a reader of a queue; nobody before. */
  onDelivery(listener: (fact: DeliveryFact) => void): void;
  /** Drops files that no row refers to any more. */
  readonly sweepBlobs: () => Promise<number>;
  /** Takes over a new configuration. @throws ConfigError */
  adopt(config: KapiConfig): Promise<void>;
  close(): Promise<void>;
}

export async function open(options: OpenOptions): Promise<Opened> {
  let { config } = options;
  const log = redactingLogger(options.log);
  const { dataFolder, sealingKeys } = options;
  // Data without its keys must not be given new ones.
  const hasData = existsSync(join(dataFolder, 'kapi.db'));
  const ring = loadKeyRing(dataFolder, sealingKeys === undefined ? { hasData } : { text: sealingKeys });
  failpoint('keys-written');
  const ballast = createBallast({
    path: join(dataFolder, 'ballast'),
    // A server that refuses says nothing of this disk.
    bytes: config.store.engine === 'postgres' ? 0 : config.store.ballastMiB * 1024 * 1024,
    clock: systemClock,
    log,
  });
  const opening = () =>
    openStore(config.store, {
      dataDir: dataFolder,
      keys: ring,
      institution: config.institution.id,
      onFatal: (error) => options.onFatal(error.message),
      ...(options.onDamage && { onDamage: options.onDamage }),
    });
  const whole = await opening().catch((thrown: unknown) => {
    // A start writes too: on a full disk it needs the room that was kept for it.
    if (!ballast.refused()) throw thrown;
    return opening();
  });
  const store = sparing(whole, ballast);
  const http = createHttpClient();
  const accounts = new Accounts({
    registry: options.registry,
    http,
    log: (account, secrets) => withAccount(redactingLogger(options.log, secrets), account),
  });
  let settings: IntakeSettings = toIntakeSettings(config, await accounts.load(config));
  const replies = replyAccounts({ settings: () => settings }, accounts);
  const noticeHouse = (): NoticeHouse => toNoticeHouse(config, options.publicUrl);
  const house = createHouse(
    store,
    log,
    () => settings,
    (record, event) => planNotices({ house: noticeHouse(), accounts: replies, newId }, record, event),
    trackingTokens(ring),
  );
  const parsers = createParserPool({ size: 2 });
  const operations: OperationsPorts = {
    accounts: () => accounts.list(),
    destinations: () => toDestinations(config.destinations),
    ready: options.ready,
    ...options.live,
  };
  const queues = config.destinations
    .filter(({ kind, enabled }) => kind === 'queue' && enabled)
    .map(({ id }) => id);
  let heard: (fact: DeliveryFact) => void = () => undefined;
  const gateway = createGateway(house, {
    accounts,
    parsers,
    queues,
    operations,
    observe: (fact) => heard(fact),
    leaseKey: derived(ring, 'queue-lease'),
    ...(options.metrics && { metrics: options.metrics }),
  });
  return {
    store,
    house,
    gateway,
    ballast,
    accounts,
    parsers,
    http,
    replies,
    noticeHouse,
    log,
    config: () => config,
    formKey: derived(ring, 'form-token'),
    onDelivery(listener) {
      heard = listener;
    },
    sweepBlobs: () => store.sweepBlobs(),
    async adopt(next) {
      options.hide(next.secrets);
      settings = toIntakeSettings(next, await accounts.load(next));
      config = next;
    },
    async close() {
      await parsers.close();
      http.close();
      await store.close();
    },
  };
}

/** A logger whose every line says which account it is about. */
const withAccount = (log: Logger, account: string): Logger => ({
  debug: (fields, message) => log.debug({ account, ...fields }, message),
  info: (fields, message) => log.info({ account, ...fields }, message),
  warn: (fields, message) => log.warn({ account, ...fields }, message),
  error: (fields, message) => log.error({ account, ...fields }, message),
});

/** 32 bytes for one purpose, the same after every restart. */
const derived = (ring: KeyRing, purpose: string): Uint8Array =>
  Buffer.concat(['a', 'b'].map((half) => keyedHash(ring, purpose, half)));

function toNoticeHouse(config: KapiConfig, publicUrl: string): NoticeHouse {
  const { institution, templates, units } = config;
  const { tr, en, ar } = templates;
  const fallback = tr ?? Object.values(templates)[0];
  if (fallback === undefined) throw new Error('the configuration was accepted without templates');
  const named = [...units.units, ...units.districts, ...units.districtUnits, ...units.partners];
  return {
    institution: institution.name,
    language: institution.language,
    templates: { tr: fallback, en: en ?? fallback, ar: ar ?? fallback },
    shortUrl: institution.shortUrl,
    trackingUrl: `${publicUrl}/takip`,
    unitName: (id) => named.find((unit) => unit.id === id)?.name,
    fits: segment,
  };
}
