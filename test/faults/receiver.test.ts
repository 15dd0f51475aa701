import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { tell } from './harness/chance.ts';
import { clean, judge, readHeld } from './harness/checker.ts';
import { createClerk, drained } from './harness/drain.ts';
import { byApi, insist } from './harness/driver.ts';
import { openHome } from './harness/gateway.ts';
import { openHistory } from './harness/history.ts';
import { startSink } from './harness/sink.ts';

const minutes = 60_000;
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
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
