import fc from 'fast-check';
import { expect, test } from 'vitest';
import { broken, play, type Scenario, scenarios } from './notice-model.ts';
import { memoryWorld } from './notice-world.ts';

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
