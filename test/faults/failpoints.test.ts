import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startCounterpart } from '../../adapters/sms-twilio/twilio-counterpart.ts';
import { type Failpoint, failpoints } from '../../src/contract/failpoint.ts';
import { scaled, tell, until } from './harness/chance.ts';
import { ackedIn, clean, type Held, judge, readHeld } from './harness/checker.ts';
import { createClerk, drained } from './harness/drain.ts';
import { byApi, bySms, insist, phoneOf, type Utterance } from './harness/driver.ts';
import { type Exit, openHome, type Run } from './harness/gateway.ts';
import { type Fact, openHistory } from './harness/history.ts';
import { type Answer, call, json } from './harness/http.ts';
import { type Sink, startSink } from './harness/sink.ts';

const minutes = 60_000;
const rounds = scaled(1);

/**
 * Times the point is passed before the crash: some past the start, none past the load. Messages that arrive
 * together are claimed and committed together, so only one claim each of reading and assembling is sure.
 */
const rows: readonly { readonly point: Failpoint; readonly nth: number }[] = [
  { point: 'before-commit', nth: 6 },
  { point: 'after-commit-before-reply', nth: 6 },
  { point: 'mid-group', nth: 1 },
  { point: 'before-rename', nth: 2 },
  { point: 'after-rename', nth: 2 },
  { point: 'after-claim', nth: 2 },
  { point: 'after-send-before-mark', nth: 4 },
  { point: 'before-notice-send', nth: 2 },
  { point: 'after-notice-send', nth: 2 },
];
/** Crashed at against a real mailbox. */
const elsewhere: readonly Failpoint[] = ['before-mark'];

const endings: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of endings) await end();
});

const uploaded = z.object({ upload: z.string() });
const shown = z.object({ notices: z.array(z.object({ state: z.string() })) });
const listed = z.object({ items: z.array(z.object({ number: z.string() })) });
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** A photo first, then the message that names it; both again by whoever runs, until both are taken. */
async function withPhoto(
  n: number,
  up: () => Promise<Run>,
  history: ReturnType<typeof openHistory>,
): Promise<void> {
  for (;;) {
    const run = await up();
    let answer: Answer;
    try {
      answer = await call(run.url, {
        path: '/v1/uploads',
        headers: {
          authorization: `Bearer ${run.key}`,
          'content-type': 'image/png',
          'content-disposition': 'attachment; filename="cukur.png"',
        },
        // Bytes of its own, so that each is a new blob.
        body: Buffer.concat([png, Buffer.from(String(n))]),
      });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    const { upload } = uploaded.parse(JSON.parse(answer.body));
    await insist(byApi(n, 0, { attachments: [{ upload }] }), up, history);
    return;
  }
}

/** What the API shows under the path. Reads are the first that a busy gateway refuses. */
async function read<T>(run: Run, path: string, shape: z.ZodType<T>): Promise<T> {
  const { body } = await until(`an answer of ${path}`, async () => {
    const answer = await call(run.url, json(run.key, undefined, path, 'GET'));
    return answer.status === 200 && answer;
  });
  return shape.parse(JSON.parse(body));
}

/** Each notice is past the moment in which its fate is in doubt. */
async function noticesSettled(run: Run, numbers: readonly string[]): Promise<void> {
  for (const number of numbers) {
    await until(
      `the notice of ${number}`,
      async () => {
        const { notices } = await read(run, `/v1/records/${number}`, shown);
        return notices.every(({ state }) => state !== 'pending' && state !== 'sending');
      },
      200_000,
    );
  }
}

interface Outcome {
  readonly exit: Exit;
  readonly facts: readonly Fact[];
  readonly held: Held;
  readonly sink: Sink;
  readonly again: readonly string[];
  readonly receipts: readonly (string | null)[];
}

/** One gateway that crashes at the point, one that goes on after it, and what both leave behind. */
async function crash({ point, nth }: (typeof rows)[number]): Promise<Outcome> {
  const sink = await startSink();
  const sms = await startCounterpart();
  const home = openHome({ sink: sink.url, twilioApi: sms.url });
  endings.push(home.close, sink.stop, sms.stop);
  const history = openHistory(join(home.folder, 'history.ndjson'));
  let run = await home.start({ environment: { KAPI_FAILPOINT: `${point}:${nth}` } });
  let up = Promise.resolve(run);
  const { exited } = run;
  const work = Array.from({ length: 12 }, (_, at): Promise<unknown> => {
    const n = at + 1;
    if (n % 3 === 0) return withPhoto(n, () => up, history);
    const said: Utterance = n % 3 === 1 ? byApi(n, 0, { citizen: { phone: phoneOf(n + 500) } }) : bySms(n);
    return insist(said, () => up, history);
  });
  await until(`the crash at ${point}`, () => run.ended(), 90_000);
  const exit = await exited;
  up = home.start();
  run = await up;
  await Promise.all(work);

  const clerk = createClerk();
  let idle = false;
  const clerks = clerk.work(
    () => up,
    () => idle,
  );
  await drained(run, ['notify']);
  const { items } = await read(run, '/v1/records?limit=100', listed);
  await noticesSettled(
    run,
    items.map(({ number }) => number),
  );
  idle = true;
  await clerks;
  await run.stop();
  const receipts = sms.sent.map(({ parameters }) => parameters.get('To'));
  return { exit, facts: history.read(), held: await readHeld(home.data), sink, again: clerk.again, receipts };
}

describe('crashed at a named point, it goes on as if nothing had been', () => {
  const planned = Array.from({ length: rounds }, (_, round) =>
    rows.map((row) => ({ ...row, round: round + 1 })),
  ).flat();
  const outcomes = new Map<(typeof planned)[number], Promise<Outcome>>();

  // Most of the time is waiting for the leases of the dead: all wait at once.
  beforeAll(() => {
    for (const row of planned) {
      const outcome = crash(row);
      outcome.catch(() => undefined);
      outcomes.set(row, outcome);
    }
  });

  it('at every point there is', () => {
    expect([...rows.map(({ point }) => point), ...elsewhere].toSorted()).toEqual(failpoints.toSorted());
  });

  it.each(planned)('$point (round $round)', { timeout: 6 * minutes }, async (row) => {
    const outcome = await outcomes.get(row);
    if (!outcome) throw new Error('it was not started');
    const { exit, facts, held, sink, again, receipts } = outcome;
    tell(`R3 ${row.point}`, {
      acked: ackedIn(facts).size,
      records: held.records.length,
      receipts: receipts.length,
    });
    expect(exit).toEqual({ code: null, signal: 'SIGKILL' });
    expect(judge(facts, held, sink.events)).toEqual(clean);
    expect(held.records).toHaveLength(12);
    expect(again).toEqual([]);
    // At most one each. A notice that was being sent at the crash and that the provider does not know is not
    // repeated: a person is asked to call back.
    expect(new Set(receipts).size).toBe(receipts.length);
    const noticed = held.records.filter(({ notices }) => notices.length > 0);
    const doubtful = noticed.filter(({ notices }) => notices.includes('unknown'));
    expect(noticed).toHaveLength(8);
    expect(receipts).toHaveLength(noticed.length - doubtful.length);
    expect(doubtful.filter(({ callbacks }) => callbacks === 0)).toEqual([]);
    if (row.point === 'before-notice-send') expect(doubtful.length).toBeGreaterThan(0);
  });

  it('a receiver that fails in every way gets every event, and no event twice under another id', {
    timeout: 4 * minutes,
  }, async () => {
    const modes = ['500', 'reset', 'ack-then-reset', 'hang', 'slow'] as const;
    const bad = new Map<string, (typeof modes)[number]>();
    let seen = 0;
    const sink = await startSink((id, attempt) => {
      if (attempt > 1) return 'ok';
      seen += 1;
      const mode = seen % 4 === 0 ? modes[(seen / 4) % modes.length] : undefined;
      if (mode) bad.set(id, mode);
      return mode ?? 'ok';
    });
    const home = openHome({ sink: sink.url });
    endings.push(home.close, sink.stop);
    const history = openHistory(join(home.folder, 'history.ndjson'));
    const run = await home.start();
    for (let n = 1; n <= 40; n += 1) await insist(byApi(n), async () => run, history);
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
    tell('sink modes', { events: sink.events.size, 'failed once': bad.size });
    expect(judge(history.read(), await readHeld(home.data), sink.events)).toEqual(clean);
    expect(new Set(bad.values())).toEqual(new Set(modes));
  });
});
