import { afterEach, beforeEach, expect, it } from 'vitest';
import { createOperations } from '../../src/intake/operations.ts';
import { retain } from '../../src/intake/retention.ts';
import { openTown, quietPorts, type Town } from '../support/town.ts';

const dayMs = 86_400_000;
let town: Town;
beforeEach(async () => {
  town = await openTown({ settings: { retentionDays: 30 } });
});
afterEach(async () => {
  expect((await town.balance()).filter((off) => off !== 0)).toEqual([]);
  await town.close();
});

const clean = () =>
  retain(town.house, createOperations(town.house, quietPorts), {
    recordDays: 30,
    envelopeDays: 10,
  });

it('erases a record when its time is up, not a day before, and leaves the younger one', async () => {
  const old = await town.say({ text: 'eski' }, 'k1');
  town.clock.advance(20 * dayMs);
  const young = await town.say({ text: 'yeni' }, 'k2');
  town.clock.advance(9 * dayMs);
  expect(await clean()).toBe(0);
  town.clock.advance(2 * dayMs);
  expect(await clean()).toBe(1);
  expect(await town.house.reader.record({ number: old.number })).toBeUndefined();
  expect(await town.house.reader.record({ number: young.number })).toBeDefined();
});

it('erases the received bytes earlier, and their repeat stays known', async () => {
  const { number } = await town.say({ text: 'söz' }, 'k1');
  town.clock.advance(11 * dayMs);
  await clean();
  expect(await town.house.reader.record({ number })).toBeDefined();
  expect(await town.say({ text: 'söz' }, 'k1')).toMatchObject({ number, duplicate: true });
});
