import { z } from 'zod';
import { environmentVariables } from './environment.ts';
import { routesSchema, topicsSchema, unitsSchema, wordsSchema } from './lists.ts';
import { kapiSchema, type SettingsParts } from './schema.ts';

/** The part of JSON Schema that the reference is written from. */
interface Json {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly items?: Json;
  readonly anyOf?: readonly Json[];
  readonly oneOf?: readonly Json[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly secret?: boolean;
}

const jsonSchema: z.ZodType<Json> = z.lazy(() =>
  z.object({
    type: z.union([z.string(), z.array(z.string())]).exactOptional(),
    description: z.string().exactOptional(),
    default: z.unknown().optional(),
    enum: z.array(z.unknown()).exactOptional(),
    const: z.unknown().optional(),
    properties: z.record(z.string(), jsonSchema).exactOptional(),
    required: z.array(z.string()).exactOptional(),
    items: jsonSchema.exactOptional(),
    anyOf: z.array(jsonSchema).exactOptional(),
    oneOf: z.array(jsonSchema).exactOptional(),
    minimum: z.number().exactOptional(),
    maximum: z.number().exactOptional(),
    secret: z.boolean().exactOptional(),
  }),
);

const toJson = (schema: z.core.$ZodType): Json =>
  jsonSchema.parse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));

/** JSON Schema of `kapi.yaml`, for editors. */
export function configJsonSchema(parts: SettingsParts): unknown {
  return z.toJSONSchema(kapiSchema(parts), { io: 'input', unrepresentable: 'any' });
}

const head = '| key | value | default | meaning |\n|---|---|---|---|';

/** Every key of every file, in Markdown. Pure: the same parts give the same text. */
export function configReference(parts: SettingsParts): string {
  const kapi = toJson(kapiSchema(parts)).properties ?? {};
  const branches = (key: string) => kapi[key]?.items?.oneOf ?? kapi[key]?.items?.anyOf ?? [];
  const settings = (key: string, discriminator: string) =>
    branches(key).flatMap((branch) => {
      const own = branch.properties?.settings;
      const rows = own ? rowsOf(own, '') : [];
      const name = String(branch.properties?.[discriminator]?.const);
      return rows.length === 0 ? [] : [`### \`settings\` of ${name}\n`, head, ...rows, ''];
    });
  const shared = (key: string) => {
    const { settings: _own, ...properties } = branches(key)[0]?.properties ?? {};
    return rowsOf({ ...branches(key)[0], properties }, `${key}[].`);
  };
  const { accounts: _accounts, destinations: _destinations, ...sections } = kapi;
  return [
    '# Configuration reference\n',
    'Generated from the schemas; do not edit. `kapi check` names every problem with its line. A secret is written as',
    `\`\${NAME}\` (environment) or \`file:path\` (below the configuration folder), never in clear.\n`,
    '## Environment\n',
    '| variable | default | meaning |\n|---|---|---|',
    ...Object.entries(environmentVariables).map(([name, schema]) => {
      const { default: value, description } = toJson(schema);
      return `| \`${name}\` | ${value === undefined ? '' : code(value)} | ${cell(description ?? '')} |`;
    }),
    '\n## kapi.yaml\n',
    ...Object.entries(sections).flatMap(([name, section]) => [
      `### ${name}\n\n${section.description ?? ''}\n`,
      head,
      ...rowsOf(section, `${name}.`),
      '',
    ]),
    `### accounts\n\n${kapi.accounts?.description ?? ''}\n`,
    head,
    ...shared('accounts'),
    '',
    ...settings('accounts', 'adapter'),
    `### destinations\n\n${kapi.destinations?.description ?? ''}\n`,
    head,
    ...shared('destinations'),
    '',
    ...settings('destinations', 'kind'),
    ...[unitsSchema, topicsSchema, routesSchema, wordsSchema].flatMap((schema) => {
      const json = toJson(schema);
      return [`## ${json.description ?? ''}\n`, head, ...rowsOf(json, ''), ''];
    }),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function rowsOf(group: Json, prefix: string): readonly string[] {
  const required = new Set(group.required);
  return Object.entries(group.properties ?? {}).flatMap(([key, json]) => {
    const name = `${prefix}${key}`;
    const fallback =
      json.default === undefined ? (required.has(key) ? '**needed**' : '') : code(json.default);
    const nested = json.properties
      ? rowsOf(json, `${name}.`)
      : json.items?.properties
        ? rowsOf(json.items, `${name}[].`)
        : [];
    const secret = json.secret === true ? ' (secret)' : '';
    return [
      `| \`${name}\` | ${cell(wordsFor(json))}${secret} | ${isEmpty(json.default) ? '' : fallback} | ${cell(json.description ?? '')} |`,
      ...nested,
    ];
  });
}

/** A group whose keys all have defaults is written without one. */
const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;

function wordsFor(json: Json): string {
  if (json.const !== undefined) return 'adapter or kind';
  if (json.enum) return json.enum.map((value) => code(value)).join(' · ');
  const alternatives = json.anyOf ?? json.oneOf;
  if (alternatives) return alternatives.map(wordsFor).join(' or ');
  if (json.type === 'array') return `list of ${json.items ? wordsFor(json.items) : 'values'}`;
  if (json.type === 'object') return 'group';
  if (json.type === 'string') return 'text';
  if (json.type === 'boolean') return '`true` · `false`';
  if (json.type === 'integer' || json.type === 'number') {
    const { minimum: from, maximum: to } = json;
    const limit = (bound: number | undefined) =>
      bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : bound;
    const [low, high] = [limit(from), limit(to)];
    if (low === undefined && high === undefined) return 'number';
    return high === undefined ? `number from ${low}` : `number, ${low ?? ''} to ${high}`;
  }
  return 'any';
}

const code = (value: unknown): string =>
  value === '' ? 'empty' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
