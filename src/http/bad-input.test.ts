import { connect } from 'node:net';
import { problemAnswer } from '@kapi/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestingServer, testingServer } from './testing-server.ts';

/** The issue's list of bad input, row by row: each gets a clear, coded answer and stores nothing. */

let server: TestingServer;
let port: number;

beforeAll(async () => {
  server = await testingServer({ limits: { bodySeconds: 1, headersSeconds: 1 } });
  port = await server.listen();
});
afterAll(() => server.app.close());
beforeEach(() => server.gateway.state.records.clear());

const json = 'application/json';
const good = { sourceId: 's-1', channel: 'sms', text: 'Çöp alınmadı' };
const body = (value: unknown): string => JSON.stringify(value);
const deep = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);

interface Row {
  readonly name: string;
  readonly payload: string | Buffer;
  readonly contentType?: string;
  readonly status: number;
  readonly code: string;
  readonly pointer?: string;
}

const rows: readonly Row[] = [
  { name: 'an empty body', payload: '', status: 400, code: 'invalid_request', pointer: '' },
  { name: 'a body of spaces', payload: '   ', status: 400, code: 'malformed_json' },
  { name: 'a truncated body', payload: body(good).slice(0, -5), status: 400, code: 'malformed_json' },
  { name: 'an array', payload: '[]', status: 400, code: 'invalid_request', pointer: '' },
  { name: 'null', payload: 'null', status: 400, code: 'invalid_request', pointer: '' },
  { name: 'a number', payload: '1e999', status: 400, code: 'invalid_request', pointer: '' },
  { name: 'an empty object', payload: '{}', status: 400, code: 'invalid_request', pointer: '/channel' },
  {
    name: 'a mis-typed text',
    payload: body({ ...good, text: 7 }),
    status: 400,
    code: 'invalid_request',
    pointer: '/text',
  },
  {
    name: 'an unknown channel',
    payload: body({ ...good, channel: 'fax' }),
    status: 400,
    code: 'invalid_request',
    pointer: '/channel',
  },
  {
    name: 'an unknown field',
    payload: body({ ...good, txet: 'x' }),
    status: 400,
    code: 'invalid_request',
    pointer: '/txet',
  },
  {
    name: 'an unknown nested field',
    payload: body({ ...good, citizen: { 'a/b~c': 1 } }),
    status: 400,
    code: 'invalid_request',
    pointer: '/citizen/a~1b~0c',
  },
  {
    name: 'a wrong coordinate',
    payload: body({ ...good, place: { lat: 400 } }),
    status: 400,
    code: 'invalid_request',
    pointer: '/place/lat',
  },
  {
    name: 'an attachment over http',
    payload: body({ ...good, attachments: [{ url: 'http://a.example/x' }] }),
    status: 400,
    code: 'invalid_request',
    pointer: '/attachments/0/url',
  },
  {
    name: 'a local time',
    payload: body({ ...good, occurredAt: '22.11.2026 09:00' }),
    status: 400,
    code: 'invalid_request',
    pointer: '/occurredAt',
  },
  {
    name: 'neither text nor attachment',
    payload: body({ ...good, text: '  ' }),
    status: 400,
    code: 'invalid_request',
    pointer: '/text',
  },
  {
    name: 'no key to know it by',
    payload: body({ channel: 'sms', text: 'x' }),
    status: 400,
    code: 'invalid_request',
    pointer: '/sourceId',
  },
  {
    name: 'a sourceId that is too long',
    payload: body({ ...good, sourceId: 'x'.repeat(256) }),
    status: 400,
    code: 'invalid_request',
    pointer: '/sourceId',
  },
  {
    name: 'an unknown account',
    payload: body({ ...good, account: 'nobody' }),
    status: 404,
    code: 'unknown_account',
  },
  {
    name: 'an unknown upload',
    payload: body({ ...good, attachments: [{ upload: 'up_x' }] }),
    status: 422,
    code: 'unknown_upload',
  },
  {
    name: '__proto__',
    payload: '{"__proto__":{"admin":true},"channel":"sms"}',
    status: 400,
    code: 'malformed_json',
  },
  {
    name: '__proto__ inside extra',
    payload: '{"sourceId":"a","channel":"sms","text":"x","extra":{"a":{"__proto__":{}}}}',
    status: 400,
    code: 'malformed_json',
  },
  {
    name: '__proto__ written with an escape',
    payload: '{"\\u005f_proto__":{"x":1},"channel":"sms"}',
    status: 400,
    code: 'malformed_json',
  },
  {
    name: 'constructor.prototype',
    payload: '{"constructor":{"prototype":{"x":1}}}',
    status: 400,
    code: 'malformed_json',
  },
  { name: '10,000-deep JSON', payload: deep(10_000), status: 400, code: 'invalid_request', pointer: '' },
  {
    name: '10,000-deep JSON inside extra',
    payload: `{"sourceId":"a","channel":"sms","text":"x","extra":{"a":${deep(10_000)}}}`,
    status: 400,
    code: 'invalid_request',
    pointer: '',
  },
  {
    name: '10,000 nested objects',
    payload: `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    status: 400,
    code: 'invalid_request',
    pointer: '',
  },
  {
    name: 'half a million open brackets',
    payload: '['.repeat(500_000),
    status: 400,
    code: 'invalid_request',
    pointer: '',
  },
  {
    name: 'Latin-5 bytes that claim UTF-8',
    payload: Buffer.from([0x22, 0xfe, 0xfd, 0x22]),
    status: 400,
    code: 'malformed_json',
  },
  {
    name: 'a cp1254 charset',
    payload: body(good),
    contentType: 'application/json; charset=windows-1254',
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'UTF-16',
    payload: Buffer.from(body(good), 'utf16le'),
    contentType: 'application/json; charset=utf-16',
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'a form',
    payload: 'channel=sms&text=x',
    contentType: 'application/x-www-form-urlencoded',
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'plain text',
    payload: 'merhaba',
    contentType: 'text/plain',
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'a body past its limit',
    payload: body({ ...good, text: 'x'.repeat(1_100_000) }),
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'a text past its limit',
    payload: body({ ...good, text: 'x'.repeat(100_001) }),
    status: 400,
    code: 'invalid_request',
    pointer: '/text',
  },
];

describe('POST /v1/messages refuses', () => {
  it.each(rows)('$name', async ({ payload, contentType = json, status, code, pointer }) => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.key}`, 'content-type': contentType },
      body: payload,
    });
    const problem = problemAnswer.parse(await response.json());
    expect({ status: response.status, code: problem.code }).toEqual({ status, code });
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    if (pointer !== undefined) {
      expect((problem.errors ?? []).map((error) => error.pointer)).toContain(pointer);
    }
    expect(server.gateway.state.records.size).toBe(0);
  });
});

/** Speaks bytes, not HTTP; everything that came back until the other side closed. */
function raw(pieces: readonly (string | Buffer)[], everyMs = 0): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let got = '';
    let at = 0;
    const next = (): void => {
      const piece = pieces[at++];
      if (piece === undefined || socket.destroyed) return;
      socket.write(piece);
      setTimeout(next, everyMs);
    };
    socket.on('connect', next);
    socket.on('data', (data) => {
      got += data.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(got));
  });
}

const head = (lines: string): string =>
  `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.key}\r\nContent-Type: application/json\r\n${lines}\r\n`;

describe('on the socket', () => {
  it.each([
    { name: 'no HTTP at all', send: () => ['hello there\r\n\r\n'], status: 400, code: 'invalid_request' },
    {
      name: 'headers past their limit',
      send: () => [head(`X-Long: ${'a'.repeat(20_000)}\r\n`)],
      status: 431,
      code: 'headers_too_large',
    },
    {
      name: 'two different lengths',
      send: () => [head('Content-Length: 5\r\nContent-Length: 6\r\n'), 'hello'],
      status: 400,
      code: 'invalid_request',
    },
    {
      name: 'a length and chunks at once',
      send: () => [head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'), '0\r\n\r\n'],
      status: 400,
      code: 'invalid_request',
    },
    {
      name: 'a length that is no number',
      send: () => [head('Content-Length: five\r\n'), 'hello'],
      status: 400,
      code: 'invalid_request',
    },
    {
      name: 'broken chunks',
      send: () => [head('Transfer-Encoding: chunked\r\n'), 'zz\r\nhello\r\n'],
      status: 400,
      code: 'invalid_request',
    },
    {
      name: 'a bad escape in the address',
      send: () => ['GET /v1/records/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
      status: 400,
      code: 'invalid_request',
    },
  ])('$name is answered $status', async ({ send, status, code }) => {
    const answer = await raw(send());
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(`"code":"${code}"`);
  });

  it.each([
    {
      name: 'trickled headers',
      send: () => [...'GET /healthz HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    },
    {
      name: 'a trickled body',
      send: () => [
        head('Content-Length: 5000\r\n'),
        ...'{"text":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      ],
    },
    {
      name: 'a trickled chunked body',
      send: () => [head('Transfer-Encoding: chunked\r\n'), ...Array<string>(60).fill('1\r\na\r\n')],
    },
    {
      name: 'a trickled upload',
      send: () => [
        head('Content-Length: 5000\r\n').replace('/v1/messages', '/v1/uploads').replace(json, 'image/png'),
        ...'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      ],
    },
    {
      name: 'a trickled webhook',
      send: () => [
        head('Content-Length: 5000\r\n').replace('/v1/messages', '/webhooks/sms-example/sms-153'),
        ...'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      ],
    },
    {
      name: 'a trickled body to nowhere',
      send: () => [
        head('Content-Length: 5000\r\n').replace('/v1/messages', '/nowhere'),
        ...'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      ],
      code: 'not_found',
    },
    {
      name: 'a trickled body without a key',
      send: () => [
        head('Content-Length: 5000\r\n').replace(server.key, 'kapi_x'),
        ...'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      ],
      code: 'unauthorized',
    },
  ])(
    '$name is closed with an answer, before the sender is done',
    async ({ send, code = 'request_timeout' }) => {
      const pieces = send();
      const answer = await raw(pieces, 200);
      expect(answer).toContain(`"code":"${code}"`);
    },
  );

  it('a connection that says nothing is closed', async () => {
    await raw([]);
  });
});

describe('200 MB', () => {
  // Time enough to send it all on a busy machine.
  let patient: TestingServer;
  let door: number;
  beforeAll(async () => {
    patient = await testingServer({ limits: { bodySeconds: 25 } });
    door = await patient.listen();
  });
  afterAll(() => patient.app.close());

  const chunk = Buffer.alloc(256 * 1024, 0x20);
  const size = 200 * 1024 * 1024;

  async function flood(
    path: string,
    contentType: string,
    chunked: boolean,
  ): Promise<{ answer: string; grew: number }> {
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    let most = 0;
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(door, '127.0.0.1');
      let got = '';
      let sent = 0;
      let whole = false;
      const write = (): void => {
        while (sent < size) {
          sent += chunk.length;
          const now = process.memoryUsage();
          most = Math.max(most, now.arrayBuffers + now.heapUsed - before);
          if (chunked) socket.write(`${chunk.length.toString(16)}\r\n`);
          const room = socket.write(chunk);
          if (chunked) socket.write('\r\n');
          if (!room) return void socket.once('drain', write);
        }
        if (chunked) socket.write('0\r\n\r\n');
        whole = true;
        end();
      };
      // A sender that looks up only when it has sent everything must be let finish.
      const end = (): void => {
        if (!whole || !got.includes('\r\n\r\n{') || !got.trimEnd().endsWith('}')) return;
        socket.destroy();
        resolve(got);
      };
      socket.on('connect', () => {
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${patient.key}\r\nContent-Type: ${contentType}\r\n${chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`}\r\n\r\n`,
        );
        write();
      });
      socket.on('data', (data) => {
        got += data.toString('latin1');
        end();
      });
      socket.on('error', reject);
    });
    return { answer, grew: most };
  }

  it.each([
    { path: '/v1/messages', contentType: json, chunked: false },
    { path: '/v1/messages', contentType: json, chunked: true },
    { path: '/v1/uploads', contentType: 'image/png', chunked: true },
    { path: '/v1/uploads', contentType: 'image/png', chunked: false },
    { path: '/webhooks/sms-example/sms-153', contentType: 'text/plain', chunked: true },
    { path: '/webhooks/sms-example/sms-153', contentType: 'text/plain', chunked: false },
  ])(
    'to $path (chunked: $chunked) is answered 413 and never held',
    async ({ path, contentType, chunked }) => {
      const { answer, grew } = await flood(path, contentType, chunked);
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(answer).toContain('"code":"body_too_large"');
      expect(grew).toBeLessThan(100 * 1024 * 1024);
      expect(patient.gateway.state.records.size).toBe(0);
    },
  );
});

describe('repeats and strange names', () => {
  const post = (value: unknown) =>
    server.app.inject({
      method: 'POST',
      url: '/v1/messages',
      headers: { authorization: `Bearer ${server.key}` },
      payload: value === undefined ? '' : body(value),
    });
  const send = (value: unknown) =>
    fetch(`http://127.0.0.1:${port}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.key}`, 'content-type': json },
      body: body(value),
    });

  it('the same message 1,000 times at once is one record with one number', async () => {
    const message = { ...good, sourceId: 'many' };
    const responses = await Promise.all(
      Array.from({ length: 1000 }, () =>
        server.app.inject({
          method: 'POST',
          url: '/v1/messages',
          headers: { authorization: `Bearer ${server.key}`, 'content-type': json },
          payload: body(message),
        }),
      ),
    );
    expect(new Set(responses.map((response) => response.json().number)).size).toBe(1);
    expect(responses.filter(({ statusCode }) => statusCode === 202)).toHaveLength(1);
    expect(responses.filter(({ statusCode }) => statusCode === 200)).toHaveLength(999);
    expect(server.gateway.state.records.size).toBe(1);
  });

  it('the same key with other content is 422 and stores nothing', async () => {
    await send({ ...good, sourceId: 'conflict' });
    const response = await send({ ...good, sourceId: 'conflict', text: 'başka' });
    expect(response.status).toBe(422);
    expect(problemAnswer.parse(await response.json()).code).toBe('idempotency_conflict');
    expect(server.gateway.state.records.size).toBe(1);
  });

  it.each([
    'a"b\'c',
    'line\nbreak\r\n',
    '../../etc/passwd',
    '__proto__',
    'constructor',
    "'; drop table records; --",
    '\u0000x',
    '😀',
  ])('a sourceId of %j is only data', async (sourceId) => {
    const first = await send({ ...good, sourceId });
    const second = await send({ ...good, sourceId });
    expect([first.status, second.status]).toEqual([202, 200]);
  });

  it('names of fields that objects inherit are unknown fields like any other', async () => {
    const response = await send({ ...good, toString: 1, hasOwnProperty: 2 });
    expect(problemAnswer.parse(await response.json()).errors?.map((error) => error.pointer)).toEqual([
      '/toString',
      '/hasOwnProperty',
    ]);
  });

  it('a body without a content type is answered 415', async () => {
    const response = await post(good);
    expect(response.statusCode).toBe(415);
  });
});
