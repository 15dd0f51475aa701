import { importsOf, type Source } from './sources.ts';

/**
 * Who may import whom. A folder may always import itself. Tests may import all; nothing but a test may
 * import a test or what stands for another part in tests.
 */
interface Rule {
  /** Folders of ours. */
  readonly ours: readonly string[];
  /** Packages; Node's own are always allowed. */
  readonly packages: readonly string[];
}

/** What an adapter may use beside zod: the library of its vendor or protocol, and no other's. */
const vendors: Readonly<Record<string, readonly string[]>> = {
  'adapters/email-imap': ['imapflow', 'mailparser', 'nodemailer'],
  'adapters/sms-twilio': ['twilio'],
};

const rules: Readonly<Record<string, Rule>> = {
  'src/sealing': { ours: [], packages: [] },
  'src/record': { ours: [], packages: ['zod'] },
  'src/contract': { ours: ['src/record'], packages: ['zod'] },
  'src/contract/testing': {
    ours: ['src/contract', 'src/record'],
    packages: ['zod', 'vitest', 'fast-check'],
  },
  'src/kit': { ours: ['src/contract'], packages: ['zod', 'libphonenumber-js'] },
  adapters: { ours: ['src/contract', 'src/kit'], packages: ['zod'] },
  // What `kapi adapter new` copies obeys the rule of the place it is copied to.
  'src/cli/adapter-template': { ours: ['src/contract', 'src/kit'], packages: ['zod'] },
  'src/store': { ours: ['src/contract', 'src/record', 'src/sealing'], packages: ['pg'] },
  'src/destinations': {
    ours: ['src/contract', 'src/record', 'src/sealing'],
    packages: [
      'zod',
      'nodemailer',
      'standardwebhooks',
      'amqplib',
      '@nats-io/jetstream',
      '@nats-io/transport-node',
    ],
  },
  'src/platform': {
    ours: ['src/contract', 'src/record', 'src/sealing'],
    packages: ['zod', 'nodemailer', 'pino', 'prom-client', 'standardwebhooks'],
  },
  'src/config': { ours: ['src/contract', 'src/record', 'src/sealing'], packages: ['zod', 'yaml'] },
  'src/understanding': {
    ours: ['src/contract', 'src/record', 'src/sealing', 'src/kit'],
    packages: [],
  },
  'src/intake': {
    ours: ['src/contract', 'src/record', 'src/understanding', 'src/kit'],
    packages: ['zod'],
  },
  'src/notify': { ours: ['src/contract', 'src/record', 'src/understanding'], packages: ['zod'] },
  'src/http': {
    ours: ['src/contract', 'src/record', 'src/intake', 'src/notify'],
    packages: [
      'zod',
      'fastify',
      '@fastify/formbody',
      '@fastify/helmet',
      '@fastify/multipart',
      '@scalar/fastify-api-reference',
      'libphonenumber-js',
    ],
  },
  'src/web': {
    ours: ['src/contract', 'src/record', 'src/intake', 'src/notify'],
    packages: ['zod', 'fastify', '@fastify/formbody', '@fastify/multipart'],
  },
  'src/flow-runtime': { ours: ['src/contract', 'src/record', 'src/intake', 'src/notify'], packages: [] },
  'src/cli': {
    ours: ['src/contract', 'src/record', 'src/intake', 'src/notify'],
    packages: ['zod', 'commander', 'twilio'],
  },
  'src/workers': { ours: ['src/contract', 'src/record', 'src/kit', 'adapters'], packages: [] },
  'src/main.ts': { ours: ['src/cli', 'src/compose.ts'], packages: [] },
};

/** Every package of the tables that runs in production; the kits are for tests. */
export const packagesNamed: readonly string[] = [
  ...Object.entries(rules).flatMap(([folder, { packages }]) =>
    folder === 'src/contract/testing' ? [] : packages,
  ),
  ...Object.values(vendors).flat(),
];

/** Composition: the parts that know every part. */
const composing = ['src/compose.ts', 'src/compose', 'src/generate.ts', 'src/build.ts'];

const within = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
const isTest = (path: string) =>
  within(path, 'test') ||
  /\.test\.ts$|\.rows\.ts$|\/testing-[^/]+\.ts$|^adapters\/[^/]+\/testing\//.test(path);
const isOurs = (name: string) => /^(src|adapters|test|flows)\//.test(name);
const adapterOf = (path: string) => /^adapters\/[^/]+/.exec(path)?.[0];

function ruleOf(path: string): readonly [string, Rule] | undefined {
  return Object.entries(rules)
    .filter(([folder]) => within(path, folder))
    .sort(([a], [b]) => b.length - a.length)[0];
}

/** Every arrow that the table does not have, as `from → to: why`. */
export function wrongArrows(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) =>
    importsOf(source).flatMap((to) => {
      const why = wrong(source.path, to);
      return why === undefined ? [] : [`${source.path} → ${to}: ${why}`];
    }),
  );
}

function wrong(from: string, to: string): string | undefined {
  if (to.startsWith('node:')) return undefined;
  const own = adapterOf(from);
  if (own && isOurs(to) && adapterOf(to) && adapterOf(to) !== own) return 'one adapter imports another';
  if (isTest(from)) return undefined;
  if (isTest(to) && isOurs(to)) return 'only a test imports a test';
  if (composing.some((part) => within(from, part))) return undefined;
  const found = ruleOf(from);
  if (!found) return 'no rule for this folder';
  const [folder, rule] = found;
  if (!isOurs(to)) {
    const name = to
      .split('/')
      .slice(0, to.startsWith('@') ? 2 : 1)
      .join('/');
    const room = own ?? folder;
    return [...rule.packages, ...(vendors[room] ?? [])].includes(name)
      ? undefined
      : `${room} uses no package ${name}`;
  }
  const target = ruleOf(to)?.[0];
  if (target === folder) return undefined;
  if (target === 'src/contract/testing') return 'only a test imports the kits';
  return rule.ours.some((allowed) => within(to, allowed)) ? undefined : `${folder} may not import it`;
}
