import { type CloudEvent, claimRequest } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apply } from '../../src/intake/events.ts';
import { createOperations } from '../../src/intake/operations.ts';
import { createQueue } from '../../src/intake/queue.ts';
import type { DestinationSettings } from '../../src/intake/settings.ts';
import { actor, openTown, quietPorts, type Town } from '../support/town.ts';

const coordination: DestinationSettings = { id: 'coordination', profile: 'full' };
const off: readonly DestinationSettings[] = [
  { id: 'ebelediye', profile: 'masked' },
  { id: 'yol-isleri', profile: 'minimal', units: ['yol'] },
];

describe('a dry run of a destination', () => {
  let town: Town;
  let number: string;
  beforeEach(async () => {
    town = await openTown({ settings: { destinations: [coordination] } });
    ({ number } = await town.say({ text: 'Su yok', citizen: { name: 'Ayşe Yılmaz' } }, 'k1'));
  });
  afterEach(() => town.close());

  const operations = () =>
    createOperations(town.house, { ...quietPorts, destinations: () => [coordination, ...off] });
  const outgoing = (destination: string, reason?: string) =>
    operations().outgoing(number, destination, actor(), reason);
  const shown = ({ sequence, data }: CloudEvent) => [sequence, data.version, data.status];
  const reveals = async () =>
    (await town.house.reader.audit({ limit: 100 })).items.filter(({ action }) => action === 'reveal');

  it('shows each event with the version of the record it led to, and nothing that stays in the house', async () => {
    await apply(town.house, number, { event: 'accepted' }, actor());
    await apply(town.house, number, { event: 'noted', internalNote: 'içeride' }, actor());
    await apply(town.house, number, { event: 'cancelled', reason: 'mükerrer' }, actor());
    expect((await outgoing('coordination', 'deneme')).map(shown)).toEqual([
      [1, 1, 'queued'],
      [2, 2, 'accepted'],
      [4, 4, 'cancelled'],
    ]);
  });

  it('shows what the queue gave, to the letter', async () => {
    const queue = createQueue({ ...town.house, queues: ['coordination'] });
    const { items } = await queue.claim(claimRequest.parse({}), actor());
    await apply(town.house, number, { event: 'accepted' }, actor());
    const [first] = await outgoing('coordination', 'deneme');
    expect(JSON.stringify(first)).toBe(JSON.stringify(items[0]?.event));
  });

  it('takes a destination that is off, masked as its profile says, without a reason', async () => {
    const events = await outgoing('ebelediye');
    expect(events.map(shown)).toEqual([[1, 1, 'queued']]);
    expect(JSON.stringify(events)).not.toContain('Yılmaz');
    expect(await reveals()).toEqual([]);
  });

  it('shows a unit nothing of a record that is not routed to it', async () => {
    expect(await outgoing('yol-isleri')).toEqual([]);
  });

  it('shows records in clear only for a reason, which is audited', async () => {
    await expect(outgoing('coordination')).rejects.toMatchObject({ code: 'forbidden' });
    expect(await reveals()).toEqual([]);
    await outgoing('coordination', 'deneme');
    expect(await reveals()).toMatchObject([{ subject: number, detail: 'deneme' }]);
  });

  it('knows no other destination and no other record', async () => {
    await expect(outgoing('nope')).rejects.toMatchObject({
      code: 'not_found',
      message: 'There is no destination «nope»; there are: coordination, ebelediye, yol-isleri.',
    });
    number = 'SOK-26-9999999-9';
    await expect(outgoing('ebelediye')).rejects.toMatchObject({ code: 'not_found' });
  });
});
