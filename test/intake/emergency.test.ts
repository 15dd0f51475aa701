import { describe, expect, it } from 'vitest';
import { ring } from '../../src/intake/clocks.ts';
import { apply } from '../../src/intake/events.ts';
import { actor, eachInATown, noon, type Town } from '../support/town.ts';

let town: Town;
eachInATown((fresh) => {
  town = fresh;
});

const at = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();
const settled = 11 * 60_000;

describe('an emergency does not queue', () => {
  it('is assembled before the conversations that were due long ago', async () => {
    const early = new Date(noon - 3600_000).toISOString();
    await town.deliver('e1', [
      { key: 'm1', text: 'çöp', from: '+905321110001', at: early },
      { key: 'm2', text: 'Evde yangın var', from: '+905321110002', at: early },
    ]);
    await town.work();
    const numbers = (await town.records()).map(({ record }) => [record.urgency, record.number]);
    expect(numbers.toSorted((a, b) => ((a[1] ?? '') < (b[1] ?? '') ? -1 : 1))[0]?.[0]).toBe('emergency');
  });

  it('is read before two thousand envelopes that nobody has looked into yet', async () => {
    await Promise.all(
      Array.from({ length: 2000 }, (_, n) =>
        town.deliver(`e${n}`, [
          { key: `m${n}`, text: `çöp ${n}`, from: `+90532${String(n).padStart(7, '0')}` },
        ]),
      ),
    );
    await town.deliver('late', [{ key: 'late', text: 'Evde YANGIN var', from: '+905339999999' }]);
    const [first] = await town.house.pipeline.claim('read', {
      max: 1,
      leaseMs: 1000,
      now: town.clock.now() + 60_000,
    });
    expect(Buffer.from(first?.envelope.body ?? []).toString()).toContain('YANGIN');
  });

  it('skips settling and is claimed before everything that waits', async () => {
    await town.say({ text: 'çöp' }, 'k1');
    await town.deliver('e1', [{ key: 'm1', text: 'Evde YANGIN var', at: at(0) }]);
    await town.work();
    const [first] = await town.house.pipeline.claim('forward', {
      destination: 'coordination',
      max: 1,
      leaseMs: 1000,
      now: town.clock.now(),
    });
    expect(first?.urgency).toBe('emergency');
    const timers = await town.house.pipeline.claim('timer', {
      max: 10,
      leaseMs: 1000,
      now: town.clock.now(),
    });
    expect(timers.map(({ timer }) => timer.kind)).toEqual(['emergency']);
  });
});

describe('what becomes an emergency later', () => {
  const rung: string[] = [];
  const bell = {
    raise: async (kind: string) => void rung.push(kind),
    clear: async (kind: string) => void rung.push(`${kind} over`),
  };
  async function bells(): Promise<string[]> {
    rung.length = 0;
    const works = await town.house.pipeline.claim('timer', { max: 9, leaseMs: 1000, now: town.clock.now() });
    await town.house.pipeline.save(await Promise.all(works.map((work) => ring(town.house, bell, work))));
    return [...rung];
  }

  it('by an added message calls the duty list, also on a record a clerk has in hand, until someone takes it up', async () => {
    const { number } = await town.say({ text: 'kötü bir koku var' }, 'k1');
    await apply(town.house, number, { event: 'accepted' }, actor());
    expect(await bells()).toEqual([]);
    await town.say({ text: 'YANGIN çıktı', thread: number }, 'k2');
    expect((await town.house.reader.record({ number }))?.record.urgency).toBe('emergency');
    expect(await bells()).toEqual(['emergency']);
    await apply(town.house, number, { event: 'noted', internalNote: 'aranıyor' }, actor());
    town.clock.advance(6 * 60_000);
    expect(await bells()).toEqual(['emergency']);
    await apply(town.house, number, { event: 'in_progress' }, actor());
    town.clock.advance(6 * 60_000);
    expect(await bells()).toEqual(['emergency over']);
  });

  it('by an edit, or by a clerk, calls the duty list', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'koku var', at: at(0) }]);
    await town.work(settled);
    await town.deliver('e2', [{ key: 'm1', text: 'yangın var', at: at(0) }]);
    await town.work();
    const { number } = await town.say({ text: 'su yok' }, 'k1');
    await apply(town.house, number, { event: 'corrected', set: { urgency: 'emergency' } }, actor());
    expect(await bells()).toEqual(['emergency', 'emergency']);
  });
});
