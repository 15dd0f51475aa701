import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { loadKeyRing } from '../../src/sealing/index.ts';
import { openSqliteStore } from '../../src/store/sqlite/index.ts';
import { broken, play, type Scenario, scenarios } from './notice-model.ts';
import type { NoticeWorld } from './notice-world.ts';

async function sqliteWorld(): Promise<NoticeWorld> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kapi-notices-'));
  const store = await openSqliteStore({
    dataDir,
    keys: loadKeyRing(dataDir),
    institution: 'ornek',
    hosting: 'inline',
    onFatal: () => undefined,
  });
  onTestFinished(async () => {
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return { pipeline: store.pipeline, reader: store.reader };
}

test('the rules of a notice hold on SQLite as well, whatever happens', async () => {
  const world = await sqliteWorld();
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      expect(broken(await play(scenario, world))).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test('a refused notice without another channel is listed as a dead letter', async () => {
  const world = await sqliteWorld();
  const scenario: Scenario = {
    idempotent: false,
    lookup: false,
    reports: false,
    kind: 'answered',
    verdicts: ['refused', 'refused'],
    lives: [],
    reported: [],
    early: false,
  };
  const ending = await play(scenario, world);
  expect(broken(ending)).toEqual([]);
  expect(ending.notices.map(({ state }) => state)).toEqual(['failed', 'failed']);
  expect(ending.callbacks).toBe(1);
});
