import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test } from 'vitest';
import { alarmsByMail, alarmsByWebhook } from './alarm-ways.ts';
import { type AlarmStore, type AlarmsOptions, alarmFile, createAlarms, type Telling } from './alarms.ts';
import { createTestClock } from './clock.ts';
import { createHttpClient } from './http-client.ts';
import { createLog, redactingLogger } from './log.ts';

const log = redactingLogger(createLog({ level: 'silent' }));
const minute = 60_000;

function memory(): AlarmStore {
  let kept = '{"alarms":[]}';
  return {
    load: async () => JSON.parse(kept),
    save: async (state) => {
      kept = JSON.stringify(state);
    },
  };
}

function house(options: Partial<AlarmsOptions> = {}) {
  const told: Telling[] = [];
  const clock = createTestClock(Date.parse('2026-11-22T12:00:00+03:00'));
  const alarms = createAlarms({
    institution: 'ornek',
    people: [{ name: 'Nöbetçi', email: 'nobet@example.org' }],
    ways: [{ reaches: () => true, tell: async (_, telling) => void told.push(telling) }],
    repeatMinutes: 15,
    store: memory(),
    clock,
    log,
    ...options,
  });
  return { alarms, clock, told };
}

test('the same alarm is told once however often it is raised, another subject by itself', async () => {
  const { alarms, told } = house();
  await Promise.all(Array.from({ length: 50 }, () => alarms.raise('account-down', 'sms-153', 'cevap yok')));
  await alarms.raise('account-down', 'posta', 'cevap yok');
  expect(told.map(({ subject }) => subject)).toEqual(['sms-153', 'posta']);
  expect((await alarms.open())[0]?.count).toBe(50);
});

test('many of a kind at one moment are told in one message that lists them, and each ends by itself', async () => {
  const { alarms, clock, told } = house();
  await Promise.all(
    Array.from({ length: 200 }, (_, n) => alarms.raise('promise', `SOK-26-${n}`, `söz aşıldı: SOK-26-${n}`)),
  );
  await alarms.raise('books', 'item', 'fark 1');
  const listed = told.filter(({ kind }) => kind === 'promise').map(({ text }) => text);
  expect(listed.length).toBeLessThanOrEqual(2);
  expect(listed.join('\n')).toContain('SOK-26-0');
  expect(told.at(-1)).toMatchObject({ kind: 'books', subject: 'item', text: 'fark 1' });
  expect(await alarms.open()).toHaveLength(201);
  told.length = 0;
  clock.advance(15 * minute);
  await alarms.tick();
  expect(told).toMatchObject([{ kind: 'promise', subject: '200', count: 200 }, { kind: 'books' }]);
  expect(told[0]?.text).toContain('(+150)');
  await alarms.clear('promise', 'SOK-26-7');
  expect(await alarms.open()).toHaveLength(200);
});

test('a critical alarm is repeated until someone acknowledges it; a warning is not', async () => {
  const { alarms, clock, told } = house();
  await alarms.raise('books', 'item', 'fark 1');
  await alarms.raise('disk', 'data', 'az yer', 'warning');
  const ticks = async (minutes: number) => {
    clock.advance(minutes * minute);
    await alarms.tick();
    return told.splice(0).map(({ kind }) => kind);
  };
  expect(await ticks(0)).toEqual(['books', 'disk']);
  expect(await ticks(14)).toEqual([]);
  expect(await ticks(1)).toEqual(['books']);
  expect(await ticks(15)).toEqual(['books']);
  const [books] = await alarms.open();
  const id = (await alarms.open()).find(({ kind }) => kind === 'books')?.id ?? '';
  expect(books).toBeDefined();
  expect(await alarms.acknowledge(id, 'ayşe')).toBe(true);
  expect(await ticks(60)).toEqual([]);
  expect(await alarms.acknowledge('nobody', 'ayşe')).toBe(false);
});

test('a cleared alarm is new when it is raised again, even after it was acknowledged', async () => {
  const { alarms, told } = house();
  await alarms.raise('account-down', 'posta', 'x');
  await alarms.acknowledge((await alarms.open())[0]?.id ?? '', 'ayşe');
  await alarms.clear('account-down', 'posta');
  expect(await alarms.open()).toEqual([]);
  await alarms.raise('account-down', 'posta', 'x');
  expect(told).toHaveLength(2);
});

test('an alarm that reached nobody is tried again at the next tick', async () => {
  let down = true;
  const told: string[] = [];
  const { alarms } = house({
    ways: [
      {
        reaches: () => true,
        tell: async (_, { kind }) => {
          if (down) throw new Error('no route');
          told.push(kind);
        },
      },
    ],
  });
  await alarms.raise('books', 'item', 'fark');
  await alarms.tick();
  expect(told).toEqual([]);
  down = false;
  await alarms.tick();
  await alarms.tick();
  expect(told).toEqual(['books']);
});

test('a way that fails does not keep the others from telling', async () => {
  const told: string[] = [];
  const { alarms } = house({
    ways: [
      { reaches: () => true, tell: () => Promise.reject(new Error('no')) },
      { reaches: () => true, tell: async (person) => void told.push(person.name) },
    ],
  });
  await alarms.raise('books', 'item', 'fark');
  await alarms.tick();
  expect(told).toEqual(['Nöbetçi']);
});

test('personal patterns in an alarm are masked, record numbers stay', async () => {
  const { alarms, told } = house();
  await alarms.raise(
    'emergency',
    'SOK-26-0001234-9',
    'SOK-26-0001234-9: 10000000146, 0532 123 45 67, a@example.org',
  );
  expect(told[0]?.text).toContain('SOK-26-0001234-9');
  expect(told[0]?.text).not.toMatch(/10000000146|123 45|a@ex/);
});

test('the heartbeat comes once a day at its time, names what is open, and not for days before the first start', async () => {
  const { alarms, clock, told } = house({ dailyHeartbeatAt: '09:00' });
  await alarms.tick();
  expect(told).toEqual([]);
  clock.advance(20 * 60 * minute + 59 * minute);
  await alarms.tick();
  expect(told).toEqual([]);
  await alarms.raise('disk', 'data', 'az yer', 'warning');
  told.length = 0;
  clock.advance(minute);
  await alarms.tick();
  await alarms.tick();
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ type: 'heartbeat', text: 'çalışıyorum\ndisk data: az yer' });
});

test('what was raised, told and acknowledged outlives a restart; a torn file is an empty one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kapi-alarms-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'alarms.json');
  const first = house({ store: alarmFile(path) });
  await first.alarms.raise('books', 'item', 'fark');
  const second = house({ store: alarmFile(path) });
  await second.alarms.tick();
  expect(second.told).toEqual([]);
  expect((await second.alarms.open()).map(({ kind }) => kind)).toEqual(['books']);
  await writeFile(path, '{"alarms":[{"id"');
  expect(await house({ store: alarmFile(path) }).alarms.open()).toEqual([]);
});

test('start repeats by itself and ends when its signal aborts', async () => {
  const { alarms, clock, told } = house();
  const stop = new AbortController();
  const running = alarms.start(stop.signal);
  await alarms.raise('books', 'item', 'fark');
  await expect.poll(() => clock.sleepers).toBe(1);
  clock.advance(15 * minute);
  await expect.poll(() => told.length).toBe(2);
  stop.abort();
  await running;
});

test('the webhook is signed by Standard Webhooks and a refusal counts as not told', async () => {
  const secret = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
  const seen: unknown[] = [];
  let status = 503;
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    seen.push(new Webhook(secret).verify(body, headers));
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const http = createHttpClient({ allowedOrigins: [origin] });
  onTestFinished(() => {
    http.close();
    server.close();
  });
  const { alarms } = house({
    people: [{ name: 'Pano', webhook: { url: `${origin}/alarm`, secret } }, { name: 'Adressiz' }],
    // The signature's time is judged by the real clock.
    ways: [alarmsByWebhook(http, 'ornek', { now: Date.now })],
  });
  await alarms.raise('books', 'item', 'fark 1');
  status = 204;
  await alarms.tick();
  await alarms.tick();
  expect(seen).toHaveLength(2);
  expect(seen[1]).toMatchObject({
    type: 'kapi.alarm',
    data: { institution: 'ornek', kind: 'books', subject: 'item', text: 'fark 1', severity: 'critical' },
  });
});

test('the mail says what is wrong, goes through its own server and is marked as automatic', async () => {
  const mails: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _session, done) => {
      stream.toArray().then((chunks) => {
        mails.push(Buffer.concat(chunks).toString());
        done();
      }, done);
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const mail = alarmsByMail({ host: '127.0.0.1', port, security: 'none', from: 'kapi@example.org' }, 'ornek');
  onTestFinished(async () => {
    mail.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const { alarms } = house({ ways: [mail] });
  await alarms.raise('account-down', 'sms-153\r\nBcc: x@example.org', 'iki saattir cevap yok');
  expect(mails).toHaveLength(1);
  expect(mails[0]).toMatch(/^To: nobet@example.org/m);
  expect(mails[0]).toMatch(/^Auto-Submitted: auto-generated/m);
  expect(mails[0]).toContain('account-down');
  expect(mails[0]).not.toMatch(/^Bcc/m);
});
