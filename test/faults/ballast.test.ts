import { closeSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { percentile, scaled, tell, until } from './harness/chance.ts';
import { ackedIn, clean, judge, readHeld } from './harness/checker.ts';
import { createClerk, drained } from './harness/drain.ts';
import { byApi, bySms, insist, say } from './harness/driver.ts';
import { type Home, openHome, type Run } from './harness/gateway.ts';
import { type History, openHistory } from './harness/history.ts';
import { type Answer, call, json } from './harness/http.ts';
import { startSink } from './harness/sink.ts';
import { lack, mountSmall } from './harness/small-disk.ts';

const minutes = 60_000;
const noMount = lack('a file system of its own needs root', process.getuid?.() === 0);
const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

const mebibyte = 1024 * 1024;
const ballastMiB = 8;
const sizeOf = ({ data }: Home): number | undefined =>
  statSync(join(data, 'ballast'), { throwIfNoEntry: false })?.size;
const laidDown = (home: Home) =>
  until('the ballast to lie there', () => sizeOf(home) === ballastMiB * mebibyte);
const freeBytes = ({ data }: Home): number => {
  const { bavail, bsize } = statfsSync(data);
  return bavail * bsize;
};

/** Somebody else's file grows until no more than that is left. */
function fill(home: Home, leave: number): void {
  const file = openSync(theirs(home), 'a');
  try {
    for (const size of [mebibyte, 4096]) {
      while (freeBytes(home) - size >= leave) writeSync(file, Buffer.alloc(size, 1));
    }
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC')) throw thrown;
  } finally {
    closeSync(file);
  }
}
const theirs = ({ data }: Home): string => join(data, 'somebody-elses');

const claimed = z.object({ items: z.array(z.object({ lease: z.string() })) });
const post = (run: Run, path: string, body: unknown) => call(run.url, json(run.key, body, path));
const get = (run: Run, path: string) => call(run.url, json(run.key, undefined, path, 'GET'));
const isAlarmed = async (run: Run): Promise<boolean> =>
  (await get(run, '/v1/alarms')).body.includes('disk-full');

/**
 * Full to the last block, but for the room of the ballast: what the database had of its own is used first,
 * and what its log gives back when it is cut is taken by the others too.
 */
async function spend(home: Home, run: Run, history: History, from: number): Promise<number> {
  let n = from;
  const press = () => fill(home, sizeOf(home) === 0 ? (ballastMiB + 1) * mebibyte : 0);
  press();
  await until('the ballast to be spent', async () => {
    n += 1;
    await say(byApi(n, 30_000), run, history);
    // The first commit that finds room cuts the log.
    await post(run, '/v1/queue/claim', { max: 1, leaseSeconds: 1 });
    press();
    return sizeOf(home) === 0 && freeBytes(home) < 2 * ballastMiB * mebibyte;
  });
  return n;
}

/** A reader's work, and an operator's. */
async function workGoesOn(run: Run, max: number): Promise<void> {
  const claim = await post(run, '/v1/queue/claim', { max, leaseSeconds: 60 });
  expect(claim.status).toBe(200);
  const { items } = claimed.parse(JSON.parse(claim.body));
  expect(items).toHaveLength(max);
  const ack = await post(run, '/v1/queue/ack', { leases: items.map(({ lease }) => lease) });
  expect(JSON.parse(ack.body)).toEqual({ acked: max, expired: [] });
  expect((await get(run, '/v1/records?limit=10')).status).toBe(200);
}

function expectRefused(answer: Answer | undefined): void {
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': expect.stringMatching(/^\d+$/) } });
  expect(JSON.parse(answer?.body ?? '')).toMatchObject({ code: 'store_unavailable' });
}

describe.skipIf(noMount !== undefined)(`a disk filled by others${noMount ? `: ${noMount}` : ''}`, () => {
  it.each(Array.from({ length: scaled(1) }, (_, at) => at + 1))(
    'gives its ballast up: claims, acknowledgements and reads go on, intake waits until there is room (round %i)',
    { timeout: 4 * minutes },
    async () => {
      const sink = await startSink();
      const home = openHome({ sink: sink.url, ballastMiB });
      endings.push(sink.stop, home.close);
      endings.push(mountSmall(home.data, 128));
      const history = openHistory(join(home.folder, 'history.ndjson'));
      const run = await home.start();
      await laidDown(home);
      for (let n = 1; n <= 40; n += 1) await insist(byApi(n), async () => run, history);
      await drained(run, ['forward']);

      const n = await spend(home, run, history, 100);
      await until('the alarm', () => isAlarmed(run));
      await drained(run, ['forward']);
      const before = freeBytes(home);
      const refused: number[] = [];
      for (let more = 1; more <= 30; more += 1) {
        const answer = await say(more % 2 === 0 ? byApi(n + more, 30_000) : bySms(n + more), run, history);
        expectRefused(answer);
        refused.push(answer?.tookMs ?? 0);
      }
      const upload = await call(run.url, {
        path: '/v1/uploads',
        headers: {
          authorization: `Bearer ${run.key}`,
          'content-type': 'text/plain',
          'content-disposition': 'attachment; filename="not.txt"',
        },
        body: 'a'.repeat(100_000),
      });
      expectRefused(upload);
      // Refused before it was written: the room is as it was, but for a block or two.
      expect(before - freeBytes(home)).toBeLessThan(30_000);
      for (let round = 0; round < 3; round += 1) await workGoesOn(run, 10);
      const whileFull = ackedIn(history.read()).size;

      const freedAt = performance.now();
      rmSync(theirs(home));
      await insist(byApi(n + 50), async () => run, history);
      const backMs = performance.now() - freedAt;
      await laidDown(home);
      await until('the alarm to end', async () => !(await isAlarmed(run)));
      const clerk = createClerk();
      let idle = false;
      const clerks = clerk.work(
        async () => run,
        () => idle,
      );
      await drained(run);
      idle = true;
      await clerks;
      expect(await run.stop()).toEqual({ code: 0, signal: null });
      const held = await readHeld(home.data);
      tell('R4 ballast', {
        'acked before full': whileFull,
        'claimed and acked while full': 30,
        'refused p50 ms': percentile(refused, 0.5),
        'refused max ms': percentile(refused, 1),
        'room left to deliveries MiB': before / mebibyte,
        'back after ms': backMs,
        records: held.records.length,
      });
      expect(judge(history.read(), held, sink.events)).toEqual(clean);
    },
  );

  it('starts on a full disk by giving the ballast up, and knows after a crash that it has', {
    timeout: 2 * minutes,
  }, async () => {
    const home = openHome({ ballastMiB });
    endings.push(home.close, mountSmall(home.data, 128));
    const history = openHistory(join(home.folder, 'history.ndjson'));
    let run = await home.start();
    await laidDown(home);
    for (let n = 1; n <= 20; n += 1) await insist(byApi(n), async () => run, history);
    await run.stop();
    fill(home, 0);
    run = await home.start();
    const n = await spend(home, run, history, 30);
    await run.kill();
    run = await home.start();
    expectRefused(await say(byApi(n + 1), run, history));
    await workGoesOn(run, 10);
    rmSync(theirs(home));
    await insist(byApi(n + 1), async () => run, history);
    await run.stop();
    expect(judge(history.read(), await readHeld(home.data))).toEqual(clean);
  });
});
