import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { codeOf } from '@kapi/contract';
import { afterEach, expect, test } from 'vitest';
import { guardSocket, isPublicAddress } from './address-guard.ts';
import { createHttpClient, type HttpClientOptions } from './http-client.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const closable of open.splice(0)) closable.close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(options: HttpClientOptions = {}) {
  const http = createHttpClient(options);
  open.push(http);
  return http;
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => codeOf(error) ?? error,
  );

for (const url of [
  'https://127.0.0.1/',
  'https://2130706433/',
  'https://0x7f.1/',
  'https://0177.0.0.1/',
  'https://127.1/',
  'https://[::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::127.0.0.1]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[fe80::1]/',
  'https://[fc00::1]/',
  'https://127.0.0.1./',
  'https://①②⑦.0.0.1/',
  'https://0/',
  'https://10.1.2.3/',
  'https://172.16.0.1/',
  'https://192.168.1.1/',
  'https://169.254.169.254/latest/meta-data/',
  'https://100.64.0.1/',
  'https://localhost/',
  'https://a.localhost/',
  'https://localhost./',
  'https://printer/',
  'https://metadata.google.internal/',
  'https://user:pass@example.org/',
  'http://example.org/',
  'ftp://example.org/',
  'file:///etc/passwd',
  'not a url',
]) {
  test(`${url} is refused before any lookup or connection`, async () => {
    let lookups = 0;
    const http = client({
      resolve: async () => {
        lookups += 1;
        return [];
      },
    });
    expect(await failure(http(url))).toBe('address_guarded');
    expect(lookups).toBe(0);
  });
}

for (const [name, answers] of [
  ['loopback', ['127.0.0.1']],
  ['a private address among public ones', ['93.184.216.34', '10.0.0.1']],
  ['loopback inside IPv6', ['::ffff:127.0.0.1']],
  ['a link-local address', ['fe80::1%eth0']],
] as const) {
  test(`a name that resolves to ${name} is refused`, async () => {
    const http = client({
      resolve: async () => answers.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    });
    expect(await failure(http('https://example.org/'))).toBe('address_guarded');
  });
}

test('a name that is rebound between two requests is checked each time', async () => {
  const answers = ['192.0.2.1', '93.184.216.34', '127.0.0.1'];
  const asked: string[] = [];
  const http = client({
    timeoutMs: 150,
    resolve: async () => {
      const address = answers[asked.length] ?? '127.0.0.1';
      asked.push(address);
      return [{ address, family: 4 }];
    },
  });
  expect(await failure(http('https://rebinding.example.org/'))).toBe('address_guarded');
  // A public answer is dialled: nothing answers here, which is a passing failure, not a refusal.
  expect(await failure(http('https://rebinding.example.org/'))).toBe('provider_unavailable');
  expect(await failure(http('https://rebinding.example.org/'))).toBe('address_guarded');
  expect(asked).toEqual(answers);
});

test('a socket that ended up at a private address is destroyed before a byte is said', async () => {
  const heard: Buffer[] = [];
  const server = createTcpServer((socket) => socket.on('data', (chunk) => heard.push(chunk)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(server);
  const socket = guardSocket(connect((server.address() as AddressInfo).port, '127.0.0.1'));
  socket.write('secret');
  const error = await new Promise((resolve) => socket.once('error', resolve));
  expect(codeOf(error)).toBe('address_guarded');
  await new Promise<void>((resolve) => server.close(() => resolve()));
  expect(heard).toEqual([]);
});

test('public and special addresses are told apart', () => {
  for (const address of ['8.8.8.8', '93.184.216.34', '2606:2800:220:1::1', '::ffff:8.8.8.8']) {
    expect(isPublicAddress(address), address).toBe(true);
  }
  for (const address of [
    '224.0.0.1',
    '255.255.255.255',
    '198.18.0.1',
    '2001:db8::1',
    '2002:7f00:1::',
    '::',
    'x',
    '',
  ]) {
    expect(isPublicAddress(address), address).toBe(false);
  }
});

test('an origin the operator allows is reached; the same host on another port is not', async () => {
  const origin = await serve((request, response) =>
    response.end(`${request.method} ${request.headers['x-one']}`),
  );
  const http = client({ allowedOrigins: [origin] });
  const response = await http(`${origin}/a`, { method: 'POST', headers: { 'x-one': '1' }, body: 'ığş' });
  expect([response.status, await response.text()]).toEqual([200, 'POST 1']);
  expect(await failure(http('http://127.0.0.1:9/'))).toBe('address_guarded');
});

test('a redirect is handed over, not followed', async () => {
  const origin = await serve((_, response) =>
    response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
  );
  const response = await client({ allowedOrigins: [origin] })(origin);
  expect([response.status, response.headers.location]).toEqual([302, 'http://169.254.169.254/']);
});

for (const [name, headers] of [
  ['announced', { 'content-length': '1000000' }],
  ['found while reading', {}],
] as const) {
  test(`a body past the cap is refused, ${name}`, async () => {
    const origin = await serve((_, response) =>
      response.writeHead(200, headers).end(Buffer.alloc(1_000_000)),
    );
    const reading = client({ allowedOrigins: [origin] })(origin, { maxBytes: 1000 }).then((answer) =>
      answer.bytes(),
    );
    expect(await failure(reading)).toBe('media_refused');
  });
}

test('a time-out before an answer may be repeated for GET; the fate of a POST is unknown', async () => {
  const origin = await serve(() => undefined);
  const http = client({ allowedOrigins: [origin], timeoutMs: 100 });
  expect(await failure(http(origin))).toBe('provider_unavailable');
  expect(await failure(http(origin, { method: 'POST', body: 'x' }))).toBeInstanceOf(Error);
});

test('a POST that found no connection may be repeated', async () => {
  const origin = await serve(() => undefined);
  for (const closable of open.splice(0)) closable.close();
  const http = client({ allowedOrigins: [origin] });
  expect(await failure(http(origin, { method: 'POST', body: 'x' }))).toBe('provider_unavailable');
});

test('the time cap holds while a body trickles', async () => {
  const origin = await serve((_, response) => {
    response.writeHead(200).write('a');
  });
  const response = await client({ allowedOrigins: [origin], timeoutMs: 150 })(origin);
  expect(await failure(response.text())).toBe('provider_unavailable');
});

test('a body can be streamed and text can be asked twice', async () => {
  const origin = await serve((_, response) => response.end('merhaba'));
  const http = client({ allowedOrigins: [origin] });
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await http(origin)).stream()) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe('merhaba');
  const response = await http(origin);
  expect([await response.text(), await response.text()]).toEqual(['merhaba', 'merhaba']);
});
