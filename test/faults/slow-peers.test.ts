import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { percentile, scaled, tell, until } from './harness/chance.ts';
import { type Home, openHome, type Run } from './harness/gateway.ts';
import { call, json } from './harness/http.ts';

const minutes = 60_000;
let home: Home | undefined;
let patient: Home | undefined;
const sockets: Socket[] = [];
const timers: NodeJS.Timeout[] = [];
afterEach(async () => {
  for (const timer of timers.splice(0)) clearInterval(timer);
  for (const socket of sockets.splice(0)) socket.destroy();
  await home?.close();
  await patient?.close();
});

interface Peer {
  readonly kind: string;
  readonly closed: () => boolean;
}

/** A connection that says its opening, then `rest` again and again, and reads or does not: that one learns of its end only by writing. */
function open(run: Run, kind: string, opening: string, rest: string | undefined, reads: boolean): Peer {
  let closed = false;
  const socket = connect(Number(new URL(run.url).port), '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  if (reads) socket.resume();
  else socket.pause();
  socket.write(opening);
  if (rest !== undefined) timers.push(setInterval(() => closed || socket.write(rest), 250));
  return { kind, closed: () => closed };
}

const head = (run: Run) => `Host: kapi.test\r\nAuthorization: Bearer ${run.key}\r\n`;

/** One of each kind of peer that would hold a socket for ever. */
function slowPeer(run: Run, kind: number): Peer {
  switch (kind) {
    case 0:
      return open(run, 'headers', 'POST /v1/messages HTTP/1.1\r\nHost: kapi.test\r\n', 'X-Slow: a\r\n', true);
    case 1:
      return open(
        run,
        'body',
        `POST /v1/messages HTTP/1.1\r\n${head(run)}Content-Type: application/json\r\nContent-Length: 9000\r\n\r\n{`,
        ' ',
        true,
      );
    case 2:
      return open(
        run,
        'webhook',
        'POST /webhooks/sms-twilio/sms HTTP/1.1\r\nHost: kapi.test\r\nContent-Length: 9000\r\n\r\nB',
        'a',
        true,
      );
    default:
      // At most as many streams as the house keeps.
      return open(
        run,
        'reader',
        `GET /v1/stream HTTP/1.1\r\n${head(run)}Last-Event-ID: 0\r\n\r\n`,
        '\r\n',
        false,
      );
  }
}

it('two hundred slow peers are closed in time while others are served', {
  timeout: 3 * minutes,
}, async () => {
  home = openHome();
  const run = await home.start();
  // Enough for a stream that does not fit into what the system buffers.
  const line = (n: number) =>
    JSON.stringify({ sourceId: `s${n}`, channel: 'phone', text: 'Yol çöktü. '.repeat(9_000) });
  for (let batch = 0; batch < 5; batch += 1) {
    const body = Array.from({ length: 50 }, (_, n) => line(batch * 50 + n)).join('\n');
    const headers = { authorization: `Bearer ${run.key}`, 'content-type': 'application/x-ndjson' };
    expect((await call(run.url, { path: '/v1/messages/batch', headers, body })).status).toBe(200);
  }
  const each = scaled(200);
  // A reader holds what the system buffers for it: a few are enough.
  const peers = Array.from({ length: each }, (_, n) => slowPeer(run, n % 20 === 19 ? 3 : n % 3));
  const healthy: number[] = [];
  let n = 0;
  const beganAt = performance.now();
  const closedAt = new Map<string, number>();
  await until(
    'the slow peers to be closed',
    async () => {
      n += 1;
      const answer = await call(
        run.url,
        json(run.key, { sourceId: `h${n}`, channel: 'phone', text: 'Su yok, iki gündür.' }),
      );
      expect(answer.status).toBe(202);
      healthy.push(answer.tookMs);
      for (const kind of new Set(peers.map((peer) => peer.kind))) {
        const all = peers.filter((peer) => peer.kind === kind).every(({ closed }) => closed());
        if (all && !closedAt.has(kind)) closedAt.set(kind, performance.now() - beganAt);
      }
      return closedAt.size === 4;
    },
    90_000,
  ).catch((cause: unknown) => {
    const left = peers.filter(({ closed }) => !closed()).map(({ kind }) => kind);
    throw new Error(`${left.length} are open: ${[...new Set(left)].join(', ')}`, { cause });
  });
  tell('R11 slow peers', {
    sockets: peers.length,
    ...Object.fromEntries([...closedAt].map(([kind, ms]) => [`${kind} closed after s`, ms / 1000])),
    healthy: healthy.length,
    'healthy p50 ms': percentile(healthy, 0.5),
    'healthy p99 ms': percentile(healthy, 0.99),
  });
  expect(await run.stop()).toEqual({ code: 0, signal: null });
});

it('would be seen if it had no time-out: beside one that has, its peers stay open', {
  timeout: 2 * minutes,
}, async () => {
  home = openHome();
  patient = openHome();
  const honest = await home.start();
  const broken = await patient.start({ sabotage: 'waits-for-ever' });
  const kinds = [0, 1, 2];
  const waitedFor = kinds.map((kind) => slowPeer(broken, kind));
  // Twice as long as the honest one takes.
  for (const round of ['the first', 'the second']) {
    const peers = kinds.map((kind) => slowPeer(honest, kind));
    await until(`${round} slow peers to be closed`, () => peers.every(({ closed }) => closed()), 60_000);
  }
  const left = waitedFor.filter(({ closed }) => !closed()).map(({ kind }) => kind);
  tell('R11 control', { peers: waitedFor.length, 'left open': left.join(', ') });
  expect(left).toEqual(['headers', 'body', 'webhook']);
});

it('leaves open a peer that is quick enough', {
  timeout: minutes,
}, async () => {
  home = openHome();
  const run = await home.start();
  const open25 = 'x'.repeat(2_000);
  const quick = open(
    run,
    'quick',
    `POST /v1/uploads HTTP/1.1\r\nHost: kapi.test\r\nAuthorization: Bearer ${run.key}\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\nContent-Length: 9000000\r\n\r\n`,
    open25,
    true,
  );
  const slow = open(
    run,
    'body',
    'POST /v1/messages HTTP/1.1\r\nHost: kapi.test\r\nContent-Length: 9\r\n\r\n',
    undefined,
    true,
  );
  await until('the slow one to be closed', () => slow.closed(), 30_000);
  expect(quick.closed()).toBe(false);
});
