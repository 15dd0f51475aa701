import type { Profile } from '@kapi/contract';
import type { Lexicon } from '../understanding/index.ts';

/** What intake needs to know of the configuration; composed once and replaced whole on reload. */
export interface IntakeSettings {
  readonly institution: string;
  readonly prefix: string;
  readonly accounts: ReadonlyMap<string, AccountSettings>;
  readonly destinations: readonly DestinationSettings[];
  readonly lexicon: Lexicon;
  /** Ids of whoever a matter may go to: units, districts, their units, partners. */
  readonly units: ReadonlySet<string>;
  /** Ids of other institutions: partners, district municipalities. */
  readonly partners: ReadonlySet<string>;
  /** Topic codes. */
  readonly topics: ReadonlySet<string>;
  /** How long records are kept where nothing else says so. */
  readonly retentionDays: number;
}

export interface AccountSettings {
  readonly id: string;
  /** Adapter id, or the entrance's own name. */
  readonly adapter: string;
  /** One of our own doors: keys may hand in messages under its name, and no provider does. */
  readonly entrance: boolean;
  readonly enabled: boolean;
  /** Unit that gets this account's records beside coordination. */
  readonly unit?: string;
  /** How long a message waits for a part marked needed. */
  readonly partsWaitSeconds: number;
  readonly settleQuietSeconds: number;
  readonly settleMaxSeconds: number;
  /** A later message of the same conversation still belongs to the open record within this time. */
  readonly joinHours: number;
  readonly settles: boolean;
  /** False for imports: no notice unless asked. */
  readonly sendNotices: boolean;
  /** False for imports: no 48-hour clock. */
  readonly promise: boolean;
  readonly transferBasis?: string;
}

export interface DestinationSettings {
  readonly id: string;
  readonly profile: Profile;
  /** Only records routed to one of these units; absent: every record. */
  readonly units?: readonly string[];
}
