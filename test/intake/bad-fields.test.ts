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

const pointersOf = (problem: { errors?: { pointer: string }[] }) =>
  problem.errors?.map(({ pointer }) => pointer);

describe('every bad field is named at once', () => {
  const rows: readonly [body: unknown, pointers: string[]][] = [
    [{}, ['/channel', '/sourceId', '/text']],
    [{ channel: 'fax', text: ' ', occurredAt: 'dün' }, ['/channel', '/occurredAt', '/sourceId', '/text']],
    [{ channel: 'phone', attachments: [], citizen: { phone: 5 } }, ['/citizen/phone', '/sourceId', '/text']],
    [{ channel: 'phone', sourceId: 5, text: 7 }, ['/sourceId', '/text']],
    [{ sourceId: 'a', text: 'x', external: { profile: 'cimer' } }, ['/channel', '/external/number']],
  ];
  it.each(rows)('%j → %j', async (body, pointers) => {
    const alone = await api.post('/v1/messages', body);
    expect(alone).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(pointersOf(alone.body)).toEqual(pointers);
    const { results } = (await api.post('/v1/messages/batch', [body])).body;
    expect(pointersOf(results[0].error)).toEqual(pointers);
    expect(await town.records()).toEqual([]);
  });
});

describe('a body with every member, some of them empty', () => {
  it('is taken in, and what is empty is absent', async () => {
    const body = {
      sourceId: 'CC-2026-99812',
      channel: 'phone',
      account: 'cagri-153',
      citizen: { name: 'Ayşe Yılmaz', tckn: '10000000146', phone: '0532 123 45 67', email: '', needs: [] },
      anonymity: 'open',
      applicationType: 'complaint',
      subject: '',
      text: 'Su yok',
      place: {},
      attachments: [],
      call: { provider: 'santral', callId: '7' },
      createdBy: 'Zehra',
      external: {},
      extra: {},
    };
    expect(await api.post('/v1/messages', body)).toMatchObject({ status: 202 });
    const [view] = await town.records();
    expect(view?.record).not.toHaveProperty('external');
    expect(view?.record).not.toHaveProperty('place');
    expect(view?.record).toMatchObject({ missing: ['place'], citizen: { emails: [] } });
  });
});
