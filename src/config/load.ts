import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { toProblems } from './issues.ts';
import {
  type Routes,
  routesSchema,
  type Topics,
  topicsSchema,
  type Units,
  unitsSchema,
  type Words,
  wordsSchema,
} from './lists.ts';
import { keyOf, type Problem } from './problem.ts';
import { type Checked, referenceProblems } from './references.ts';
import { type KapiFile, kapiSchema, kapiWithoutSecrets, type SettingsParts } from './schema.ts';
import { fill } from './secrets.ts';
import { readYaml, type YamlFile } from './yaml-file.ts';

/** Everything that can be configured, checked. */
export interface Config<Templates = unknown> extends KapiFile {
  /** Where it was read from. */
  readonly folder: string;
  readonly units: Units;
  readonly topics: Topics['topics'];
  readonly routes: Routes['rules'];
  readonly words: Words;
  /** By language: `templates/tr.yaml` … */
  readonly templates: Readonly<Record<string, Templates>>;
  /** Privacy notices as written: `notices/kvkk.tr.md`, `notices/kvkk.en.md`. */
  readonly notices: { readonly tr: string; readonly en: string };
  /** Every secret in clear, for the logger that must never print one. */
  readonly secrets: readonly string[];
}

/** What the configuration is judged by, beside its own schemas. */
export interface ConfigParts<Templates> extends SettingsParts {
  /** Shape of one `templates/<language>.yaml`. */
  readonly templates: z.ZodType<Templates>;
}

export type Loaded<Templates> =
  | { readonly config: Config<Templates>; readonly problems?: never }
  | { readonly config?: never; readonly problems: readonly Problem[] };

const known = ['kapi.yaml', 'units.yaml', 'topics.yaml', 'routes.yaml', 'words.yaml'];

/** Reads a configuration folder. Every problem of every file comes back at once; nothing is thrown. */
export function load<Templates>(
  folder: string,
  environment: NodeJS.ProcessEnv,
  parts: ConfigParts<Templates>,
): Loaded<Templates> {
  const problems: Problem[] = [];
  const secrets: string[] = [];

  const read = <T>(
    name: string,
    schema: z.ZodType<T>,
    withoutSecrets?: (value: unknown) => T | undefined,
  ): Checked<T> => {
    const { file, problems: faults } = readFile(folder, name);
    problems.push(...faults);
    if (faults.length > 0) return { file, value: undefined };
    const filled = fill(file, schema, folder, environment);
    problems.push(...filled.problems);
    secrets.push(...filled.secrets);
    const parsed = schema.safeParse(filled.value);
    if (parsed.success) return { file, value: parsed.data };
    const excused = new Set(filled.unfilled.map(keyOf));
    const found = toProblems(file, schema, parsed.error.issues).filter(({ key }) => !excused.has(key));
    // The same key may lack its secret and so fail its shape: said once.
    const said = new Set(filled.problems.map(({ key }) => key));
    const left = found.filter(({ key }) => !said.has(key));
    problems.push(...left);
    return { file, value: left.length === 0 ? withoutSecrets?.(filled.value) : undefined };
  };

  const kapi = read('kapi.yaml', kapiSchema(parts), (value) => kapiWithoutSecrets(parts, value));
  const units = read('units.yaml', unitsSchema);
  const topics = read('topics.yaml', topicsSchema);
  const routes = read('routes.yaml', routesSchema);
  const words = read('words.yaml', wordsSchema);
  const templates: Record<string, Templates> = {};
  for (const name of namesIn(join(folder, 'templates'), '.yaml')) {
    const { value } = read(`templates/${name}.yaml`, parts.templates);
    if (value !== undefined) templates[name] = value;
  }
  const tr = readText(folder, 'notices/kvkk.tr.md');
  const en = readText(folder, 'notices/kvkk.en.md');
  problems.push(...tr.problems, ...en.problems, ...strangers(folder));
  problems.push(...referenceProblems({ kapi, units, topics, routes }, parts));

  if (problems.length > 0 || !kapi.value || !units.value || !topics.value || !routes.value || !words.value) {
    return { problems };
  }
  return {
    config: {
      ...kapi.value,
      folder,
      units: units.value,
      topics: topics.value.topics,
      routes: routes.value.rules,
      words: words.value,
      templates,
      notices: { tr: tr.text, en: en.text },
      secrets,
    },
  };
}

const wholeFile = (file: string, expected: string, found: string): Problem => ({
  file,
  line: 0,
  column: 0,
  key: '',
  expected,
  found,
});

/** Stands for a file that could not be read, so that nothing else is said about it. */
const unread = (name: string): YamlFile => ({
  name,
  value: undefined,
  problemAt: (_path, expected, found) => wholeFile(name, expected, found),
});

function readText(
  folder: string,
  name: string,
): { readonly text: string; readonly problems: readonly Problem[] } {
  try {
    const bytes = readFileSync(join(folder, name));
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), problems: [] };
  } catch (thrown) {
    const missing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
    const found = missing ? `no such file in ${folder}` : 'a file that cannot be read as UTF-8';
    return { text: '', problems: [wholeFile(name, 'a readable file', found)] };
  }
}

function readFile(folder: string, name: string): { file: YamlFile; problems: readonly Problem[] } {
  const { text, problems } = readText(folder, name);
  if (problems.length > 0) return { file: unread(name), problems };
  const parsed = readYaml(name, text);
  return { file: parsed.file ?? unread(name), problems: parsed.problems };
}

/** File names without their ending; none where the folder is missing. */
function namesIn(folder: string, ending: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, -ending.length))
      .sort();
  } catch {
    return [];
  }
}

/** A file that nobody reads is a misspelt one. */
function strangers(folder: string): readonly Problem[] {
  return [
    ...namesIn(folder, '.yaml').map((name) => `${name}.yaml`),
    ...namesIn(folder, '.yml').map((name) => `${name}.yml`),
  ]
    .filter((name) => !known.includes(name))
    .map((name) => wholeFile(name, `only ${known.join(', ')}`, 'a file of another name'));
}
