import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpLimits } from './config.ts';
import { type TestingServer, testingServer } from './testing-server.ts';

let server: TestingServer;
let port: number;
const open: AbortController[] = [];

async function serve(limits: Partial<HttpLimits> = {}): Promise<void> {
  server = await testingServer({ limits });
  port = await server.listen();
}
beforeEach(() => serve());
afterEach(async () => {
  for (const controller of open.splice(0)) controller.abort();
  await server.app.close();
});

let count = 0;
const handIn = (message: object = {}) =>
  server.app.inject({
    method: 'POST',
    url: '/v1/messages',
    headers: { authorization: `Bearer ${server.key}` },
    payload: {
      sourceId: `s-${count++}`,
      channel: 'sms',
      text: 'Çöp alınmadı',
      citizen: { name: 'Ayşe Yılmaz' },
      ...message,
    },
  });

interface Stream {
  /** Reads on until the text holds `what`. */
  until(what: string): Promise<string>;
  ended(): Promise<string>;
}

async function stream(headers: Record<string, string> = {}, query = '', key = server.key): Promise<Stream> {
  const controller = new AbortController();
  open.push(controller);
  const response = await fetch(`http://127.0.0.1:${port}/v1/stream${query}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    signal: controller.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const more = async (): Promise<boolean> => {
    const next = await reader?.read();
    if (next === undefined || next.done) return false;
    text += next.value;
    return true;
  };
  return {
    async until(what) {
      while (!text.includes(what)) if (!(await more())) throw new Error(`ended without ${what}: ${text}`);
      return text;
    },
    async ended() {
      while (await more());
      return text;
    },
  };
}

describe('the stream', () => {
  it('tells of events as they happen, masked', async () => {
    await handIn();
    const watching = await stream();
    await watching.until('retry:');
    const { number } = (await handIn()).json();
    const text = await watching.until(number);
    expect(text).toContain('id: 2\nevent: received\n');
    expect(text).not.toContain('id: 1\n');
    expect(text).toContain('A*** Y***');
    expect(text).not.toContain('Yılmaz');
  });

  it('goes on after Last-Event-ID without a gap or a repeat', async () => {
    for (let i = 0; i < 5; i++) await handIn();
    const text = await (await stream({ 'last-event-id': '2' })).until('id: 5');
    expect([...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1])).toEqual(['3', '4', '5']);
  });

  it.each([
    { name: 'too old', position: '0', drop: 3 },
    { name: 'from another life of the store', position: '99', drop: 0 },
  ])('a position $name gets one reset and goes on from now', async ({ position, drop }) => {
    for (let i = 0; i < 5; i++) await handIn();
    for (const number of [...server.gateway.state.records.keys()].slice(0, drop))
      server.gateway.state.records.delete(number);
    const watching = await stream({}, `?position=${position}`);
    await watching.until('event: reset\ndata: {"position":5}');
    await handIn();
    const text = await watching.until('id: 6');
    expect(text.match(/event: reset/g)).toHaveLength(1);
    expect(text).not.toMatch(/event: received\n.*\n\nid: 5/);
  });

  it.each(['abc', '-1', '1.5', '99999999999999999999', ' '])(
    'Last-Event-ID «%s», which is none of ours, gets one reset too',
    async (last) => {
      await handIn();
      const watching = await stream({ 'last-event-id': last });
      await watching.until('event: reset\ndata: {"position":1}');
      await handIn();
      expect((await watching.until('id: 2')).match(/event: reset/g)).toHaveLength(1);
    },
  );

  it('never names a confidential record to a reader that does not reveal', async () => {
    const watching = await stream();
    await watching.until('retry:');
    const hidden = (await handIn({ anonymity: 'confidential', citizen: { name: 'Gizli Kişi' } })).json()
      .number;
    const shown = (await handIn()).json().number;
    const text = await watching.until(shown);
    expect(text).not.toContain(hidden);
  });

  it('shows records in clear to a key that reveals, and writes each down', async () => {
    const watching = await stream({}, '?reveal=kriz+masas%C4%B1');
    await watching.until('retry:');
    const { number } = (await handIn({ anonymity: 'confidential' })).json();
    expect(await watching.until(number)).toContain('Ayşe Yılmaz');
    expect(server.gateway.state.revealed).toEqual([{ number, actor: 'key:tester', reason: 'kriz masası' }]);
  });

  it('does not reveal to a key without the scope', async () => {
    const key = server.gateway.grant('clerk', ['records:read']);
    const response = await server.app.inject({
      url: '/v1/stream?reveal=merak',
      headers: { authorization: `Bearer ${key}` },
    });
    expect(response.statusCode).toBe(403);
  });

  it('keeps a quiet line open with comments, and ends it when the key is revoked', async () => {
    await server.app.close();
    await serve({ streamHeartbeatSeconds: 0.05, keyCacheSeconds: 0.05 });
    const key = server.gateway.grant('console', ['records:read']);
    const watching = await stream({}, '', key);
    await watching.until(': heartbeat');
    await server.gateway.operations.revokeKey('console', { name: 'cli', scopes: new Set(), account: '' });
    await watching.ended();
  });

  it('ends when the key is revoked, however busy the line is', async () => {
    await server.app.close();
    await serve({ streamHeartbeatSeconds: 0.2, keyCacheSeconds: 0.05 });
    const key = server.gateway.grant('console', ['records:read']);
    const watching = await stream({}, '', key);
    await watching.until('retry:');
    let over = false;
    const busy = (async () => {
      while (!over) await Promise.all([handIn({ text: 'Çöp alınmadı' }), wait(10)]);
    })();
    await server.gateway.operations.revokeKey('console', { name: 'cli', scopes: new Set(), account: '' });
    await watching.ended();
    over = true;
    await busy;
  });

  it('refuses more streams than it may hold, and takes one again when one has gone', async () => {
    await server.app.close();
    await serve({ maxStreams: 1 });
    await (await stream()).until('retry:');
    const status = async () => {
      const controller = new AbortController();
      open.push(controller);
      const response = await fetch(`http://127.0.0.1:${port}/v1/stream`, {
        headers: { authorization: `Bearer ${server.key}` },
        signal: controller.signal,
      });
      return response.status;
    };
    expect(await status()).toBe(503);
    open[0]?.abort();
    while ((await status()) !== 200) await wait(10);
  });

  it('cuts a reader that does not read, having held no more than a page for it', async () => {
    await server.app.close();
    await serve({ slowReaderSeconds: 1 });
    for (let i = 0; i < 400; i++) await handIn({ text: 'x'.repeat(50_000) });
    const socket = connect(port, '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.write(
      `GET /v1/stream?position=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.key}\r\n\r\n`,
    );
    socket.pause();
    const connections = () =>
      new Promise<number>((resolve) => server.app.server.getConnections((_, open) => resolve(open)));
    while ((await connections()) === 0) await wait(10);
    while ((await connections()) > 0) await wait(50);
    socket.resume();
    await closed;
  });
});
