import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { percentile, scaled, tell } from './harness/chance.ts';
import { ackedIn, clean, judge, readHeld } from './harness/checker.ts';
import { createClerk, drained } from './harness/drain.ts';
import { byApi, insist, say } from './harness/driver.ts';
import { openHome, type Run } from './harness/gateway.ts';
import { type Fact, openHistory } from './harness/history.ts';
import { call } from './harness/http.ts';
import { startSink } from './harness/sink.ts';
import { enlarge, lack, mountSmall } from './harness/small-disk.ts';

const minutes = 60_000;
const strace = '/usr/bin/strace';
const noMount = lack('a file system of its own needs root', process.getuid?.() === 0);
const noStrace = lack('strace is not installed', spawnSync(strace, ['-V']).status === 0);

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

/** Long messages, so that a small disk is soon full. */
const long = 30_000;

async function readAll(run: Run): Promise<void> {
  const clerk = createClerk();
  let idle = false;
  const clerks = clerk.work(
    async () => run,
    () => idle,
  );
  await drained(run);
  idle = true;
  await clerks;
  expect(clerk.again).toEqual([]);
}

describe.skipIf(noMount !== undefined)(`a full disk${noMount === undefined ? '' : `: ${noMount}`}`, () => {
  it.each(Array.from({ length: scaled(1) }, (_, at) => at + 1))(
    'answers 503 and no false 2xx, keeps delivering, and takes in again once there is room (round %i)',
    { timeout: 4 * minutes },
    async () => {
      const sink = await startSink();
      const home = openHome({ sink: sink.url });
      endings.push(sink.stop, home.close);
      endings.push(mountSmall(home.data, 8));
      const history = openHistory(join(home.folder, 'history.ndjson'));
      const run = await home.start();

      const refusals: number[] = [];
      let n = 0;
      while (refusals.length < 20) {
        n += 1;
        if (n > 2_000) throw new Error('8 MiB were never full');
        const answer = await say(byApi(n, long), run, history);
        if (answer === undefined) throw new Error('the line broke on a full disk');
        if (answer.status < 300) continue;
        refusals.push(answer.tookMs);
        expect(answer).toMatchObject({
          status: 503,
          headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
        });
        expect(JSON.parse(answer.body)).toMatchObject({ code: 'store_unavailable' });
      }
      expect(run.ended()).toBe(false);
      expect((await call(run.url, { method: 'GET', path: '/healthz' })).status).toBe(200);

      const before = ackedIn(history.read()).size;
      const fullAt = performance.now();
      enlarge(home.data, 128);
      await insist(byApi(n + 1), async () => run, history);
      const backMs = performance.now() - fullAt;
      for (let more = 2; more < 12; more += 1) await insist(byApi(n + more), async () => run, history);
      await readAll(run);
      expect(await run.stop()).toEqual({ code: 0, signal: null });

      const held = await readHeld(home.data);
      tell('R4 disk full', {
        'acked before full': before,
        '503 p50 ms': percentile(refusals, 0.5),
        '503 max ms': percentile(refusals, 1),
        'back after ms': backMs,
        records: held.records.length,
      });
      expect(judge(history.read(), held, sink.events)).toEqual(clean);
    },
  );

  it('would be caught if it answered 2xx all the same', { timeout: 2 * minutes }, async () => {
    const home = openHome();
    endings.push(home.close);
    endings.push(mountSmall(home.data, 8));
    const history = openHistory(join(home.folder, 'history.ndjson'));
    const run = await home.start({ sabotage: 'accepts-when-full' });
    // Twice of what fits.
    for (let n = 1; n <= 500; n += 1) await say(byApi(n, long), run, history);
    await run.kill();
    enlarge(home.data, 128);
    const { lost } = judge(history.read(), await readHeld(home.data));
    tell('R4 control', { acked: ackedIn(history.read()).size, lost: lost.length });
    expect(lost.length).toBeGreaterThan(0);
  });
});

/** When strace first made a call fail, epoch ms. */
function injectedAt(log: string): number | undefined {
  const line = existsSync(log)
    ? readFileSync(log, 'utf8')
        .split('\n')
        .find((one) => one.includes('(INJECTED)'))
    : undefined;
  const seconds = line === undefined ? undefined : /(\d+\.\d+) /.exec(line)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Starts a program whose system calls fail from the nth on (`25+`), or the nth alone (`25`). */
const failing = (log: string, calls: string, error: string, when: string): readonly string[] => [
  strace,
  ...['-f', '--seccomp-bpf', '-qq', '-ttt', '-o', log],
  ...['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}:when=${when}`],
];

/** Requests that were sent after the first failure and answered as if nothing had been. */
const ackedAfter = (facts: readonly Fact[], at: number): string[] =>
  facts.flatMap((fact) => (fact.what === 'ack' && fact.sentAt > at ? [fact.marker] : []));

describe.skipIf(noStrace !== undefined)(
  `a failing disk${noStrace === undefined ? '' : `: ${noStrace}`}`,
  () => {
    const rows = [
      { fault: 'the first sync that fails', calls: 'fdatasync,fsync', error: 'EIO', from: 25 },
      { fault: 'the first write that fails', calls: 'pwrite64', error: 'EIO', from: 300 },
    ];

    it.each(Array.from({ length: scaled(1) }, () => rows).flat())(
      '$fault ends all acknowledging and the process, and a restart has everything',
      { timeout: 4 * minutes },
      async ({ fault, calls, error, from }) => {
        const home = openHome();
        endings.push(home.close);
        const log = join(home.folder, 'strace.log');
        const history = openHistory(join(home.folder, 'history.ndjson'));
        // A start on an empty folder writes the schema and the first key; only later writes are to fail.
        expect(await (await home.start()).stop()).toEqual({ code: 0, signal: null });
        const run = await home.start({ under: failing(log, calls, error, `${from}+`) });
        let n = 0;
        while (!run.ended() && n < 1_000) {
          n += 1;
          const answer = await say(byApi(n), run, history);
          if (answer !== undefined && answer.status >= 300) expect(answer.status).toBe(503);
        }
        expect(run.ended()).toBe(true);
        const exit = await run.exited;
        const failedAt = injectedAt(log);
        if (failedAt === undefined) throw new Error(`nothing failed in ${n} messages`);
        const exitedMs = Date.now() - failedAt;
        expect(exit).toEqual({ code: 70, signal: null });
        const facts = history.read();
        expect(ackedAfter(facts, failedAt)).toEqual([]);
        expect(ackedIn(facts).size).toBeGreaterThan(0);

        const again = await home.start();
        await insist(byApi(n + 1), async () => again, history);
        await readAll(again);
        expect(await again.stop()).toEqual({ code: 0, signal: null });
        const held = await readHeld(home.data);
        tell(`R5 ${fault}`, {
          acked: ackedIn(facts).size,
          'gone after ms': exitedMs,
          records: held.records.length,
        });
        expect(judge(history.read(), held)).toEqual(clean);
      },
    );

    it('would be caught if it opened its store anew and went on', { timeout: 2 * minutes }, async () => {
      const home = openHome();
      endings.push(home.close);
      const log = join(home.folder, 'strace.log');
      const history = openHistory(join(home.folder, 'history.ndjson'));
      expect(await (await home.start()).stop()).toEqual({ code: 0, signal: null });
      const run = await home.start({
        sabotage: 'goes-on-after-failed-sync',
        under: failing(log, 'fdatasync,fsync', 'EIO', '25'),
      });
      let after: readonly string[] = [];
      for (let n = 1; n <= 200 && after.length < 3 && !run.ended(); n += 1) {
        await say(byApi(n), run, history);
        const failedAt = injectedAt(log);
        if (failedAt !== undefined) after = ackedAfter(history.read(), failedAt);
      }
      tell('R5 control', {
        acked: ackedIn(history.read()).size,
        'after the failed sync': after.length,
        ended: String(run.ended()),
      });
      expect(run.ended()).toBe(false);
      expect(after.length).toBeGreaterThan(0);
    });
  },
);
