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

describe('a message that names a record', () => {
  it.each([
    { scopes: ['intake'], thread: 'linked', records: 2 },
    { scopes: ['intake', 'records:join'], thread: 'joined', records: 1 },
  ] as const)('by a key with $scopes is taken in and $thread', async ({ scopes, thread, records }) => {
    const { number } = await town.say({}, 'k1');
    const message = { sourceId: 'm2', channel: 'phone', text: 'Hâlâ yok', thread: number };
    const answer = await api.post('/v1/messages', message, await api.key(scopes));
    expect(answer).toMatchObject({ status: 202, body: { thread } });
    expect(await town.records()).toHaveLength(records);
  });
});
