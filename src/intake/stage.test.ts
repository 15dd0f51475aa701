import {
  type ClaimOptions,
  PayloadError,
  type Save,
  type SaveOutcome,
  type TimerWork,
  TransientError,
} from '@kapi/contract';
import { expect, it, vi } from 'vitest';
import { backoffMs, runStage } from './stage.ts';

const work = (id: string, attempt = 1): TimerWork => ({
  id,
  token: 7,
  attempt,
  timer: { id, kind: 'test', dueAt: 0 },
});
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A store that hands out the given rows once and remembers what was saved. */
function run(
  rows: readonly TimerWork[],
  process: (row: TimerWork) => Save | Promise<Save>,
  outcome: SaveOutcome = { result: 'saved' },
  lanes?: readonly string[],
) {
  const saves: Save[] = [];
  const settled: unknown[] = [];
  const broken: string[] = [];
  let waiting = rows;
  const loop = runStage({
    stage: 'timer',
    pipeline: {
      accept: async () => [],
      reserveNumbers: async () => ({ first: 1, count: 1 }),
      // The generic claim of the port cannot be answered for one stage alone without naming its type.
      claim: async <S>(_stage: S, { accounts, max }: ClaimOptions) => {
        const claimed = waiting.filter(({ timer }) => accounts?.includes(timer.kind) ?? true).slice(0, max);
        waiting = waiting.filter((row) => !claimed.includes(row));
        return claimed as never;
      },
      save: async (batch) => {
        saves.push(...batch);
        return batch.map(() => outcome);
      },
      settle: async (batch) => {
        settled.push(...batch);
        return batch.map(() => ({ result: 'saved' }));
      },
    },
    watch: () => () => undefined,
    clock: {
      now: () => 1000,
      sleep: (_ms, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    },
    log: silent,
    batch: lanes ? 2 : 10,
    ...(lanes && { lanes: { all: () => lanes, of: ({ timer }: TimerWork) => timer.kind } }),
    leaseMs: 1000,
    pollMs: 1000,
    process,
    broken: (row) => broken.push(row.id),
  });
  return { loop, saves, settled, broken };
}

const done = (row: TimerWork): Save => ({
  work: { stage: 'timer', id: row.id, token: row.token, ending: { end: 'done' } },
  changes: [],
});

it.each([
  [
    'a bug is parked and told',
    () => new TypeError('x is undefined'),
    { end: 'parked', code: 'internal' },
    ['b'],
  ],
  [
    'unreadable bytes are parked with their code',
    () => new PayloadError('payload_unreadable', 'no'),
    { end: 'parked', code: 'payload_unreadable' },
    [],
  ],
  [
    'a passing failure is retried when it asks',
    () => new TransientError('provider_throttled', 'slow', { retryAfterMs: 5000 }),
    { end: 'retry', at: 6000 },
    [],
  ],
])('%s, and the rows beside it go on', async (_name, thrown, ending, told) => {
  const { loop, saves, broken } = run([work('a'), work('b'), work('c')], (row) => {
    if (row.id === 'b') throw thrown();
    return done(row);
  });
  await vi.waitFor(() => expect(saves).toHaveLength(3));
  await loop.stop(100);
  const byId = (id: string) => saves.find((save) => save.work?.id === id)?.work?.ending;
  expect(byId('b')).toMatchObject(ending);
  expect([byId('a'), byId('c')]).toEqual([{ end: 'done' }, { end: 'done' }]);
  expect(broken).toEqual(told);
});

it('rows that hang fill the places of their own account and no other’s', async () => {
  const of = (kind: string, id: string): TimerWork => ({ ...work(id), timer: { id, kind, dueAt: 0 } });
  const rows = [...'abcdef'].map((id) => of('dead', id)).concat(of('well', 'x'), of('well', 'y'));
  const hanging = new Promise<Save>(() => undefined);
  const { loop, saves } = run(
    rows,
    (row) => (row.timer.kind === 'dead' ? hanging : done(row)),
    { result: 'saved' },
    ['dead', 'well'],
  );
  await vi.waitFor(() => expect(saves.map((save) => save.work?.id)).toEqual(['x', 'y']));
  await loop.stop(50);
});

it('a row that ended the process too often is not tried again', async () => {
  const process = vi.fn(done);
  const { loop, saves } = run([work('a', 9)], process);
  await vi.waitFor(() => expect(saves).toHaveLength(1));
  await loop.stop(100);
  expect(process).not.toHaveBeenCalled();
  expect(saves[0]?.work?.ending).toMatchObject({ end: 'parked' });
});

it('a conflict puts the row back under the same token', async () => {
  const { loop, settled } = run([work('a')], done, { result: 'conflict', recordId: 'r', version: 3 });
  await vi.waitFor(() => expect(settled).toHaveLength(1));
  await loop.stop(100);
  expect(settled[0]).toMatchObject({ id: 'a', token: 7, ending: { end: 'retry' } });
});

it('back-off doubles with jitter and never passes five minutes', () => {
  expect([1, 2, 3, 30].map((attempt) => backoffMs(attempt, () => 1))).toEqual([1000, 2000, 4000, 300_000]);
  expect(backoffMs(3, () => 0)).toBe(2000);
});
