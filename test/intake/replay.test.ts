import { RejectedError } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOperations } from '../../src/intake/operations.ts';
import { chatAdapter } from '../support/chat-adapter.ts';
import { actor, noon, openTown, quietPorts, type Town } from '../support/town.ts';

let town: Town;
beforeEach(async () => {
  town = await openTown();
});
afterEach(async () => {
  expect((await town.balance()).filter((off) => off !== 0)).toEqual([]);
  await town.close();
});

const at = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();
const settled = 11 * 60_000;
const operations = () => createOperations(town.house, quietPorts);

describe('replay is safe', () => {
  it('and makes no second record, event or delivery', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'Su yok', at: at(0) }]);
    await town.work(settled);
    const count = await operations().replaySince(new Date(0).toISOString(), undefined, actor());
    expect(count).toBe(1);
    await town.work(settled);
    const [view, ...others] = await town.records();
    expect(others).toEqual([]);
    expect(view?.events).toHaveLength(1);
  });
});

describe('a replay through a better adapter', () => {
  const image = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex');
  it.each(['could not fetch the photo', 'did not know of the photo'])(
    'adds what the one before %s, to the same record',
    async (fault) => {
      await town.close();
      let better = false;
      const good = chatAdapter(true);
      town = await openTown({
        adapter: {
          ...good,
          parts: (envelope, config) =>
            better || fault.includes('fetch') ? (good.parts?.(envelope, config) ?? []) : [],
          fetch: async () => {
            if (!better) throw new RejectedError('media_refused', 'planted');
            return (async function* () {
              yield image;
            })();
          },
        },
      });
      await town.deliver('e1', [{ key: 'm1', text: 'çukur', photo: 'cukur.png', at: at(0) }]);
      await town.work(settled);
      const [before] = await town.records();
      expect(before?.record.attachments[0]?.state).not.toBe('stored');
      better = true;
      await operations().replaySince(new Date(0).toISOString(), undefined, actor());
      await town.work(settled);
      const [view, ...others] = await town.records();
      expect(others).toEqual([]);
      expect(view?.record).toMatchObject({ version: (before?.record.version ?? 0) + 1, body: 'çukur' });
      expect(view?.record.attachments).toMatchObject([{ name: 'cukur.png', state: 'stored' }]);
    },
  );
});
