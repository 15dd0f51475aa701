import { expect, test } from 'vitest';
import { createTestClock, systemClock } from './clock.ts';

test('a sleeper of the test clock wakes when its time has come, not before', async () => {
  const clock = createTestClock();
  const woken: string[] = [];
  const late = clock.sleep(200).then(() => woken.push('late'));
  const early = clock.sleep(100).then(() => woken.push('early'));
  clock.advance(99);
  expect(clock.sleepers).toBe(2);
  clock.advance(1);
  await early;
  expect(woken).toEqual(['early']);
  clock.advance(100);
  await late;
  expect(woken).toEqual(['early', 'late']);
});

test('setting the wall clock back leaves the monotonic clock alone', () => {
  const clock = createTestClock(10_000);
  clock.advance(5);
  clock.set(0);
  expect([clock.now(), clock.monotonic()]).toEqual([0, 5]);
});

for (const [name, clock] of [
  ['system', systemClock],
  ['test', createTestClock()],
] as const) {
  test(`a sleep of the ${name} clock ends without error when its signal aborts, before or during`, async () => {
    const stop = new AbortController();
    const sleeping = clock.sleep(1e9, stop.signal);
    stop.abort();
    await sleeping;
    await clock.sleep(1e9, stop.signal);
  });
}
