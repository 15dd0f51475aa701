import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { between, chance, percentile, scaled, seed, tell, until } from './harness/chance.ts';
import { ackedIn, clean, judge, readHeld } from './harness/checker.ts';
import { openDoor } from './harness/door.ts';
import { createClerk, drained } from './harness/drain.ts';
import { byApi, byForm, bySms, formTokens, insist, type Utterance } from './harness/driver.ts';
import { type Home, openHome } from './harness/gateway.ts';
import { openHistory } from './harness/history.ts';
import { type Sink, startSink } from './harness/sink.ts';

const minutes = 60_000;
let home: Home | undefined;
let sink: Sink | undefined;
afterEach(async () => {
  await home?.close();
  await sink?.stop();
});

it('killed again and again under load it loses nothing it acknowledged and doubles nothing', {
  timeout: 10 * minutes * scaled(1),
}, async () => {
  const kills = scaled(60);
  const draw = chance(seed);
  sink = await startSink((_id, attempt) => (attempt === 1 && draw() < 0.02 ? 'slow' : 'ok'));
  home = openHome({ sink: sink.url });
  const history = openHistory(join(home.folder, 'history.ndjson'));
  const { start } = home;
  const door = openDoor();
  let run = await start();
  const tokens = await formTokens(run.url, scaled(600));

  let said = 0;
  let taken = 0;
  let stopped = false;
  const next = (): Utterance => {
    said += 1;
    const token = said % 5 === 0 ? tokens.pop() : undefined;
    if (token !== undefined) return byForm(said, token);
    return said % 2 === 0 ? byApi(said) : bySms(said);
  };
  const citizens = Array.from({ length: 6 }, async () => {
    while (!stopped) {
      await insist(next(), door.up, history);
      taken += 1;
      // 6 citizens and this pause are some 250 messages a second while the gateway is up.
      await new Promise((resolve) => setTimeout(resolve, between(draw, 5, 25)));
    }
  });
  const clerk = createClerk();
  const clerks = clerk.work(door.up, () => stopped);

  const boots: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    door.opened(run);
    // On a slow machine a moment is longer: each life takes some messages before it ends.
    const enough = taken + between(draw, 5, 60);
    await until('some messages', () => taken >= enough, 30_000);
    door.closed();
    await run.kill();
    run = await start();
    boots.push(run.bootMs);
  }
  door.opened(run);
  stopped = true;
  await Promise.all([...citizens, clerks]);
  let idle = false;
  const lastClerk = clerk.work(door.up, () => idle);
  await drained(run);
  idle = true;
  await lastClerk;
  expect(await run.stop()).toEqual({ code: 0, signal: null });

  const held = await readHeld(home.data);
  const facts = history.read();
  const attempts = [...sink.events.values()].reduce((sum, event) => sum + event.attempts, 0);
  tell('R1 kill -9', {
    kills,
    acked: ackedIn(facts).size,
    records: held.records.length,
    'events at sink': sink.events.size,
    'repeated attempts': attempts - sink.events.size,
    'claimed and acked': clerk.acked.size,
    'broken requests': facts.filter(({ what }) => what === 'broken').length,
    'boot p50 ms': percentile(boots, 0.5),
  });
  expect(judge(facts, held, sink.events)).toEqual(clean);
  expect(clerk.again).toEqual([]);
  expect(sink.strange).toEqual([]);
  expect(held).toMatchObject({ quarantined: 0, deadLetters: 0 });
  // A run in which hardly anything was said would prove nothing.
  expect(ackedIn(facts).size).toBeGreaterThan(kills * 5);
  expect(new Set(held.records.flatMap(({ events }) => events))).toEqual(new Set(clerk.seen));
});

it('would be caught if it acknowledged before its commit was on disk', { timeout: 2 * minutes }, async () => {
  home = openHome();
  const history = openHistory(join(home.folder, 'history.ndjson'));
  const run = await home.start({ sabotage: 'answers-before-commit' });
  for (let n = 1; n <= 20; n += 1) await insist(byApi(n), async () => run, history);
  await run.kill();
  const verdict = judge(history.read(), await readHeld(home.data));
  tell('R1 control', { acked: 20, lost: verdict.lost.length });
  expect(verdict.lost.length).toBeGreaterThan(0);
});
