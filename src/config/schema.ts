import type { ConfigSchema } from '@kapi/contract';
import { profiles } from '@kapi/contract';
import { z } from 'zod';

/** `kapi.yaml`: the institution, its accounts, where events go, and how the process behaves. */

const described = (text: string) => z.string().trim().min(1).describe(text);

/** Ids stand in addresses, logs and metrics. */
export const idSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
  error: 'lower-case letters, digits and hyphens, at most 63',
});

/** Our own doors; they are accounts too, so that each message belongs to one. */
export const entrances = ['api', 'form'] as const;

export const institutionSchema = z
  .strictObject({
    id: idSchema.describe('Stands in the `source` of every outgoing event: `kapi/<id>`'),
    name: described('As citizens know it; stands in notices and pages'),
    prefix: z
      .string()
      .regex(/^[A-Z]{2,8}$/, { error: 'two to eight capital letters A-Z' })
      .default('SOK')
      .describe('First part of every record number'),
    language: z
      .enum(['tr', 'en', 'ar'])
      .default('tr')
      .describe('Language of notices where the citizen’s is unknown'),
    province: described('Province whose districts and neighbourhoods are meant'),
    website: z.url({ protocol: /^https?$/ }).describe('Public site of the institution'),
    shortUrl: described('Address of the tracking page as it stands in an SMS; short, without https://'),
  })
  .describe('Who receives the messages');

const settleSchema = z
  .strictObject({
    quietSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(60)
      .describe('Silence after which messages become a record'),
    maxSeconds: z.int().min(0).max(7200).default(600).describe('Longest time a record waits for more'),
  })
  .prefault({})
  .describe('Chat and SMS: several messages in one breath are one record');

const accountId = idSchema.describe('Part of webhook addresses: `/webhooks/<adapter>/<id>`');
const accountBase = {
  enabled: z
    .boolean()
    .default(true)
    .describe('Off: nothing is received or sent, and its secrets may be missing'),
  name: described('As clerks see it'),
  unit: idSchema.optional().describe('Unit that gets every record of this account besides coordination'),
  transferBasis: z
    .string()
    .trim()
    .min(1)
    .optional()
    .describe('KVKK basis for a provider abroad, in words; such an account stays off without it'),
  partsWaitSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(600)
    .describe('How long a message waits for its needed parts (media, parsed files)'),
  settle: settleSchema,
  joinHours: z
    .number()
    .min(0)
    .max(24 * 30)
    .default(24)
    .describe('A later message of the same conversation still belongs to its open record within this time'),
  promise: z
    .boolean()
    .default(true)
    .describe('Off: records of this account start no 48-hour clock (files imported afterwards)'),
  sendNotices: z
    .boolean()
    .default(true)
    .describe('Off: citizens of this account get no receipts or statuses'),
};

const destinationId = idSchema.describe('Name of the destination, and of the queue for readers');
const destinationBase = {
  enabled: z.boolean().default(true).describe('Off: no event is written for it'),
  profile: z.enum(profiles).default('masked').describe('What it may see of a record'),
  units: z
    .array(idSchema)
    .min(1)
    .optional()
    .describe('Only records routed to these units or partners; absent: every record'),
};

export const storeSchema = z
  .strictObject({
    engine: z
      .enum(['sqlite', 'postgres'])
      .default('sqlite')
      .describe(
        '`sqlite`: embedded, in the data folder · `postgres`: a PostgreSQL server, for several gateways at once',
      ),
    url: z.string().optional().meta({
      secret: true,
      description: 'With `postgres`, and needed there: `postgres://user:password@host:5432/database`',
    }),
    schema: z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,47}$/, { error: 'lower-case letters, digits and underscores, at most 48' })
      .optional()
      .describe('With `postgres`: schema that holds the tables; absent: the first of the search path'),
    ballastMiB: z
      .int()
      .min(0)
      .max(4096)
      .default(16)
      .describe('Room kept for deliveries and operators when the disk is full; 0: none. Read at the start'),
  })
  .refine(({ engine, url }) => engine !== 'postgres' || url !== undefined, {
    path: ['url'],
    error: 'the address of the database, since the engine is `postgres`',
  })
  .refine(({ engine, url, schema }) => engine !== 'sqlite' || (url ?? schema) === undefined, {
    path: ['engine'],
    error: '`postgres`, since `url` or `schema` is set',
  })
  .prefault({})
  .describe('Where records live');

const smtpSchema = z
  .strictObject({
    host: described('Mail server'),
    port: z.int().min(1).max(65_535).default(587).describe('Usually 587 (starttls) or 465 (tls)'),
    security: z.enum(['starttls', 'tls', 'none']).default('starttls').describe('`none` only on this machine'),
    user: z.string().optional().describe('Absent: no login'),
    password: z.string().optional().meta({ secret: true, description: 'Password of the mail account' }),
    from: z.email().describe('Sender of alarm mails'),
  })
  .refine(({ security, host }) => security !== 'none' || ['127.0.0.1', '::1', 'localhost'].includes(host), {
    error: '`none` only for a mail server on this machine',
    path: ['security'],
  })
  .describe('Mail server for alarms alone: never one that citizens’ accounts use');

const personSchema = z.strictObject({
  name: described('Who'),
  email: z.email().optional().describe('Gets alarms by mail'),
  webhook: z
    .strictObject({
      url: z.url({ protocol: /^https?$/ }).describe('Gets alarms as a signed POST'),
      secret: z
        .string()
        .optional()
        .meta({ secret: true, description: 'Signing secret, `whsec_…` (Standard Webhooks)' }),
    })
    .optional()
    .describe('Gets alarms by HTTP'),
});

export const alarmsSchema = z
  .strictObject({
    people: z.array(personSchema).default([]).describe('Who is told; nobody: alarms stand in the log alone'),
    smtp: smtpSchema.optional(),
    repeatMinutes: z.int().min(1).max(1440).default(15).describe('Until someone acknowledges'),
    dailyHeartbeatAt: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'a time of day such as 09:00' })
      .default('09:00')
      .describe('Daily «çalışıyorum» to the same people, Istanbul time'),
  })
  .prefault({})
  .describe('Who hears when something is wrong');

export const httpSchema = z
  .strictObject({
    trustProxy: z
      .array(z.string().trim().min(1))
      .default([])
      .describe('Addresses or networks of reverse proxies whose X-Forwarded-For is believed'),
    requestsPerSecondPerKey: z.int().min(1).default(200).describe('Per API key; the admin key is free'),
    requestsPerSecondPerAddress: z.int().min(1).default(20).describe('Per sender address on public pages'),
    metricsAllow: z
      .array(z.string().trim().min(1))
      .default(['127.0.0.0/8', '::1'])
      .describe('Addresses or networks that may read /metrics'),
    maxMemoryMb: z
      .int()
      .min(128)
      .optional()
      .describe('Above this resident memory new work is answered 503; set to about 80 % of the unit’s limit'),
  })
  .prefault({})
  .describe('The HTTP server');

export const attachmentsSchema = z
  .strictObject({
    urlHosts: z
      .array(
        z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, {
          error: 'a host name in lower case, such as media.example.org',
        }),
      )
      .optional()
      .describe(
        'Hosts, and those below them, that `attachments[].url` of a message may name; absent: every host of the public internet; empty: none',
      ),
  })
  .prefault({})
  .describe('Files that come with messages');

export const privacySchema = z
  .strictObject({
    retentionDays: z
      .int()
      .min(1)
      .max(36_500)
      .default(3650)
      .describe('How long a record is kept where nothing else says so; then it is erased'),
    envelopeDays: z
      .int()
      .min(1)
      .max(3650)
      .default(90)
      .describe('How long the received bytes are kept beside the records made of them, for replays'),
  })
  .prefault({})
  .describe('Personal data (KVKK)');

/** What an adapter tells the configuration about itself. */
export interface AdapterFacts {
  readonly config: ConfigSchema;
  /** Needs `transferBasis` before it may be enabled. */
  readonly abroad: boolean;
}

/** Parts that bring their own settings; passed in, so that configuration knows no adapter by name. */
export interface SettingsParts {
  /** By adapter id. */
  readonly adapters: Readonly<Record<string, AdapterFacts>>;
  /** By destination kind. */
  readonly destinations: Readonly<Record<string, ConfigSchema>>;
}

const noSettings = z.strictObject({});

/** Settings as the part declares them; unknown keys are errors whatever it declared. */
const strictSettings = (declared: ConfigSchema) => declared.strict();

/** Settings as they stand, unjudged. */
const looseSettings = (_declared: ConfigSchema): ConfigSchema => z.looseObject({});

type JudgeSettings = (declared: ConfigSchema) => ConfigSchema;

const settingsOf = (declared: ConfigSchema, judge: JudgeSettings) =>
  judge(declared).prefault({}).describe('Settings of the adapter or kind');

function accountOf(adapter: string, settings: ConfigSchema, judge: JudgeSettings) {
  return z.strictObject({
    id: accountId,
    adapter: z.literal(adapter).describe('Folder name of the adapter, or an entrance: `api`, `form`'),
    ...accountBase,
    settings: settingsOf(settings, judge),
  });
}

/** A kind that takes the profile among its settings gets it from the destination. */
function destinationOf(kind: string, declared: ConfigSchema, judge: JudgeSettings) {
  const settings = Object.hasOwn(declared.shape, 'profile') ? declared.omit({ profile: true }) : declared;
  return z.strictObject({
    id: destinationId,
    kind: z.literal(kind).describe('How events get there'),
    ...destinationBase,
    settings: settingsOf(settings, judge),
  });
}

/** The whole of `kapi.yaml` for the parts that are installed. */
export function kapiSchema(parts: SettingsParts, judge: JudgeSettings = strictSettings) {
  const accounts = [
    ...entrances.slice(1).map((entrance) => accountOf(entrance, noSettings, judge)),
    ...Object.entries(parts.adapters).map(([id, { config }]) => accountOf(id, config, judge)),
  ];
  const [first = destinationOf('queue', noSettings, judge), ...destinations] = Object.entries(
    parts.destinations,
  ).map(([kind, settings]) => destinationOf(kind, settings, judge));
  const account = z.discriminatedUnion('adapter', [accountOf(entrances[0], noSettings, judge), ...accounts]);
  const destination = z.discriminatedUnion('kind', [first, ...destinations]);
  return z
    .strictObject({
      institution: institutionSchema,
      accounts: z.array(account).min(1).describe('Every way in: one entry per mailbox, number, page or desk'),
      destinations: z.array(destination).min(1).describe('Where events go; `coordination` is always there'),
      store: storeSchema,
      privacy: privacySchema,
      attachments: attachmentsSchema,
      alarms: alarmsSchema,
      http: httpSchema,
    })
    .describe('kapi.yaml');
}

/**
 * The file where entries that are off lack their secrets: those keep their settings as they stand, all
 * others are judged as ever. Undefined where anything else is wrong.
 */
export function kapiWithoutSecrets(parts: SettingsParts, value: unknown): KapiFile | undefined {
  const { accounts, destinations } = kapiSchema(parts).shape;
  const loose = kapiSchema(parts, looseSettings).safeParse(value).data;
  const lists = z.object({ accounts: z.array(z.unknown()), destinations: z.array(z.unknown()) });
  const raw = lists.safeParse(value).data;
  if (!loose || !raw) return undefined;
  return {
    ...loose,
    accounts: loose.accounts.map((entry, at) => accounts.element.safeParse(raw.accounts[at]).data ?? entry),
    destinations: loose.destinations.map(
      (entry, at) => destinations.element.safeParse(raw.destinations[at]).data ?? entry,
    ),
  };
}

export type KapiFile = z.output<ReturnType<typeof kapiSchema>>;
export type AccountConfig = KapiFile['accounts'][number];
