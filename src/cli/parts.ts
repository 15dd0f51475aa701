import type { Gateway } from '../intake/gateway.ts';
import type { ApiClient } from './api-client.ts';

/** What the command line needs of the rest; `compose.ts` fills it. Nothing is opened before a verb is called. */
export interface CliParts {
  readonly version: string;
  /** Root of the installation: where `adapters/` and `package.json` are. */
  readonly root: string;
  readonly environment: {
    readonly configFolder: string;
    readonly dataFolder: string;
  };
  /** Reads the configuration and checks everything in it. Opens no network and no data. */
  check(): Promise<CheckReport>;
  /** What the configuration names. @throws ConfigError `config_invalid` */
  facts(): Promise<ConfigFacts>;
  /**
   * Starts the whole gateway and resolves once it listens. SIGHUP is its own; stop signals are the caller's.
   * @throws ConfigError `config_invalid`, `config_missing_secret`, `data_locked`, `schema_newer`, `key_missing`
   */
  start(): Promise<Running>;
  /**
   * Takes the data lock and opens the store, with no stage running and no port open.
   * @throws ConfigError `data_locked` beside a running gateway
   */
  open(): Promise<OpenGateway>;
  /** Reaches every enabled account and destination, the data folder and the disk. Takes no lock. */
  doctor(): Promise<readonly Diagnosis[]>;
  /** Sends the demonstration hour to a running gateway. `progress` is called with counts as they grow. */
  demo(client: ApiClient, progress: (done: number, of: number) => void): Promise<DemoReport>;
}

export interface CheckReport {
  readonly problems: readonly ConfigProblem[];
  /** Counts to show where there is no problem. */
  readonly summary: Readonly<Record<string, number>>;
}

export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly key: string;
  readonly expected: string;
  readonly found: string;
}

export interface ConfigFacts {
  readonly adapters: readonly string[];
  readonly accounts: readonly { readonly id: string; readonly adapter: string; readonly enabled: boolean }[];
  readonly destinations: readonly string[];
}

export interface Running {
  /** Where it listens, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly adminKey: { readonly path: string; readonly created: boolean };
  /** Sentences a new operator must read once, e.g. about backing up the sealing key. */
  readonly remarks: readonly string[];
  /** Resolves when it ended by itself: the sentence says why. */
  readonly ended: Promise<string>;
  /** Stops accepting, finishes what is in flight, closes the store. */
  stop(): Promise<void>;
}

export interface OpenGateway {
  readonly gateway: Gateway;
  close(): Promise<void>;
}

export interface Diagnosis {
  /** E.g. `account sms-153`, `destination coordination`, `data folder`. */
  readonly subject: string;
  readonly ok: boolean;
  /** It works, but less safely than it could: shown, and no failure of the command. */
  readonly warn?: true;
  /** One sentence. */
  readonly detail: string;
}

export interface DemoReport {
  readonly accepted: number;
  readonly records: number;
  readonly duplicates: number;
  readonly quarantined: number;
  readonly delivered: number;
  readonly receipts: number;
  /** Accounts that got nothing and figures that could not be read, each with the reason. */
  readonly leftOut?: readonly string[];
}
