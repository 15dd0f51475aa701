import {
  type Change,
  type EventName,
  type Notice,
  RejectedError,
  type ReplyDraft,
  type ReplyStatus,
  type SokRecord,
  TransientError,
  toInstant,
} from '@kapi/contract';
import { expect, test, vi } from 'vitest';
import type { NoticeAccount, Sender } from '../../src/notify/index.ts';
import { createNotifyStage, planNotices } from '../../src/notify/index.ts';
import { account, event, house, mail, record, sms, start, testId } from '../../src/notify/test-house.ts';
import { createTestClock } from '../../src/platform/clock.ts';
import { createLog, redactingLogger } from '../../src/platform/log.ts';
import { meetPromise } from './notice-model.ts';
import { memoryWorld } from './notice-world.ts';

const minute = 60_000;
const hour = 60 * minute;

type Send = (draft: ReplyDraft, signal: AbortSignal) => Promise<string>;

function stand(
  send: Record<string, Send> = {},
  accounts: readonly NoticeAccount[] = [sms, mail],
  sendTimeoutMs?: number,
  lookup?: NonNullable<Sender['lookup']>,
) {
  const world = memoryWorld();
  const clock = createTestClock(start);
  const sent: string[] = [];
  const states: string[] = [];
  let listed = accounts;
  let refs = 0;
  const stage = createNotifyStage({
    pipeline: world.pipeline,
    reader: world.reader,
    watch: () => () => undefined,
    house,
    newId: testId,
    accounts: {
      list: () => listed,
      sendsNotices: () => true,
      sender: (id): Sender | undefined =>
        listed.some((one) => one.id === id)
          ? {
              async send(draft, signal) {
                refs += 1;
                const ref = send[id] ? await send[id](draft, signal) : `ref-${refs}`;
                sent.push(`${id} ${draft.text}`);
                return { ref, warnings: [] };
              },
              ...(lookup && id === 'sms-153' && { lookup }),
            }
          : undefined,
    },
    meetPromise,
    clock,
    log: redactingLogger(createLog({ level: 'silent' })),
    metrics: { notices: { add: ({ channel, state }) => void states.push(`${channel} ${state}`) } },
    random: () => 0.5,
    ...(sendTimeoutMs !== undefined && { sendTimeoutMs }),
  });

  async function write(
    of: SokRecord,
    name: EventName,
    data: Record<string, unknown> = {},
    more: Change[] = [],
  ) {
    const next = name === 'received' ? of : { ...of, version: of.version + 1 };
    const what = event(next, name, data);
    const changes: Change[] = [
      { do: 'put-record', record: next, expectedVersion: next.version - 1, lookups: [] },
      { do: 'put-event', event: { ...what, at: toInstant(clock.now()) }, destinations: [] },
      ...planNotices(
        { house, accounts: { list: () => listed, sendsNotices: () => true }, newId: testId },
        next,
        what,
      ),
      ...more,
    ];
    await world.pipeline.save([{ changes }]);
    return { record: next, event: what };
  }
  const view = async (of: SokRecord) => {
    const found = await world.reader.record({ id: of.id });
    if (!found) throw new Error('no record');
    return found;
  };
  const notices = async (of: SokRecord): Promise<string[]> =>
    (await view(of)).notices.map(({ step, channel, state, reason }) =>
      [step, channel, state, reason].join(' ').trim(),
    );
  const metAt = async (of: SokRecord) => (await view(of)).record.deadlines[0]?.metAt;
  const configure = (next: readonly NoticeAccount[]): void => {
    listed = next;
  };
  return { world, clock, stage, sent, states, write, view, notices, metAt, configure };
}

const refuse = (): Promise<string> =>
  Promise.reject(new RejectedError('provider_rejected', 'unknown subscriber'));

test('a receipt is sent once and stays sent however often the stage runs', async () => {
  const { stage, sent, write, notices, states } = stand();
  const { record: of } = await write(record(), 'received');
  expect(await stage.drain()).toBe(1);
  expect(await stage.drain()).toBe(0);
  expect(sent).toHaveLength(1);
  expect(await notices(of)).toEqual(['1 sms sent']);
  expect(states).toEqual(['sms sending', 'sms sent']);
});

test('a store that fails right after the sending does not make it a second one', async () => {
  const { world, clock, stage, sent, write, notices } = stand();
  const { record: of } = await write(record(), 'received');
  const { save } = world.pipeline;
  let full = false;
  vi.spyOn(world.pipeline, 'save').mockImplementation((saves) => {
    if (sent.length === 0 || full) return save(saves);
    full = true;
    return Promise.reject(new TransientError('store_unavailable', 'disk full'));
  });
  await stage.drain();
  clock.advance(hour);
  await stage.drain();
  expect(sent).toEqual([expect.stringMatching(/^sms/), expect.stringMatching(/^posta/)]);
  expect(await notices(of)).toEqual(['1 sms unknown no-verdict', '2 email sent']);
});

test('a refusal goes on with the next channel at once, the last one ends in a call-back task', async () => {
  const { stage, write, notices, view } = stand({ 'sms-153': refuse, posta: refuse });
  const { record: of } = await write(record(), 'received');
  await stage.drain();
  expect(await notices(of)).toEqual(['1 sms failed provider_rejected', '2 email failed provider_rejected']);
  expect((await view(of)).callbacks).toMatchObject([{ reason: 'receipt-failed', phone: '+905321234567' }]);
});

test('a passing failure is tried again on the same channel, not before the provider asked', async () => {
  let down = true;
  const { stage, clock, write, notices, sent } = stand({
    'sms-153': async () => {
      if (down) throw new TransientError('provider_throttled', 'slow', { retryAfterMs: 5 * minute });
      return 'ref';
    },
  });
  const { record: of } = await write(record(), 'received');
  await stage.drain();
  expect(await notices(of)).toEqual(['1 sms pending']);
  down = false;
  clock.advance(5 * minute - 1);
  expect(await stage.drain()).toBe(0);
  clock.advance(1);
  await stage.drain();
  expect(await notices(of)).toEqual(['1 sms sent']);
  expect(sent).toHaveLength(1);
});

test('a provider that stays down loses the notice to the next channel when its time is up', async () => {
  const { stage, clock, write, notices } = stand({
    'sms-153': () => Promise.reject(new TransientError('provider_unavailable', 'down')),
  });
  const { record: of } = await write(record(), 'received');
  for (let round = 0; round < 40; round += 1) {
    await stage.drain();
    clock.advance(5 * minute);
  }
  expect(await notices(of)).toEqual(['1 sms failed provider_unavailable', '2 email sent']);
});

for (const [name, send, timeoutMs] of [
  ['an error without a code', () => Promise.reject(new Error('socket hang up')), undefined],
  ['no answer in time', () => new Promise<never>(() => undefined), 20],
] as const) {
  test(`${name} leaves the fate unknown: that channel is not tried again, the next is`, async () => {
    let calls = 0;
    const { stage, clock, write, notices } = stand(
      {
        'sms-153': () => {
          calls += 1;
          return send();
        },
      },
      [sms, mail],
      timeoutMs,
    );
    const { record: of } = await write(record(), 'received');
    await stage.drain();
    clock.advance(hour);
    await stage.drain();
    expect(calls).toBe(1);
    expect(await notices(of)).toEqual(['1 sms unknown no-verdict', '2 email sent']);
  });
}

test('an account that was taken away gives way to the next channel', async () => {
  const { stage, write, notices, configure } = stand();
  const { record: of } = await write(record(), 'received');
  configure([mail]);
  await stage.drain();
  expect(await notices(of)).toEqual(['1 sms failed account-gone', '2 email sent']);
});

test('who opted out gets no status, but the answer to their own case', async () => {
  const { stage, write, notices } = stand();
  const out: Change = { do: 'opt-out', account: 'sms-153', address: '+905321234567', out: true, at: start };
  const first = await write(record(), 'received', {}, [out]);
  const second = await write(first.record, 'accepted', { citizenText: 'Bakıyoruz' });
  await write(second.record, 'answered', { citizenText: 'Bitti' });
  await stage.drain();
  expect(await notices(first.record)).toEqual(['1 sms sent', '1 sms suppressed opted-out', '1 sms sent']);
});

test('a survey waits for the morning; a receipt goes at night', async () => {
  const { stage, world, clock, write, notices } = stand();
  clock.advance(11 * hour);
  const { record: of, event: what } = await write(record(), 'received');
  const survey: Notice = {
    id: testId(),
    recordId: of.id,
    eventId: what.id,
    kind: 'survey',
    step: 1,
    channel: 'sms',
    account: 'sms-153',
    to: '+905321234567',
    template: 'survey.short',
    text: 'anket',
    language: 'tr',
    state: 'pending',
    createdAt: clock.now(),
  };
  await world.pipeline.save([{ changes: [{ do: 'put-notice', notice: survey, dueAt: clock.now() }] }]);
  await stage.drain();
  expect(await notices(of)).toEqual(['1 sms sent', '1 sms pending']);
  clock.advance(10 * hour - 1);
  await stage.drain();
  expect(await notices(of)).toEqual(['1 sms sent', '1 sms pending']);
  clock.advance(1);
  await stage.drain();
  expect(await notices(of)).toEqual(['1 sms sent', '1 sms sent']);
});

test('ten receipts a day to one mail address, then one digest of the rest when the day is over', async () => {
  const { stage, clock, write, sent } = stand();
  const numbers = Array.from({ length: 13 }, (_, index) => `SOK-26-00000${String(index).padStart(2, '0')}-0`);
  for (const number of numbers) {
    const secret = number === numbers[12] ? { anonymity: 'confidential' as const } : {};
    await write(record({ number, account: 'posta', citizen: { phones: [] }, ...secret }), 'received');
  }
  await stage.drain();
  expect(sent).toHaveLength(10);
  clock.advance(12 * hour - 1);
  await stage.drain();
  expect(sent).toHaveLength(10);
  clock.advance(1);
  await stage.drain();
  expect(sent.slice(10)).toEqual([`posta hepsi: ${numbers[10]}\n${numbers[11]}`]);
  clock.advance(48 * hour);
  await stage.drain();
  expect(sent).toHaveLength(11);
});

test('an answer meets the promise when it is sent, where no report is to come', async () => {
  const { stage, clock, write, metAt } = stand();
  const { record: of } = await write(record({ deadlines: record().deadlines }), 'received');
  await stage.drain();
  expect(await metAt(of)).toBeUndefined();
  await write(of, 'answered', { citizenText: 'Yapıldı' });
  clock.advance(minute);
  await stage.drain();
  expect(await metAt(of)).toBe(toInstant(start + minute));
});

const refOfAnswer: Send = async ({ text }) => (/^(cevap|durum)/.test(text) ? 'ref-a' : 'ref-r');
const reporting = account('sms-153', 'sms', { reports: true });

test('where reports come, an answer meets the promise when delivery is reported, at the time of sending', async () => {
  const { stage, world, clock, write, metAt } = stand({ 'sms-153': refOfAnswer }, [reporting]);
  const { record: of } = await write(record(), 'received');
  await write(of, 'answered', { citizenText: 'Yapıldı' });
  await stage.drain();
  clock.advance(minute);
  await stage.drain();
  expect(await metAt(of)).toBeUndefined();
  await world.pipeline.save([
    {
      changes: [{ do: 'put-report', account: 'sms-153', ref: 'ref-a', state: 'delivered', at: clock.now() }],
    },
  ]);
  clock.advance(hour);
  await stage.drain();
  expect(await metAt(of)).toBe(toInstant(start));
});

test('where reports come but none does, the promise is met after four hours, at the time of sending', async () => {
  const { stage, clock, write, metAt } = stand({}, [reporting]);
  const { record: of } = await write(record(), 'received');
  await write(of, 'answered', { citizenText: 'Yapıldı' });
  for (let passed = 0; passed < 235; passed += 5) {
    await stage.drain();
    clock.advance(5 * minute);
  }
  expect(await metAt(of)).toBeUndefined();
  clock.advance(5 * minute);
  await stage.drain();
  expect(await metAt(of)).toBe(toInstant(start));
});

const twoChannels = [reporting, account('posta', 'email', { reports: true })];
const asked: readonly { says: ReplyStatus | 'nothing'; met: boolean; next: boolean }[] = [
  { says: 'delivered', met: true, next: false },
  { says: 'failed', met: false, next: true },
  { says: 'sent', met: false, next: false },
  { says: 'nothing', met: false, next: false },
];
test.each(asked)(
  'where no report comes the provider is asked at the first look; it says $says',
  async ({ says, met, next }) => {
    const refs: (string | undefined)[] = [];
    const { stage, clock, write, metAt, notices } = stand(
      { 'sms-153': refOfAnswer },
      twoChannels,
      undefined,
      async ({ ref }) => {
        refs.push(ref);
        if (says === 'nothing') throw new TransientError('provider_unavailable', 'away');
        return says;
      },
    );
    const { record: of } = await write(record(), 'received');
    await write(of, 'answered', { citizenText: 'Yapıldı' });
    await stage.drain();
    clock.advance(minute);
    await stage.drain();
    expect(refs).toEqual(['ref-a']);
    expect(await metAt(of)).toBe(met ? toInstant(start) : undefined);
    expect((await notices(of)).some((line) => line.startsWith('2 email sent'))).toBe(next);
  },
);

test('a failure reported before that leaves the promise open and tries the next channel', async () => {
  const { stage, world, clock, write, metAt, notices } = stand({ 'sms-153': refOfAnswer }, [
    reporting,
    account('posta', 'email', { reports: true }),
  ]);
  const { record: of } = await write(record(), 'received');
  await stage.drain();
  await write(of, 'in_progress', { plannedDate: '2026-11-25', citizenText: 'Çarşamba' });
  await stage.drain();
  await world.pipeline.save([
    {
      changes: [
        {
          do: 'put-report',
          account: 'sms-153',
          ref: 'ref-a',
          state: 'failed',
          at: clock.now(),
          reason: '30005',
        },
      ],
    },
  ]);
  await stage.drain();
  expect(await metAt(of)).toBeUndefined();
  expect((await notices(of)).some((line) => line.startsWith('2 email sent'))).toBe(true);
});

test('a forwarding never meets the promise', async () => {
  const { stage, write, metAt } = stand();
  const { record: of } = await write(record(), 'received');
  await write(of, 'forwarded', { unit: 'park', citizenText: 'Parklara ilettik' });
  await stage.drain();
  expect(await metAt(of)).toBeUndefined();
});

test('another writer of the record in the same moment is waited out: nothing is lost, nothing sent twice', async () => {
  const { stage, world, write, metAt, view, sent } = stand();
  const { record: of } = await write(record(), 'received');
  await stage.drain();
  const answered = await write(of, 'answered', { citizenText: 'Yapıldı' });
  const save = world.pipeline.save;
  let meddled = false;
  Object.assign(world.pipeline, {
    async save(saves: Parameters<typeof save>[0]) {
      if (!meddled && saves.some(({ changes }) => changes.some((change) => change.do === 'put-record'))) {
        meddled = true;
        await write(answered.record, 'noted', { internalNote: 'x' });
      }
      return save(saves);
    },
  });
  await stage.drain();
  expect(sent).toHaveLength(2);
  expect(await metAt(of)).toBe(toInstant(start));
  expect((await view(of)).events.map(({ name }) => name)).toEqual([
    'received',
    'answered',
    'noted',
    'promise_met',
  ]);
});

test('a hanging account holds up no other, and stop does not wait for it longer than asked', async () => {
  let hanging = 0;
  const { stage, clock, write, sent } = stand({
    'sms-153': () => {
      hanging += 1;
      return new Promise<never>(() => undefined);
    },
  });
  for (let index = 0; index < 30; index += 1) await write(record(), 'received');
  await write(record({ account: 'posta', citizen: { emails: ['veli@example.org'] } }), 'received');
  stage.start();
  await expect.poll(() => sent.length).toBe(1);
  expect(sent[0]).toMatch(/^posta/);
  expect(hanging).toBeLessThanOrEqual(16);
  const stopped = stage.stop(5000);
  await expect.poll(() => clock.sleepers).toBeGreaterThan(0);
  clock.advance(5000);
  await stopped;
});
