import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startCounterpart } from '../../adapters/sms-twilio/twilio-counterpart.ts';
import { tell, until } from './harness/chance.ts';
import { judge, readHeld } from './harness/checker.ts';
import { drained } from './harness/drain.ts';
import { byApi, insist, phoneOf } from './harness/driver.ts';
import { openHome } from './harness/gateway.ts';
import { openHistory } from './harness/history.ts';
import { startSink } from './harness/sink.ts';

const minutes = 60_000;
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

describe('a crash between sending and writing down would be caught', () => {
  it('if an event was marked as delivered before it was sent', { timeout: 2 * minutes }, async () => {
    const sink = await startSink();
    const home = openHome({ sink: sink.url });
    endings.push(home.close, sink.stop);
    const history = openHistory(join(home.folder, 'history.ndjson'));
    let run = await home.start({
      sabotage: 'marks-before-send',
      environment: { KAPI_FAILPOINT: 'forward-marked:1' },
    });
    await insist(byApi(1), async () => run, history);
    expect((await run.exited).signal).toBe('SIGKILL');
    run = await home.start();
    await insist(byApi(2), async () => run, history);
    await until('the second event', () => sink.events.size > 0);
    await run.stop();
    const held = await readHeld(home.data);
    const { undelivered } = judge(history.read(), held, sink.events);
    tell('R3 control: marks-before-send', { records: held.records.length, undelivered: undelivered.length });
    expect(undelivered).toHaveLength(1);
  });

  it('if a notice was sent before it was written down as being sent', { timeout: 2 * minutes }, async () => {
    const sms = await startCounterpart();
    const home = openHome({ twilioApi: sms.url });
    endings.push(home.close, sms.stop);
    const history = openHistory(join(home.folder, 'history.ndjson'));
    let run = await home.start({
      sabotage: 'sends-before-it-is-written',
      environment: { KAPI_FAILPOINT: 'after-notice-send:1' },
    });
    await insist(byApi(1, 0, { citizen: { phone: phoneOf(1) } }), async () => run, history);
    expect((await run.exited).signal).toBe('SIGKILL');
    run = await home.start();
    await drained(run, ['forward']);
    await run.stop();
    const receipts = sms.sent.map(({ parameters }) => parameters.get('To'));
    tell('R3 control: sends-before-it-is-written', { people: 1, receipts: receipts.length });
    expect(receipts).toEqual([phoneOf(1), phoneOf(1)]);
  });
});
