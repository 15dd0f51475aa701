import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { load, problemLine } from '../../src/config/index.ts';
import { destinationKinds } from '../../src/destinations/index.ts';
import { templatesSchema } from '../../src/notify/index.ts';
import { adapterRegistry } from '../../src/workers/adapter-registry.ts';

it('the shipped municipality is right with no environment, and every account that needs a network is off', async () => {
  const adapters = Object.fromEntries(
    await Promise.all(
      Object.entries(adapterRegistry).map(async ([id, open]) => {
        const { adapter } = await open();
        return [id, { config: adapter.config, abroad: adapter.capabilities.abroad }] as const;
      }),
    ),
  );
  const destinations = Object.fromEntries(
    Object.entries(destinationKinds).map(([kind, { config }]) => [kind, config]),
  );
  const loaded = load(
    resolve(import.meta.dirname, '../../config'),
    {},
    { adapters, destinations, templates: templatesSchema },
  );
  expect(loaded.problems?.map(problemLine) ?? []).toEqual([]);
  const config = loaded.config;
  expect(config?.accounts.filter(({ enabled }) => enabled).map(({ adapter }) => adapter)).toEqual([
    'form',
    'api',
    'api',
  ]);
  expect(config?.destinations.filter(({ enabled }) => enabled).map(({ kind }) => kind)).toEqual(['queue']);
  expect(Object.keys(config?.templates ?? {})).toEqual(['ar', 'en', 'tr']);
  expect(config?.topics).toHaveLength(56);
  expect(config?.units.districts).toHaveLength(17);
  const shown = new Set(config?.accounts.map(({ adapter }) => adapter));
  expect(Object.keys(adapterRegistry).filter((id) => !shown.has(id))).toEqual([]);
});
