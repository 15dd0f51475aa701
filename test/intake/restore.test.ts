import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Api, replyAccount, serve, writingBy } from '../support/api.ts';
import { eachInATown, noon, type Town } from '../support/town.ts';

let town: Town;
let api: Api;
eachInATown(
  (fresh) => {
    town = fresh;
  },
  { planNotices: writingBy(replyAccount('chat', 'sms')) },
);
beforeEach(async () => {
  api = await serve(town);
});
afterEach(() => api.close());

const at = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();
const settled = 11 * 60_000;

describe('what was kept as not a case', () => {
  const kept = async (text: string): Promise<string> => {
    await town.deliver('e1', [{ key: 'm1', text, at: at(0) }]);
    await town.work(settled);
    expect(await town.records()).toEqual([]);
    const listed = await api.get('/v1/not-a-case');
    return listed.body.items[0].messageId;
  };
  const restore = (id: string) => api.post(`/v1/not-a-case/${id}/restore`, undefined);

  it.each(['Merhaba', 'Casino! Deneme bonusu!', '👏', '?'])(
    'becomes a record with number, clock and receipt once a person restores it: «%s»',
    async (text) => {
      expect((await restore(await kept(text))).status).toBe(202);
      await town.work(settled);
      const [view, ...others] = await town.records();
      expect(others).toEqual([]);
      expect(view?.record).toMatchObject({ body: text, status: 'queued', deadlines: [{ kind: '48h' }] });
      expect(view?.notices).toMatchObject([{ kind: 'receipt', to: '+905321234567', state: 'pending' }]);
      expect((await api.get('/v1/not-a-case')).body.items).toEqual([]);
    },
  );

  it('is restored once, and never where it is not kept as such', async () => {
    const id = await kept('Merhaba');
    await restore(id);
    await town.work(settled);
    expect(await restore(id)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await restore('yok')).toMatchObject({ status: 404 });
    expect(await town.records()).toHaveLength(1);
  });
});
