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
  { planNotices: writingBy(replyAccount('sms-153', 'sms'), replyAccount('posta', 'email')) },
);
beforeEach(async () => {
  api = await serve(town);
});
afterEach(() => api.close());

const message = (citizen: MessageSubmission['citizen'], over: object = {}) => ({
  sourceId: 'm1',
  channel: 'phone',
  text: 'Su yok',
  citizen,
  ...over,
});

describe('a contact that can be none', () => {
  it.each([
    ['phone', 'abc'],
    ['phone', '0532 123'],
    ['email', 'nobody\r\nBcc: x@y.example'],
    ['tckn', '1234'],
    ['taxNo', 'zz'],
  ] as const)(
    '%s «%s» loses no message: kept as written, told in the answer, written to by nobody',
    async (field, written) => {
      const answer = await api.post('/v1/messages', message({ [field]: written }));
      expect(answer).toMatchObject({
        status: 202,
        body: { warnings: [{ pointer: `/citizen/${field}`, message: expect.any(String) }] },
      });
      expect((await api.post('/v1/messages', message({ [field]: written }))).body.warnings).toHaveLength(1);
      const [view] = await town.records();
      expect(view?.record).toMatchObject({
        citizen: { type: 'person', phones: [], emails: [] },
        missing: ['contact', 'place'],
        extra: { citizenAsWritten: { [field]: [written.trim()] } },
      });
      expect(view?.record.citizen).not.toHaveProperty(field);
      expect(view?.notices).toEqual([]);
    },
  );

  it('is none of an anonymous applicant’s, not even as written', async () => {
    await api.post('/v1/messages', message({ phone: 'abc', email: 'x' }, { anonymity: 'anonymous' }));
    expect((await town.records())[0]?.record.extra).toEqual({});
  });

  it('beside a good one is told of, and the good one is written to', async () => {
    const answer = await api.post('/v1/messages', message({ phone: '0532 123 45 67', email: 'x' }));
    expect(answer.body.warnings).toMatchObject([{ pointer: '/citizen/email' }]);
    expect((await town.records())[0]?.notices).toMatchObject([{ kind: 'receipt', to: '+905321234567' }]);
  });

  it.each([
    ['phone', 'bad'],
    ['email', 'x@y\n.example'],
    ['tckn', '12'],
    ['taxNo', '1234567891'],
  ] as const)('%s «%s» is not written over a good one by a correction', async (field, written) => {
    const { body } = await api.post('/v1/messages', message({ phone: '0532 123 45 67' }));
    const correction = { event: 'corrected', set: { citizen: { [field]: written } } };
    expect(await api.post(`/v1/records/${body.number}/events`, correction)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', errors: [{ pointer: `/set/citizen/${field}` }] },
    });
    expect((await town.records())[0]?.record.citizen.phones).toEqual(['+905321234567']);
  });

  it('corrected to a good one is missing no more', async () => {
    const { body } = await api.post('/v1/messages', message({ phone: 'abc' }));
    const correction = { event: 'corrected', set: { citizen: { phone: '0532 123 45 67' } } };
    expect((await api.post(`/v1/records/${body.number}/events`, correction)).status).toBe(200);
    expect((await town.records())[0]?.record).toMatchObject({
      citizen: { phones: ['+905321234567'] },
      missing: ['place'],
    });
  });
});
