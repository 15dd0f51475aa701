import type {
  AcceptEntry,
  AcceptOutcome,
  AccountHealth,
  AdapterContext,
  PullBatch,
  PullOutcome,
  PullSource,
} from '@kapi/contract';
import { TransientError } from '@kapi/contract';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runPull } from '../../src/intake/pull.ts';
import { systemClock } from '../../src/platform/index.ts';
import { openTown, type Town } from '../support/town.ts';

let town: Town;
beforeEach(async () => {
  town = await openTown();
});
afterEach(() => town.close());

const batchOf = (
  keys: readonly string[],
  cursor: string,
  settled: (outcomes: readonly PullOutcome[]) => void,
): PullBatch => ({
  envelopes: keys.map((key) => ({
    key,
    contentType: 'application/json',
    headers: {},
    body: Buffer.from(JSON.stringify({ items: [{ key, text: `söz ${key}` }] })),
  })),
  cursor,
  settle: async (outcomes) => settled(outcomes),
});

const untilAborted = (context: AdapterContext<unknown>) =>
  new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));

/** Timers of the store by the machine's clock; the rest of the town stands still. */
function start(source: PullSource<unknown>, health: (state: AccountHealth) => void = () => undefined) {
  const timers = {
    hold: async () => ({ fence: 1 }),
    release: async () => undefined,
  };
  return runPull({ ...town.house, clock: systemClock }, timers, town.chat, source, 'me', health);
}

it('settles a batch once, after its envelopes and cursor are committed', async () => {
  const seen: unknown[] = [];
  const loop = start({
    kind: 'pull',
    async *open(context) {
      yield batchOf(['a', 'b'], 'c1', async (outcomes) =>
        seen.push([outcomes, await town.house.reader.cursor('chat')]),
      );
      await untilAborted(context);
    },
  });
  await vi.waitFor(() => expect(seen).toEqual([[['stored', 'stored'], 'c1']]));
  await loop.stop(1000);
});

it('tells a repeated envelope stored, so that the source stops offering it', async () => {
  const outcomes: (readonly PullOutcome[])[] = [];
  const loop = start({
    kind: 'pull',
    async *open(context) {
      yield batchOf(['a'], 'c1', (told) => outcomes.push(told));
      yield batchOf(['a', 'b'], 'c2', (told) => outcomes.push(told));
      await untilAborted(context);
    },
  });
  await vi.waitFor(() => expect(outcomes).toEqual([['stored'], ['stored', 'stored']]));
  await loop.stop(1000);
  expect(await town.house.reader.backlog()).toMatchObject({ unread: 2 });
});

it('leaves at the source what the store did not take', async () => {
  const outcomes: (readonly PullOutcome[])[] = [];
  const refusing = {
    ...town.house.pipeline,
    accept: () => Promise.reject(new TransientError('store_unavailable', 'full')),
  };
  const source: PullSource<unknown> = {
    kind: 'pull',
    async *open(context) {
      yield batchOf(['a'], 'c1', (told) => outcomes.push(told));
      await untilAborted(context);
    },
  };
  const loop = runPull(
    { ...town.house, pipeline: refusing, clock: systemClock },
    { hold: async () => ({ fence: 1 }), release: async () => undefined },
    town.chat,
    source,
    'me',
    () => undefined,
  );
  await vi.waitFor(() => expect(outcomes[0]).toEqual(['left']));
  await loop.stop(1000);
  expect(await town.house.reader.cursor('chat')).toBeUndefined();
});

it('goes on with the others where one envelope alone is not taken', async () => {
  const outcomes: (readonly PullOutcome[])[] = [];
  let opened = 0;
  const picky = {
    ...town.house.pipeline,
    accept: async (entries: readonly AcceptEntry[]) => {
      const good = await town.house.pipeline.accept(entries.filter(({ key }) => key !== 'poison'));
      return entries.map(({ key }): AcceptOutcome => {
        const index = entries
          .filter((entry) => entry.key !== 'poison')
          .findIndex((entry) => entry.key === key);
        return good[index] ?? { result: 'failed', code: 'internal', detail: 'planted' };
      });
    },
  };
  const source: PullSource<unknown> = {
    kind: 'pull',
    async *open(context) {
      opened += 1;
      yield batchOf(['a', 'poison'], 'c1', (told) => outcomes.push(told));
      yield batchOf(['poison'], 'c2', (told) => outcomes.push(told));
      yield batchOf(['b'], 'c3', (told) => outcomes.push(told));
      await untilAborted(context);
    },
  };
  const house = { ...town.house, pipeline: picky, clock: systemClock };
  const timers = { hold: async () => ({ fence: 1 }), release: async () => undefined };
  const loop = runPull(house, timers, town.chat, source, 'me', () => undefined);
  await vi.waitFor(() => expect(outcomes).toEqual([['stored', 'left'], ['left'], ['stored']]));
  await loop.stop(1000);
  expect(opened).toBe(1);
});

it('commits the cursor of a batch in which there was nothing', async () => {
  const seen: unknown[] = [];
  const loop = start({
    kind: 'pull',
    async *open(context) {
      yield batchOf([], 'c1', async () => seen.push(await town.house.reader.cursor('chat')));
      await untilAborted(context);
    },
  });
  await vi.waitFor(() => expect(seen).toEqual(['c1']));
  await loop.stop(1000);
});

it('opens a source that failed again, at the last committed cursor, and says that it fails', async () => {
  const cursors: (string | undefined)[] = [];
  const states: string[] = [];
  const loop = start(
    {
      kind: 'pull',
      async *open(context) {
        cursors.push(context.cursor);
        yield batchOf([`k${cursors.length}`], `c${cursors.length}`, () => undefined);
        if (cursors.length === 1) throw new TransientError('provider_unavailable', 'gone');
        await untilAborted(context);
      },
    },
    ({ state }) => states.push(state),
  );
  await vi.waitFor(() => expect(cursors).toEqual([undefined, 'c1']), 5000);
  await loop.stop(1000);
  expect(states).toContain('failing');
  expect(states.at(-1)).toBe('stopped');
});

it.each([
  [
    'says why by a coded error',
    new TransientError('provider_unavailable', 'imap.example does not answer'),
    'imap.example does not answer',
  ],
  ['says nothing by an error that may quote anything', new Error('parola 1234'), 'the source failed'],
])('a source that %s leaves that to the operator', async (_name, error, detail) => {
  const details: (string | undefined)[] = [];
  const loop = start(
    {
      kind: 'pull',
      async *open() {
        yield batchOf([], 'c1', () => undefined);
        throw error;
      },
    },
    (state) => details.push(state.detail),
  );
  await vi.waitFor(() => expect(details).toContain(detail));
  await loop.stop(1000);
});

it('opens a source that was told to wait no sooner than that', async () => {
  const slept: number[] = [];
  const clock = {
    now: () => systemClock.now(),
    async sleep(ms: number, signal: AbortSignal) {
      slept.push(ms);
      await systemClock.sleep(0, signal);
      loop.stop(0);
    },
  };
  const source: PullSource<unknown> = {
    kind: 'pull',
    async *open() {
      yield batchOf([], 'c1', () => undefined);
      throw new TransientError('provider_throttled', 'slow down', { retryAfterMs: 90_000 });
    },
  };
  const timers = { hold: async () => ({ fence: 1 }), release: async () => undefined };
  const loop = runPull({ ...town.house, clock }, timers, town.chat, source, 'me', () => undefined);
  await vi.waitFor(() => expect(slept).toEqual([90_000]));
  await loop.stop(1000);
});

it.each([
  ['earlier than now', -3_600_000, -3_600_000],
  ['never later than now', 3_600_000, 0],
])('an envelope is dated as the source received it, %s', async (_name, claimed, dated) => {
  const now = town.clock.now();
  const batch = batchOf(['a'], 'c1', () => undefined);
  const receivedAt = new Date(now + claimed).toISOString();
  const source: PullSource<unknown> = {
    kind: 'pull',
    async *open(context) {
      yield { ...batch, envelopes: batch.envelopes.map((envelope) => ({ ...envelope, receivedAt })) };
      await untilAborted(context);
    },
  };
  const timers = { hold: async () => ({ fence: 1 }), release: async () => undefined };
  const loop = runPull(town.house, timers, town.chat, source, 'me', () => undefined);
  await vi.waitFor(async () => expect(await town.house.reader.backlog()).toMatchObject({ unread: 1 }));
  await loop.stop(1000);
  await town.work();
  await town.work(600_000);
  const [record] = await town.records();
  expect(Date.parse(record?.record.receivedAt ?? '')).toBe(now + dated);
});
