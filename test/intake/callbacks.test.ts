import type { MessageSubmission } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Api, replyAccount, serve, writingBy } from '../support/api.ts';
import { eachInATown, type Town } from '../support/town.ts';

let town: Town;
let api: Api;
eachInATown(
  (fresh) => {
    town = fresh;
  },
  { planNotices: writingBy(replyAccount('sms-153', 'sms')) },
);
beforeEach(async () => {
  api = await serve(town);
});
afterEach(() => api.close());

const answered = { event: 'answered', citizenText: 'Boru onarıldı.', outcome: 'positive' } as const;
const forwarded = { event: 'forwarded', unit: 'park', citizenText: 'Birime iletildi.' } as const;

async function complaint(over: Partial<MessageSubmission>): Promise<string> {
  return (await town.say(over, crypto.randomUUID())).number;
}
const post = async (number: string, event: object) => {
  const { status, body } = await api.post(`/v1/records/${number}/events`, event);
  expect(status).toBe(200);
  return String(body.id);
};
const metAt = async (number: string) =>
  (await town.house.reader.record({ number }))?.record.deadlines.find(({ kind }) => kind === '48h')?.metAt;
const open = async () => (await api.get('/v1/callbacks')).body.items;

describe('an answer meets the promise at once', () => {
  it.each([
    ['where the citizen left no contact at all', {}, true],
    ['where the applicant is anonymous', { anonymity: 'anonymous', citizen: { phone: '02241234567' } }, true],
    [
      'but not where there is an e-mail address that no account can write to',
      { citizen: { email: 'ayse@example.org' } },
      false,
    ],
    ['nor where there is a landline', { citizen: { phone: '02241234567' } }, false],
    [
      'nor where the applicant is confidential and left a number',
      { anonymity: 'confidential', citizen: { phone: '05321234567' } },
      false,
    ],
    ['nor where an SMS is on its way', { citizen: { phone: '05321234567' } }, false],
  ] as const)('%s', async (_name, over, met) => {
    const number = await complaint(over);
    await post(number, answered);
    expect((await metAt(number)) !== undefined).toBe(met);
  });
});

describe('a call-back', () => {
  it('is one for a citizen, whatever there is to tell', async () => {
    const number = await complaint({ citizen: { phone: '02241234567' } });
    const told = [
      await post(number, forwarded),
      await post(number, { event: 'in_progress', plannedDate: '2999-01-01' }),
      await post(number, answered),
    ];
    const items = await open();
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({
      reason: 'answer-without-channel',
      tells: told.map((eventId) => ({ eventId })),
    });
  });

  it('that told only the forwarding leaves the promise running and the answer to be told', async () => {
    const number = await complaint({ citizen: { phone: '02241234567' } });
    const forwarding = await post(number, forwarded);
    const answer = await post(number, answered);
    const [callback] = await open();
    await api.post(`/v1/callbacks/${callback.id}/close`, { told: [forwarding] });
    expect(await metAt(number)).toBeUndefined();
    expect((await open())[0]).toMatchObject({
      id: callback.id,
      tells: [{ toldAt: expect.any(String) }, { eventId: answer }],
    });
    expect((await api.post(`/v1/callbacks/${callback.id}/close`, undefined)).status).toBe(204);
    expect(await metAt(number)).toBeDefined();
    expect(await open()).toEqual([]);
  });

  it('closed before the answer was given does not meet the promise by that answer', async () => {
    const number = await complaint({ citizen: { phone: '02241234567' } });
    await post(number, forwarded);
    const [first] = await open();
    await api.post(`/v1/callbacks/${first.id}/close`, undefined);
    await post(number, answered);
    expect(await metAt(number)).toBeUndefined();
    const [second] = await open();
    expect(second.id).not.toBe(first.id);
    await api.post(`/v1/callbacks/${second.id}/close`, undefined);
    expect(await metAt(number)).toBeDefined();
  });

  it('tells no event but its own', async () => {
    const number = await complaint({ citizen: { phone: '02241234567' } });
    await post(number, answered);
    const [callback] = await open();
    const told = ['0198c2a0-0000-7000-8000-0000000000e1'];
    expect(await api.post(`/v1/callbacks/${callback.id}/close`, { told })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/told/0' }] },
    });
    expect(await api.post('/v1/callbacks/yok/close', undefined)).toMatchObject({ status: 404 });
    expect(await metAt(number)).toBeUndefined();
  });
});
