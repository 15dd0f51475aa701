import { importsOf, type Source } from './sources.ts';

/**
 * Who may import whom. A folder may always import itself. Tests may import all; nothing but a test may
 * import a test or what stands for another part in tests.
 */
interface Rule {
  /** Folders of ours. */
  readonly ours: readonly string[];
  /** Packages; absent: any. Node's own are always allowed. */
  readonly packages?: readonly string[];
}

const rules: Readonly<Record<string, Rule>> = {
  'src/sealing': { ours: [], packages: [] },
  'src/record': { ours: [], packages: ['zod'] },
  'src/contract': { ours: ['src/record'], packages: ['zod'] },
  'src/contract/testing': {
    ours: ['src/contract', 'src/record'],
    packages: ['zod', 'vitest', 'fast-check'],
  },
  'src/kit': { ours: ['src/contract'], packages: ['zod', 'libphonenumber-js'] },
  adapters: { ours: ['src/contract', 'src/kit'] },
  // What `kapi adapter new` copies obeys the rule of the place it is copied to.
  'src/cli/adapter-template': { ours: ['src/contract', 'src/kit'] },
  'src/store': { ours: ['src/contract', 'src/record', 'src/sealing'] },
  'src/destinations': { ours: ['src/contract', 'src/record', 'src/sealing'] },
  'src/platform': { ours: ['src/contract', 'src/record', 'src/sealing'] },
  'src/config': { ours: ['src/contract', 'src/record', 'src/sealing'] },
  'src/understanding': { ours: ['src/contract', 'src/record', 'src/sealing', 'src/kit'] },
  'src/intake': { ours: ['src/contract', 'src/record', 'src/understanding', 'src/kit'] },
  'src/notify': { ours: ['src/contract', 'src/record', 'src/understanding'] },
  'src/http': { ours: ['src/contract', 'src/record', 'src/intake', 'src/notify'] },
  'src/web': { ours: ['src/contract', 'src/record', 'src/intake', 'src/notify'] },
  'src/flow-runtime': { ours: ['src/contract', 'src/record', 'src/intake', 'src/notify'] },
  'src/cli': { ours: ['src/contract', 'src/record', 'src/intake', 'src/notify'] },
  'src/workers': { ours: ['src/contract', 'src/record', 'src/kit', 'adapters'] },
  'src/main.ts': { ours: ['src/cli', 'src/compose.ts'] },
};

/** Composition: the parts that know every part. */
const composing = ['src/compose.ts', 'src/compose', 'src/generate.ts'];

const within = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
const isTest = (path: string) =>
  within(path, 'test') || /\.test\.ts$|\.rows\.ts$|\/testing-[^/]+\.ts$/.test(path);
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
    return rule.packages === undefined || rule.packages.includes(name)
      ? undefined
      : `${folder} uses no package ${name}`;
  }
  const target = ruleOf(to)?.[0];
  if (target === folder) return undefined;
  if (target === 'src/contract/testing') return 'only a test imports the kits';
  return rule.ours.some((allowed) => within(to, allowed)) ? undefined : `${folder} may not import it`;
}
