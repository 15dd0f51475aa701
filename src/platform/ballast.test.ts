import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ballast, createBallast } from './ballast.ts';
import { createTestClock } from './clock.ts';

const bytes = 3 * 1024 * 1024 + 5;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
let folder: string;
let path: string;
let free: number;
let stop: AbortController;
const clock = createTestClock();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kapi-ballast-'));
  path = join(folder, 'ballast');
  free = bytes * 10;
  stop = new AbortController();
});
afterEach(() => {
  stop.abort();
  rmSync(folder, { recursive: true, force: true });
});

const make = (size = bytes): Ballast =>
  createBallast({ path, bytes: size, clock, log: silent, free: () => free });

/** It has looked, and sleeps. */
const looked = async () => {
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
};
async function kept(): Promise<Ballast> {
  const ballast = make();
  void ballast.keep(stop.signal);
  await looked();
  return ballast;
}
const again = async () => {
  clock.advance(1_000);
  await looked();
};
const size = () => statSync(path, { throwIfNoEntry: false })?.size;

test('it is laid down in real blocks where ten times its size is free', async () => {
  const ballast = await kept();
  expect(size()).toBe(bytes);
  expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(bytes);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(ballast.spent()).toBe(false);
});

test('on a small disk it is not laid down, and a refused write changes nothing', async () => {
  free = bytes * 10 - 1;
  const ballast = await kept();
  free = 0;
  expect([ballast.refused(), ballast.spent(), size()]).toEqual([false, false, undefined]);
});

test('a write that was refused for another reason than a full disk leaves it alone', async () => {
  const ballast = await kept();
  free = bytes;
  expect([ballast.refused(), ballast.spent(), size()]).toEqual([false, false, bytes]);
});

test('on a full disk it is emptied once, and laid down again when twice its size is free', async () => {
  const ballast = await kept();
  const told: boolean[] = [];
  ballast.watch((spent) => told.push(spent));
  free = 0;
  expect([ballast.refused(), ballast.refused()]).toEqual([true, false]);
  expect([ballast.spent(), size()]).toEqual([true, 0]);
  free = bytes * 2 - 1;
  await again();
  expect([ballast.spent(), size()]).toEqual([true, 0]);
  free = bytes * 2;
  await again();
  expect([ballast.spent(), size()]).toEqual([false, bytes]);
  expect(told).toEqual([true, false]);
});

test('a process that starts anew knows that it is spent, and says so', async () => {
  writeFileSync(path, '');
  free = bytes;
  const ballast = await kept();
  const told: boolean[] = [];
  ballast.watch((spent) => told.push(spent));
  expect([ballast.spent(), told]).toEqual([true, [true]]);
});

test('half of one, left by a crash, is no ballast', async () => {
  writeFileSync(`${path}.new`, 'half');
  make();
  expect(statSync(`${path}.new`, { throwIfNoEntry: false })).toBeUndefined();
});

test('another size in the configuration is another file, and none is none', async () => {
  writeFileSync(path, 'an older one');
  await kept();
  expect(size()).toBe(bytes);
  stop.abort();
  await make(0).keep(new AbortController().signal);
  expect(size()).toBeUndefined();
});

test('what it holds cannot be packed', async () => {
  await kept();
  expect(new Set(readFileSync(path).subarray(0, 4096)).size).toBeGreaterThan(200);
});
