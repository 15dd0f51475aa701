import { describe, expect, it } from 'vitest';
import { apply } from '../../src/intake/events.ts';
import { PinLocks } from '../../src/intake/pin-locks.ts';
import { track } from '../../src/intake/track.ts';
import { actor, eachInATown, noon, type Town } from '../support/town.ts';

let town: Town;
eachInATown((fresh) => {
  town = fresh;
});

const at = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();
const settled = 11 * 60_000;

describe('the coordination centre’s events', () => {
  it('come once under one key, whatever is repeated', async () => {
    const { number } = await town.say({}, 'k1');
    const event = { event: 'answered', citizenText: 'Onarıldı', outcome: 'positive', key: 'c-1' } as const;
    const first = await apply(town.house, number, event, actor());
    const again = await apply(town.house, number, event, actor());
    expect(first).toMatchObject({ sequence: 2, status: 'answered', duplicate: false });
    expect(again).toMatchObject({ id: first.id, sequence: 2, duplicate: true });
  });

  it.each([
    ['another text', { event: 'answered', citizenText: 'Onarılacak', outcome: 'positive' }],
    ['another event', { event: 'noted', internalNote: 'Onarıldı' }],
    ['a field more', { event: 'answered', citizenText: 'Onarıldı', outcome: 'positive', reason: 'x' }],
    ['a field less', { event: 'answered', citizenText: 'Onarıldı' }],
  ] as const)('under a used key are refused with %s, and nothing is stored', async (_name, other) => {
    const { number } = await town.say({}, 'k1');
    const first = { event: 'answered', citizenText: 'Onarıldı', outcome: 'positive', key: 'c-1' } as const;
    await apply(town.house, number, first, actor());
    await expect(apply(town.house, number, { ...other, key: 'c-1' }, actor())).rejects.toMatchObject({
      code: 'idempotency_conflict',
      errors: [{ pointer: '/key' }],
    });
    expect((await town.house.reader.record({ number }))?.events).toHaveLength(2);
  });

  it.each([
    { event: 'corrected', set: { urgency: 'emergency', place: { district: 'Nilüfer' } } },
    { event: 'linked', link: { number: 'b', as: 'related' } },
    { event: 'unlinked', link: { number: 'b', as: 'parent' } },
  ] as const)('of any kind are the same when they are repeated: %j', async (event) => {
    const { number } = await town.say({}, 'k1');
    const other = await town.say({}, 'k2');
    const as = { number: other.number, as: 'parent' } as const;
    await apply(town.house, number, { event: 'linked', link: as }, actor());
    const posted = {
      ...event,
      ...('link' in event && { link: { ...event.link, number: other.number.toLowerCase() } }),
      key: 'c-1',
    };
    await apply(town.house, number, posted, actor());
    expect(await apply(town.house, number, posted, actor())).toMatchObject({ duplicate: true });
  });

  it('of two clerks at once are put in order, and If-Match tells the second', async () => {
    const { number } = await town.say({}, 'k1');
    await Promise.all([
      apply(town.house, number, { event: 'noted', internalNote: 'a' }, actor()),
      apply(town.house, number, { event: 'noted', internalNote: 'b' }, actor()),
    ]);
    const view = await town.house.reader.record({ number });
    expect(view?.events.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    await expect(apply(town.house, number, { event: 'accepted' }, actor(), 1)).rejects.toMatchObject({
      code: 'version_conflict',
    });
  });

  it('split two matters in one record without losing or doubling a message', async () => {
    await town.deliver('e1', [
      { key: 'm1', text: 'su yok', at: at(0) },
      { key: 'm2', text: 'bir de lamba yanmıyor', at: at(10) },
    ]);
    await town.work(settled);
    const [before] = await town.records();
    const second = before?.record.messages[1]?.id ?? '';
    await apply(town.house, before?.record.number ?? '', { event: 'split', messages: [second] }, actor());
    const [first, child] = await town.records();
    expect(first?.record.body).toBe('su yok');
    expect(child?.record).toMatchObject({
      body: 'bir de lamba yanmıyor',
      links: { parent: first?.record.number },
    });
  });
});

describe('the tracking page', () => {
  it('is told each step by its event, so that it can say it in another language', async () => {
    const { number, trackingPin = '' } = await town.say({}, 'k1');
    await apply(town.house, number, { event: 'accepted' }, actor());
    await apply(town.house, number, { event: 'answer_proposed', citizenText: 'henüz değil' }, actor());
    await apply(town.house, number, { event: 'noted', internalNote: 'x', citizenText: 'Bilginize' }, actor());
    const { history } = await track(town.house, new PinLocks(), number, trackingPin);
    expect(history).toMatchObject([
      { event: 'received', label: 'Sırada' },
      { event: 'accepted', label: 'Kabul edildi' },
      { event: 'noted', label: 'Bilgi', text: 'Bilginize' },
    ]);
  });
});

describe('five wrong PINs', () => {
  it('lock the record for an hour, and an unknown number looks the same as a wrong PIN', async () => {
    const { number, trackingPin = '' } = await town.say({}, 'k1');
    const wrong = trackingPin === '000000' ? '000001' : '000000';
    for (let n = 0; n < 5; n++)
      await expect(track(town.house, new PinLocks(), number, wrong)).rejects.toMatchObject({
        code: 'not_found',
      });
    await expect(track(town.house, new PinLocks(), number, trackingPin)).rejects.toMatchObject({
      code: 'locked',
    });
    await expect(track(town.house, new PinLocks(), 'SOK-26-0000001-0', '123456')).rejects.toMatchObject({
      code: 'not_found',
    });
    town.clock.advance(61 * 60_000);
    await expect(track(town.house, new PinLocks(), number, trackingPin)).resolves.toMatchObject({ number });
  });
});
