import { describe, expect, it } from 'vitest';
import { createOperations } from '../../src/intake/operations.ts';
import { actor, eachInATown, noon, quietPorts, type Town } from '../support/town.ts';

let town: Town;
eachInATown((fresh) => {
  town = fresh;
});

const at = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();
const settled = 11 * 60_000;
const operations = () => createOperations(town.house, quietPorts);

describe('erasure', () => {
  it('leaves nothing of the record, and a repeat of its message recreates nothing', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'su yok', at: at(0) }]);
    await town.work(settled);
    const number = (await town.records())[0]?.record.number ?? '';
    await operations().erase({ number }, 'başvuru sahibi istedi', actor());
    expect(await town.house.reader.record({ number })).toBeUndefined();
    await town.deliver('e1', [{ key: 'm1', text: 'su yok', at: at(0) }]);
    await town.deliver('e9', [{ key: 'm1', text: 'su yok', at: at(0) }]);
    await town.work(settled);
    expect(await town.records()).toEqual([]);
  });

  it('tells the queue that the record is gone, and shows nothing else of it', async () => {
    const { number } = await town.say({ text: 'silinecek sır' }, 'k1');
    await operations().erase({ number }, 'istek', actor());
    const works = await town.house.pipeline.claim('forward', {
      destination: 'coordination',
      max: 10,
      leaseMs: 1000,
      now: town.clock.now(),
    });
    expect(works.map(({ type, subject }) => [type, subject])).toEqual([['kapi.record.erased.v1', number]]);
    expect(Buffer.from(works[0]?.body ?? []).toString()).not.toContain('sır');
  });

  it('of a subject takes what never became a record, too', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'Merhaba', at: at(0) }]);
    await town.work(settled);
    await town.say({ citizen: { phone: '0532 123 45 67' } }, 'k1');
    expect(await operations().erase({ phone: '05321234567' }, 'KVKK', actor())).toEqual({
      records: 1,
      messages: 1,
    });
    expect(await town.records()).toEqual([]);
    expect((await town.house.reader.notCases({ limit: 10 })).items).toEqual([]);
  });

  it('of a subject takes every record of that phone', async () => {
    await town.say({ citizen: { phone: '0532 123 45 67' } }, 'k1');
    await town.say({ citizen: { phone: '+90 532 123 45 67' } }, 'k2');
    await town.say({ citizen: { phone: '0533 000 00 00' } }, 'k3');
    const ids = (await town.records()).map(({ record }) => record.id);
    expect(await operations().erase({ phone: '05321234567' }, 'KVKK', actor())).toEqual({
      records: 2,
      messages: 0,
    });
    expect(await town.records()).toHaveLength(1);
    const { items } = await town.house.reader.audit({ limit: 100 });
    expect(items.filter(({ action }) => action === 'erased').map(({ subject }) => subject)).toEqual([
      ids[1],
      ids[0],
      'subject: 2 records, 0 messages outside records',
    ]);
  });

  it('of a person nobody knows is refused, and no row says otherwise', async () => {
    await town.say({ citizen: { phone: '0532 123 45 67' } }, 'k1');
    const asked = operations().erase({ phone: '05339999999' }, 'KVKK', actor());
    await expect(asked).rejects.toMatchObject({ code: 'not_found' });
    const { items } = await town.house.reader.audit({ limit: 100 });
    expect(items.filter(({ action }) => action === 'erased')).toEqual([]);
  });
});
