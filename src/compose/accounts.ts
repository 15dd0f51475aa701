import {
  type AccountHealth,
  type Adapter,
  type AdapterContext,
  ConfigError,
  type HttpClient,
  type Logger,
} from '@kapi/contract';
import { type AccountConfig, type Config, entrances } from '../config/index.ts';
import type { Account } from '../intake/gateway.ts';
import type { RunningAccount, TrialAccount } from '../intake/running.ts';
import type { AccountSettings } from '../intake/settings.ts';

/** Adapters by id, loaded when an account first needs them. */
export type AdapterRegistry = Readonly<Record<string, () => Promise<{ readonly adapter: Adapter }>>>;

export interface AccountPorts {
  readonly registry: AdapterRegistry;
  readonly http: HttpClient;
  /** A logger that scrubs the account's secrets. */
  readonly log: (account: string, secrets: readonly string[]) => Logger;
}

/** What the configuration says of an account, for intake. An entrance never settles. */
export function toSettings(account: AccountConfig, adapter: Adapter | undefined): AccountSettings {
  return {
    id: account.id,
    adapter: account.adapter,
    entrance: entrances.some((name) => name === account.adapter),
    enabled: account.enabled,
    ...(account.unit !== undefined && { unit: account.unit }),
    partsWaitSeconds: account.partsWaitSeconds,
    settleQuietSeconds: account.settle.quietSeconds,
    settleMaxSeconds: account.settle.maxSeconds,
    joinHours: account.joinHours,
    settles: adapter?.capabilities.settles ?? false,
    sendNotices: account.sendNotices,
    promise: account.promise,
    ...(account.transferBasis !== undefined && { transferBasis: account.transferBasis }),
  };
}

/** The enabled accounts of adapters, each with its health. */
export class Accounts {
  readonly #ports: AccountPorts;
  readonly #health = new Map<string, AccountHealth>();
  readonly #lastEnvelopeAt = new Map<string, string>();
  #running: ReadonlyMap<string, RunningAccount> = new Map();
  #config: readonly AccountConfig[] = [];

  constructor(ports: AccountPorts) {
    this.#ports = ports;
  }

  readonly running = (): ReadonlyMap<string, RunningAccount> => this.#running;

  /** Takes over the accounts of a configuration. @throws ConfigError where an adapter cannot be loaded */
  async load(config: Pick<Config, 'accounts'>): Promise<ReadonlyMap<string, AccountSettings>> {
    const settings = new Map<string, AccountSettings>();
    const running = new Map<string, RunningAccount>();
    for (const account of config.accounts) {
      const load = this.#ports.registry[account.adapter];
      const adapter = account.enabled ? (await load?.())?.adapter : undefined;
      const own = toSettings(account, adapter);
      settings.set(account.id, own);
      if (adapter) running.set(account.id, this.#run(adapter, own, account.settings));
    }
    this.#running = running;
    this.#config = config.accounts;
    return settings;
  }

  /**
   * An account for dry runs: the named one, else the first of the adapter, whether it is on or not. Where
   * none is configured, one made of the adapter's defaults.
   */
  async trial(id: string, named?: string): Promise<TrialAccount | undefined> {
    const adapter = (await this.#ports.registry[id]?.())?.adapter;
    if (!adapter) return undefined;
    const configured = this.#config.find(
      (account) => account.adapter === id && (named === undefined || account.id === named),
    );
    if (configured) {
      const running = this.#running.get(configured.id);
      if (running) return { ...running, missing: [] };
      const { config, missing } = partly(adapter, configured.settings);
      return { ...this.#run(adapter, toSettings(configured, adapter), config), missing };
    }
    if (named !== undefined) return undefined;
    const { config, missing } = partly(adapter, {});
    const settings: AccountSettings = {
      id,
      adapter: id,
      entrance: false,
      enabled: true,
      partsWaitSeconds: 0,
      settleQuietSeconds: 0,
      settleMaxSeconds: 0,
      joinHours: 0,
      settles: adapter.capabilities.settles,
      sendNotices: false,
      promise: true,
    };
    return { ...this.#run(adapter, settings, config), missing };
  }

  #run(adapter: Adapter, settings: AccountSettings, config: unknown): RunningAccount {
    const log = this.#ports.log(settings.id, secretsOf(adapter, config));
    const health = (state: AccountHealth) => void this.#health.set(settings.id, state);
    return {
      settings,
      adapter,
      config,
      context: (signal, cursor): AdapterContext<unknown> => ({
        account: settings.id,
        config,
        signal,
        cursor,
        http: this.#ports.http,
        log,
        health,
      }),
    };
  }

  health(account: string, state: AccountHealth): void {
    this.#health.set(account, state);
  }

  heard(account: string, at: string): void {
    this.#lastEnvelopeAt.set(account, at);
  }

  /** Every configured account as operators see it. */
  list(): Account[] {
    return this.#config.map(({ id, adapter, enabled }) => {
      const health = this.#health.get(id);
      const lastEnvelopeAt = this.#lastEnvelopeAt.get(id);
      return {
        id,
        adapter,
        enabled,
        state: enabled ? (health?.state ?? 'listening') : 'stopped',
        ...(health?.detail !== undefined && { detail: health.detail }),
        ...(lastEnvelopeAt !== undefined && { lastEnvelopeAt }),
      };
    });
  }
}

/**
 * What can be said of settings that may lack their secrets: each field for itself, since a schema with
 * refinements cannot be made partial. `missing` names the fields an account could not run without.
 */
function partly(
  adapter: Adapter,
  settings: Readonly<Record<string, unknown>>,
): { readonly config: unknown; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const fields = Object.entries(adapter.config.shape).flatMap(([key, field]) => {
    const found = field.safeParse(isUnfilled(settings[key]) ? undefined : settings[key]);
    const parsed = found.success ? found : field.safeParse(undefined);
    if (!parsed.success) missing.push(key);
    return parsed.success && parsed.data !== undefined ? [[key, parsed.data] as const] : [];
  });
  return { config: Object.fromEntries(fields), missing };
}

/** A secret that an account which is off lacks stands there as it was written. */
const isUnfilled = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.some(isUnfilled)
    : typeof value === 'string' && (/\$\{\w+\}/.test(value) || value.startsWith('file:'));

/** Values of the fields an adapter's schema marks as secret. */
export function secretsOf(adapter: Adapter, config: unknown): string[] {
  if (config === null || typeof config !== 'object') return [];
  return Object.entries(adapter.config.shape).flatMap(([key, field]) => {
    if (field.meta()?.secret !== true) return [];
    const value: unknown = Reflect.get(config, key);
    return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string');
  });
}

/** Loads every adapter's schema and facts for the configuration to judge accounts by. */
export async function adapterFacts(registry: AdapterRegistry) {
  const facts: Record<string, { config: Adapter['config']; abroad: boolean }> = {};
  for (const [id, load] of Object.entries(registry)) {
    const { adapter } = await load();
    if (adapter.id !== id)
      throw new ConfigError('config_invalid', `folder ${id} holds the adapter ${adapter.id}`);
    facts[id] = { config: adapter.config, abroad: adapter.capabilities.abroad };
  }
  return facts;
}
