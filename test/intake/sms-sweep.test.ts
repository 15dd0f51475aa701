import { createHmac } from 'node:crypto';
import type { PullSource, PushRequest } from '@kapi/contract';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { adapter } from '../../adapters/sms-twilio/adapter.ts';
import { type MessagesList, startMessagesList } from '../../adapters/sms-twilio/testing/messages-list.ts';
import { raw, sid, token } from '../../adapters/sms-twilio/testing/samples.ts';
import { push } from '../../src/intake/accept.ts';
import { runPull } from '../../src/intake/pull.ts';
import { RefusedCalls } from '../../src/intake/refused-calls.ts';
import type { RunningAccount } from '../../src/intake/running.ts';
import { openTown, type Town } from '../support/town.ts';

const hour = 60 * 60_000;
const text = 'Nilüfer’de çöp alınmıyor, 3 gündür kokuyor';
const [swept] = adapter.sources.filter((source): source is PullSource<unknown> => source.kind === 'pull');

let town: Town;
let list: MessagesList;
let account: RunningAccount;
beforeEach(async () => {
  town = await openTown({ adapter });
  list = await startMessagesList([]);
  const config = adapter.config.parse({ ...raw, apiUrl: list.url });
  account = {
    ...town.chat,
    config,
    context: (signal, cursor) => ({ ...town.chat.context(signal, cursor), config }),
  };
});
afterEach(async () => {
  expect((await town.balance()).filter((off) => off !== 0)).toEqual([]);
  await list.stop();
  await town.close();
});

async function webhook(id: string): Promise<void> {
  const fields = { MessageSid: id, From: '+905321234567', To: raw.from, Body: text, NumMedia: '0' };
  const url = 'https://kapi.example.bel.tr/webhooks/sms-twilio/chat';
  const signed = url + Object.entries(fields).sort().flat().join('');
  const request: PushRequest = {
    method: 'POST',
    target: '/webhooks/sms-twilio/chat',
    publicUrl: url,
    query: new URLSearchParams(),
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': createHmac('sha1', token).update(signed).digest('base64'),
    },
    body: Buffer.from(new URLSearchParams(fields).toString()),
    remoteAddress: '127.0.0.1',
  };
  const accounts = () => new Map([['chat', account]]);
  await push(town.house, { accounts, refused: new RefusedCalls() }, 'sms-twilio', 'chat', request);
}

/** One whole sweep, as the gateway runs it. */
async function sweep(): Promise<void> {
  const states: string[] = [];
  const watched: RunningAccount = {
    ...account,
    context: (signal, cursor) => ({
      ...account.context(signal, cursor),
      health: ({ state }) => void states.push(state),
    }),
  };
  if (!swept) throw new Error('no sweep');
  const timers = { hold: async () => ({ fence: 1 }), release: async () => undefined };
  const loop = runPull(town.house, timers as never, watched, swept, 'me', () => undefined);
  await vi.waitUntil(() => states.includes('connected'), 5000);
  await loop.stop(1000);
}

const id = sid('1');
const ways: readonly (readonly [name: string, come: () => Promise<void>])[] = [
  ['by webhook and then in a sweep', () => webhook(id).then(sweep)],
  ['in a sweep and then by webhook', () => sweep().then(() => webhook(id))],
  ['in two sweeps', () => sweep().then(sweep)],
  [
    'by webhook, read, and then in a sweep',
    () =>
      webhook(id)
        .then(() => town.work(hour))
        .then(sweep),
  ],
];
test.each(ways)('a message that comes %s is one message, never revised', async (_name, come) => {
  list.kept.push({ sid: id, at: new Date(), body: text });
  await come();
  await town.work(hour);
  const [only, ...others] = await town.records();
  expect(others).toEqual([]);
  expect(only?.record.messages).toHaveLength(1);
  expect(only?.events.map(({ name }) => name)).toEqual(['received']);
});

test('what was lost has the time Twilio received it: words said apart are not one breath', async () => {
  const [first, second] = [40, 20].map((minutes) => new Date(Date.now() - minutes * 60_000)) as [Date, Date];
  list.kept.push({ sid: sid('2'), at: second, body: 'Sokak lambası da yanmıyor' });
  list.kept.push({ sid: sid('1'), at: first, body: text });
  await sweep();
  await town.work();
  const [only] = await town.records();
  expect(Date.parse(only?.record.receivedAt ?? '')).toBe(Math.floor(first.getTime() / 1000) * 1000);
  expect(only?.events.map(({ name }) => name)).toEqual(['received', 'message_added']);
});
