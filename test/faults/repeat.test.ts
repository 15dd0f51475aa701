import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { chance, scaled, seed, tell } from './harness/chance.ts';
import { clean, judge, readHeld } from './harness/checker.ts';
import { createClerk, drained } from './harness/drain.ts';
import { byApi, byForm, bySms, formTokens, insist, type Utterance } from './harness/driver.ts';
import { type Home, openHome } from './harness/gateway.ts';
import { openHistory } from './harness/history.ts';
import { call } from './harness/http.ts';

const minutes = 60_000;
const times = 5;
let home: Home | undefined;
afterEach(() => home?.close());

const receipt = z.object({
  id: z.string(),
  number: z.string(),
  trackingPin: z.string(),
  duplicate: z.boolean(),
});

it('said five times at once, and five times more after a crash, a message is one record with one answer', {
  timeout: 4 * minutes * scaled(1),
}, async () => {
  const events = scaled(150);
  const draw = chance(seed);
  home = openHome();
  const history = openHistory(join(home.folder, 'history.ndjson'));
  let run = await home.start();
  const tokens = await formTokens(run.url, events / 3);
  const utterances = Array.from({ length: events }, (_, n): Utterance => {
    const token = n % 3 === 2 ? tokens.pop() : undefined;
    if (token !== undefined) return byForm(n, token);
    return n % 3 === 1 ? bySms(n) : byApi(n);
  });
  // The form opened last is the first to be said; once it is old enough, all are.
  for (const utterance of utterances.filter(({ marker }) => marker.startsWith('form')).slice(0, 1)) {
    await insist(utterance, async () => run, history);
  }
  /** All repeats of some messages, shuffled, at once. */
  const together = async (some: readonly Utterance[]) => {
    const all = some
      .flatMap((utterance) => Array.from({ length: times }, () => utterance))
      .toSorted(() => draw() - 0.5);
    return Promise.all(
      all.map(async (utterance) => ({
        utterance,
        answer: await insist(utterance, async () => run, history),
      })),
    );
  };
  const answers = new Map<string, Set<string>>();
  for (const round of [1, 2]) {
    for (let at = 0; at < events; at += 30) {
      for (const { utterance, answer } of await together(utterances.slice(at, at + 30))) {
        if (utterance.marker.startsWith('api')) {
          const { id, number, trackingPin } = receipt.parse(JSON.parse(answer.body));
          const known = answers.get(utterance.marker) ?? new Set();
          answers.set(utterance.marker, known.add(`${id} ${number} ${trackingPin}`));
        }
      }
    }
    if (round === 2) break;
    await run.kill();
    run = await home.start();
  }
  // The same key with other content: refused, and nothing stored.
  const other = byApi(0, 0, { subject: 'başka' });
  expect((await call(run.url, other.call(run))).status).toBe(422);
  const clerk = createClerk();
  let idle = false;
  const clerks = clerk.work(
    async () => run,
    () => idle,
  );
  await drained(run);
  idle = true;
  await clerks;
  await run.stop();

  const held = await readHeld(home.data);
  tell('R7 repeats', { events, requests: events * times * 2, records: held.records.length });
  expect([...answers.values()].filter(({ size }) => size !== 1)).toEqual([]);
  expect(answers.size).toBe(Math.ceil(events / 3));
  expect(judge(history.read(), held)).toEqual(clean);
  expect(held.records).toHaveLength(events);
});

it('would be caught if it knew repeats from a cache and not from a unique key', {
  timeout: 2 * minutes,
}, async () => {
  home = openHome();
  const history = openHistory(join(home.folder, 'history.ndjson'));
  let run = await home.start({ sabotage: 'cache-for-keys' });
  const utterances = Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? byApi(n) : bySms(n)));
  const all = () => Promise.all(utterances.map((one) => insist(one, async () => run, history)));
  // While it runs nothing is to be seen: the cache knows.
  for (const _ of [1, 2]) await all();
  await run.kill();
  run = await home.start({ sabotage: 'cache-for-keys' });
  await all();
  await drained(run, ['forward']);
  await run.stop();
  const { doubled, misnumbered } = judge(history.read(), await readHeld(home.data));
  tell('R7 control', { events: utterances.length, doubled: doubled.length });
  expect(doubled.toSorted()).toEqual(utterances.map(({ marker }) => marker).toSorted());
  expect(misnumbered.length).toBeGreaterThan(0);
});
