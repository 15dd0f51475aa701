import { segment } from '@kapi/kit';
import { type ConfigParts, type Loaded, load, type Problem } from '../config/index.ts';
import { destinationKinds } from '../destinations/index.ts';
import { type Templates, templatesFor, templatesSchema } from '../notify/index.ts';
import { type AdapterRegistry, adapterFacts } from './accounts.ts';
import type { KapiConfig } from './open.ts';

/** Reads the configuration folder anew at each call. */
export type ReadConfiguration = () => Loaded<Templates>;

/** A reader that judges the configuration by the parts that are installed. */
export async function configurationReader(
  folder: string,
  environment: NodeJS.ProcessEnv,
  registry: AdapterRegistry,
): Promise<ReadConfiguration> {
  const parts: ConfigParts<Templates> = {
    adapters: await adapterFacts(registry),
    destinations: Object.fromEntries(
      Object.entries(destinationKinds).map(([kind, { config }]) => [kind, config]),
    ),
    templates: templatesSchema,
  };
  return () => {
    const loaded = load(folder, environment, parts);
    const problems = loaded.config ? receiptProblems(loaded.config) : [];
    return problems.length > 0 ? { problems } : loaded;
  };
}

/** A receipt must fit into one SMS with this institution's own prefix and address. */
function receiptProblems({ institution, templates }: KapiConfig): Problem[] {
  const { prefix, name, shortUrl } = institution;
  const schema = templatesFor({ prefix, institution: name, shortUrl, fits: segment });
  return Object.entries(templates).flatMap(([language, set]) =>
    (schema.safeParse(set).error?.issues ?? []).map(({ path, message }) => ({
      file: `templates/${language}.yaml`,
      line: 0,
      column: 0,
      key: path.join('.'),
      expected: 'a receipt of one SMS part',
      found: message,
    })),
  );
}
