import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestingServer, testingServer } from './testing-server.ts';

let server: TestingServer;
beforeEach(async () => {
  server = await testingServer();
});
afterEach(() => server.app.close());

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

const said = {
  sourceId: 'p-1',
  channel: 'phone',
  citizen: { name: 'Ayşe Yılmaz', tckn: '10000000146', phone: '0532 123 45 67', email: 'ayse@example.org' },
  text: 'Numaram 0532 123 45 67, kimliğim 10000000146.',
};
const secrets = ['Yılmaz', '10000000146', '5321234567', '532 123 45 67', 'ayse@', '402913'];

async function handIn(message: object): Promise<string> {
  const response = await server.app.inject({
    method: 'POST',
    url: '/v1/messages',
    headers: bearer(server.key),
    payload: message,
  });
  return response.json().number;
}

const read = (number: string, headers: Record<string, string> = {}, key = server.key) =>
  server.app.inject({ url: `/v1/records/${number}`, headers: { ...bearer(key), ...headers } });

describe('a record', () => {
  it('shows no personal data and no tracking secret by default, and says its version', async () => {
    const response = await read(await handIn(said));
    for (const secret of secrets) expect(response.body).not.toContain(secret);
    expect(response.json()).toMatchObject({ profile: 'masked', record: { citizen: { name: 'A*** Y***' } } });
    expect(response.headers.etag).toBe('"1"');
    expect(server.gateway.state.revealed).toEqual([]);
  });

  it('is shown in clear to a key that may reveal and says why, and that is written down first', async () => {
    const number = await handIn(said);
    const response = await read(number, { 'kapi-reveal-reason': encodeURIComponent('geri arama için') });
    expect(response.json()).toMatchObject({ profile: 'full', record: { citizen: { tckn: '10000000146' } } });
    expect(response.body).not.toContain('402913');
    expect(server.gateway.state.revealed).toEqual([
      { number, actor: 'key:tester', reason: 'geri arama için' },
    ]);
  });

  it('stays hidden when the reveal cannot be written down', async () => {
    const number = await handIn(said);
    server.gateway.failWith(new Error('audit is down'));
    const response = await read(number, { 'kapi-reveal-reason': 'geri arama' });
    expect(response.statusCode).toBe(500);
    for (const secret of secrets) expect(response.body).not.toContain(secret);
  });

  it.each([
    { name: 'a key that may not reveal', may: false, reason: 'geri arama', status: 403 },
    { name: 'an empty reason', may: true, reason: ' ', status: 400 },
    { name: 'a reason too short to be one', may: true, reason: 'x', status: 400 },
  ])('is refused to $name', async ({ may, reason, status }) => {
    const number = await handIn(said);
    const key = server.gateway.grant('clerk', may ? ['records:read', 'records:reveal'] : ['records:read']);
    expect((await read(number, { 'kapi-reveal-reason': reason }, key)).statusCode).toBe(status);
    expect(server.gateway.state.revealed).toEqual([]);
  });

  it('whose applicant is confidential shows nothing of them, not even masked', async () => {
    const response = await read(await handIn({ ...said, anonymity: 'confidential' }));
    expect(response.json().record.citizen).toEqual({
      type: 'anonymous',
      phones: [],
      emails: [],
      handles: [],
      needs: [],
    });
    expect(response.json().notices[0].to).toBe('***');
  });

  it('keeps internal notes and corrected values to those who reveal', async () => {
    const number = await handIn(said);
    await server.app.inject({
      method: 'POST',
      url: `/v1/records/${number}/events`,
      headers: bearer(server.key),
      payload: { event: 'noted', internalNote: 'komşusu Fatma Demir aradı' },
    });
    expect((await read(number)).body).not.toContain('Fatma');
    expect((await read(number, { 'kapi-reveal-reason': 'inceleme' })).body).toContain('Fatma');
  });

  it.each(['SOK-26-0001234-8', 'x', '%00', '__proto__', "'%20or%201=1", '%E2%80%AE'])(
    '%s is not found',
    async (number) => {
      expect((await read(number)).statusCode).toBe(404);
    },
  );

  it('gives a file as a download that nothing sniffs or runs, under a safe name', async () => {
    const number = await handIn(said);
    const response = await server.app.inject({
      url: `/v1/records/${number}/attachments/att-1?reveal=ke%C5%9Fif`,
      headers: bearer(server.key),
    });
    expect(server.gateway.state.revealed).toMatchObject([{ number, reason: 'att-1: keşif' }]);
    expect([response.statusCode, response.body]).toEqual([200, 'photo']);
    expect(response.headers).toMatchObject({
      'content-type': 'image/jpeg',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'content-disposition': `attachment; filename="_ukur _1_.jpg"; filename*=UTF-8''%C3%A7ukur%20%221%22.jpg`,
    });
  });
});

describe('a file', () => {
  const file = async (headers: Record<string, string>, query = '') => {
    const number = await handIn(said);
    return server.app.inject({ url: `/v1/records/${number}/attachments/att-1${query}`, headers });
  };

  it('is seen for a reason alone, as a record is, and none is written down for nothing', async () => {
    const refused = await file(bearer(server.key));
    expect([refused.statusCode, refused.json().errors[0].pointer]).toEqual([400, '/query/reveal']);
    expect(server.gateway.state.revealed).toEqual([]);
    const header = { ...bearer(server.key), 'kapi-reveal-reason': 'ke%C5%9Fif' };
    expect((await file(header)).statusCode).toBe(200);
  });
});

describe('events', () => {
  const post = (number: string, payload: object, headers: Record<string, string> = {}) =>
    server.app.inject({
      method: 'POST',
      url: `/v1/records/${number}/events`,
      headers: { ...bearer(server.key), ...headers },
      payload,
    });

  it('a repeat under the same key changes nothing', async () => {
    const number = await handIn(said);
    const first = await post(number, { key: 'k', event: 'accepted' });
    const second = await post(number, { key: 'k', event: 'accepted' });
    expect([first.json().duplicate, second.json().duplicate]).toEqual([false, true]);
    expect(second.json().version).toBe(2);
  });

  it('an Idempotency-Key header is a key', async () => {
    const number = await handIn(said);
    await post(number, { event: 'accepted' }, { 'idempotency-key': 'h' });
    expect((await post(number, { event: 'accepted' }, { 'idempotency-key': 'h' })).json().duplicate).toBe(
      true,
    );
  });

  it.each([
    { ifMatch: '"1"', status: 200 },
    { ifMatch: 'W/"1"', status: 200 },
    { ifMatch: '*', status: 200 },
    { ifMatch: '"7"', status: 412 },
    { ifMatch: '"x"', status: 400 },
  ])('If-Match $ifMatch on version 1 is $status', async ({ ifMatch, status }) => {
    const response = await post(await handIn(said), { event: 'accepted' }, { 'if-match': ifMatch });
    expect(response.statusCode).toBe(status);
  });

  it('an illegal move names the legal ones', async () => {
    const response = await post(await handIn(said), { event: 'restored' });
    expect([response.statusCode, response.json().code]).toEqual([409, 'illegal_transition']);
    expect(response.json().legal).toContain('accepted');
  });
});

describe('what failed', () => {
  it.each(['/v1/quarantine', '/v1/quarantine/envelope-1', '/v1/deadletters'])(
    'is told by %s without what the error quotes of a person',
    async (url) => {
      const response = await server.app.inject({ url, headers: bearer(server.key) });
      expect(response.body).toContain('no field');
      for (const secret of secrets) expect(response.body).not.toContain(secret);
    },
  );
});

describe('search', () => {
  const search = (payload: object, headers: Record<string, string> = {}) =>
    server.app.inject({
      method: 'POST',
      url: '/v1/records/search',
      headers: { ...bearer(server.key), ...headers },
      payload,
    });
  const numbers = (response: Awaited<ReturnType<typeof search>>) =>
    response.json().items.map((item: { number: string }) => item.number);

  it.each(['0532 123 45 67', '+90 532 123 45 67', '(532) 123-4567'])(
    'finds %s however it is written',
    async (phone) => {
      const number = await handIn(said);
      expect(numbers(await search({ phone }))).toEqual([number]);
    },
  );

  it('leaves confidential records out, unless a reason is given, which is written down', async () => {
    const number = await handIn({ ...said, anonymity: 'confidential' });
    expect(numbers(await search({ phone: '0532 123 45 67' }))).toEqual([]);
    expect(
      numbers(
        await search({ phone: '0532 123 45 67' }, { 'kapi-reveal-reason': 'savcılık'.replace('ı', 'i') }),
      ),
    ).toEqual([number]);
    expect(server.gateway.state.revealed).toHaveLength(1);
  });

  it('narrows by name as Turkish spells it', async () => {
    const number = await handIn(said);
    expect(numbers(await search({ email: 'AYSE@example.org', name: 'AYŞE YILMAZ' }))).toEqual([number]);
    expect(numbers(await search({ email: 'ayse@example.org', name: 'Fatma' }))).toEqual([]);
  });

  it('takes part of a name only from readers who reveal: masked, it could be guessed letter by letter', async () => {
    const number = await handIn(said);
    const part = { email: 'ayse@example.org', name: 'ayşe y' };
    expect(numbers(await search(part))).toEqual([]);
    expect(numbers(await search(part, { 'kapi-reveal-reason': 'geri arama' }))).toEqual([number]);
  });

  it.each([
    { payload: {}, pointer: '' },
    { payload: { name: ' – ' }, pointer: '/name' },
    { payload: { phone: 'no' }, pointer: '/phone' },
    { payload: { plaka: '16 ABC 16' }, pointer: '/plaka' },
  ])('refuses $payload at "$pointer"', async ({ payload, pointer }) => {
    const response = await search(payload);
    expect([response.statusCode, response.json().errors[0].pointer]).toEqual([400, pointer]);
  });
});

describe('provider routes', () => {
  const post = (headers: Record<string, string | string[]>, payload = 'From=x') =>
    server.app.inject({ method: 'POST', url: '/webhooks/sms-example/sms-153?x=1&x=2', headers, payload });
  const signature = 'd5389e1e2ee55ea0c8a4ecd1fd3a42b1e1b3ea5d9de6eb1e0d2a2d7fcf4a0b8c';

  it.each([
    { name: 'forged', signature, code: 'bad_signature' },
    { name: 'stale', signature: 'old', code: 'stale_request' },
    { name: 'unsigned', signature: '', code: 'bad_signature' },
  ])('a $name request is 401 and nothing is stored', async ({ signature: value, code }) => {
    const response = await post({ 'x-signature': value, 'content-type': 'application/json' });
    expect([response.statusCode, response.json().code]).toEqual([401, code]);
    expect(server.gateway.state.pushed).toEqual([]);
  });

  it('forged requests past the rate of their address are 429, signed ones from it are always heard', async () => {
    const strict = await testingServer({ limits: { addressPerSecond: 1 } });
    const call = async (value: string) => {
      const headers = { 'x-signature': value, 'content-type': 'text/plain' };
      const url = '/webhooks/sms-example/sms-153';
      return (await strict.app.inject({ method: 'POST', url, headers, payload: 'From=x' })).statusCode;
    };
    const forged = await Promise.all(Array.from({ length: 10 }, () => call(signature)));
    expect(forged.filter((status) => status === 401).length).toBeGreaterThan(0);
    expect(forged.filter((status) => status === 429).length).toBeGreaterThan(0);
    const genuine = createHash('sha256').update('From=x').digest('hex');
    const signed = await Promise.all(Array.from({ length: 10 }, () => call(genuine)));
    expect(new Set(signed)).toEqual(new Set([200]));
    await strict.app.close();
  });

  it('the adapter sees the exact bytes, address and headers, whatever the content type says', async () => {
    const payload = '{"not json ş';
    const response = await post(
      {
        'x-signature': createHash('sha256').update(payload).digest('hex'),
        'content-type': 'application/json; charset=iso-8859-9',
        host: 'evil.example',
      },
      payload,
    );
    expect([response.statusCode, response.body, response.headers['content-type']]).toEqual([
      200,
      '<Response/>',
      'text/xml',
    ]);
    const [request] = server.gateway.state.pushed;
    expect(Buffer.from(request?.body ?? []).toString()).toBe(payload);
    expect(request?.target).toBe('/webhooks/sms-example/sms-153?x=1&x=2');
    expect(request?.publicUrl).toBe('https://kapi.example/webhooks/sms-example/sms-153?x=1&x=2');
    expect(request?.query.getAll('x')).toEqual(['1', '2']);
  });

  it('a body past the limit of the account is 413', async () => {
    const response = await post({ 'content-type': 'text/plain' }, 'x'.repeat(70_000));
    expect(response.statusCode).toBe(413);
  });

  it('an encoded body is refused: its signature is over other bytes', async () => {
    const response = await post({ 'content-encoding': 'gzip' });
    expect(response.statusCode).toBe(415);
  });
});
