import type { Save } from '@kapi/contract';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { broken, play, type Scenario, scenarios } from './notice-model.ts';
import { memoryWorld, type NoticeWorld } from './notice-world.ts';

test('whatever the provider does and wherever the process dies, the rules of a notice hold', async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      expect(broken(await play(scenario, memoryWorld()))).toEqual([]);
    }),
    { numRuns: 600 },
  );
});

test('a kill at every single border of a plain send never sends twice', async () => {
  for (const idempotent of [false, true]) {
    for (const lookup of [false, true]) {
      for (let border = 0; border < 12; border += 1) {
        const scenario: Scenario = {
          idempotent,
          lookup,
          reports: false,
          kind: 'answered',
          verdicts: [],
          lives: [border],
          reported: [],
          early: false,
        };
        const ending = await play(scenario, memoryWorld());
        expect(broken(ending), JSON.stringify(scenario)).toEqual([]);
      }
    }
  }
});

/** A store in which `sending` becomes durable only with what is saved after it. */
function lateWorld(): NoticeWorld {
  const { pipeline, reader } = memoryWorld();
  const held: Save[] = [];
  return {
    reader,
    pipeline: {
      claim: pipeline.claim,
      async save(saves) {
        const isSending = saves.some(({ changes }) =>
          changes.some((change) => change.do === 'move-notice' && change.to === 'sending'),
        );
        if (!isSending) {
          for (const save of held.splice(0)) await pipeline.save([save]);
          return pipeline.save(saves);
        }
        held.push(...saves);
        return saves.map(() => ({ result: 'saved' }));
      },
    },
  };
}

test('the rules find a stage that sends before it has written down that it will', async () => {
  const found = await fc.check(
    fc.asyncProperty(scenarios, async (scenario) => broken(await play(scenario, lateWorld())).length === 0),
    { numRuns: 600, endOnFailure: true },
  );
  expect(found.failed).toBe(true);
});
