import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Api, serve } from '../support/api.ts';
import { eachInATown, type Town } from '../support/town.ts';

let town: Town;
let api: Api;
eachInATown((fresh) => {
  town = fresh;
});
beforeEach(async () => {
  api = await serve(town);
});
afterEach(() => api.close());

describe('a name that the configuration does not have is refused by its pointer', () => {
  it.each([
    [{ event: 'forwarded', unit: 'nope' }, ['/unit']],
    [{ event: 'forwarded', partner: 'park' }, ['/partner']],
    [{ event: 'rerouted', unit: 'nope', partner: 'nope' }, ['/unit', '/partner']],
    [{ event: 'accepted', unit: 'Park' }, ['/unit']],
    [{ event: 'corrected', set: { topic: 'XX99' } }, ['/set/topic']],
    [{ event: 'forwarded', unit: 'park' }, undefined],
    [{ event: 'forwarded', unit: 'buski' }, undefined],
    [{ event: 'forwarded', partner: 'nilufer' }, undefined],
    [{ event: 'corrected', set: { topic: 'SU01' } }, undefined],
  ])('%j → %j', async (event, pointers) => {
    const { number } = await town.say({}, 'k1');
    const answer = await api.post(`/v1/records/${number}/events`, event);
    expect(answer.status).toBe(pointers === undefined ? 200 : 400);
    if (pointers === undefined) return;
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
    expect((await town.house.reader.record({ number }))?.record.version).toBe(1);
  });

  it('also in a message, of which nothing is stored', async () => {
    const message = { sourceId: 'm1', channel: 'phone', text: 'Su yok', unit: 'olmayan' };
    expect(await api.post('/v1/messages', message)).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/unit' }] },
    });
    expect((await api.post('/v1/messages', { ...message, unit: 'park' })).status).toBe(202);
    expect(await town.records()).toMatchObject([{ record: { route: { unit: 'park' } } }]);
  });
});
