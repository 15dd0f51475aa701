import { TransientError } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isWell, startWatchdog } from './watchdog.ts';

const never = new Promise<void>(() => undefined);
const log = { debug() {}, info() {}, warn() {}, error() {} };

describe('a beat', () => {
  const rows: readonly { what: string; lagMs: number; write: () => Promise<void>; well: boolean }[] = [
    { what: 'a quick loop and a write', lagMs: 20, write: async () => undefined, well: true },
    { what: 'a loop held up for a second', lagMs: 1_000, write: async () => undefined, well: false },
    {
      what: 'a store without room',
      lagMs: 20,
      write: () => Promise.reject(new TransientError('store_unavailable', 'database or disk is full')),
      well: true,
    },
    { what: 'a store at fault', lagMs: 20, write: () => Promise.reject(new Error('x')), well: false },
  ];
  it.each(rows)('is $well after $what', async ({ lagMs, write, well }) => {
    expect(await isWell({ lagMs: () => lagMs, write })).toBe(well);
  });
});

describe('the watchdog', () => {
  const told: string[] = [];
  const supervisor = {
    watchdogMs: 15_000,
    tell: async (word: string) => {
      told.push(word);
      return true;
    },
  };
  beforeEach(() => {
    told.length = 0;
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is told three times in its patience, after the start and until the stop', async () => {
    const dog = startWatchdog(supervisor, { lagMs: () => 0, write: async () => undefined }, log);
    await vi.advanceTimersByTimeAsync(15_000);
    await dog.stop();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(told).toEqual(['READY=1', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1', 'STOPPING=1']);
  });

  it('hears nothing while a write hangs', async () => {
    startWatchdog(supervisor, { lagMs: () => 0, write: () => never }, log);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toEqual(['READY=1']);
  });

  it('is not fed where nobody watches', async () => {
    const { watchdogMs: _watchdogMs, ...quiet } = supervisor;
    startWatchdog(quiet, { lagMs: () => 0, write: async () => undefined }, log);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toEqual(['READY=1']);
  });
});
