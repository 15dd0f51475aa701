import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { missingDovecot, startCutter, startDovecot } from '../support/dovecot.ts';
import { between, chance, scaled, seed, tell, until } from './harness/chance.ts';
import { clean, judge, readHeld } from './harness/checker.ts';
import { createClerk, drained } from './harness/drain.ts';
import { openHome } from './harness/gateway.ts';
import { openHistory } from './harness/history.ts';
import { clientOf, deliver, mail, unseen } from './harness/mails.ts';

const minutes = 60_000;
const missing = missingDovecot();

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

describe.skipIf(missing !== undefined)(`a mailbox${missing === undefined ? '' : `: ${missing}`}`, () => {
  it('with lines cut and the gateway killed between commit and mark loses no mail and doubles none', {
    timeout: 5 * minutes * scaled(1),
  }, async () => {
    const mails = scaled(300);
    const draw = chance(seed);
    const dovecot = await startDovecot();
    endings.push(dovecot.stop);
    let cutsLeft = 0;
    const cutter = await startCutter(dovecot.port, () =>
      cutsLeft-- > 0 ? between(draw, 500, 60_000) : undefined,
    );
    endings.push(cutter.stop);
    const home = openHome({ mailbox: { port: cutter.port, user: dovecot.user, password: dovecot.password } });
    endings.push(home.close);
    const history = openHistory(join(home.folder, 'history.ndjson'));
    const client = await clientOf(dovecot);
    endings.push(async () => client.close());
    for (let n = 1; n <= mails; n += 1) {
      // Some carry the Message-ID of the one before, which says nothing; some come twice, byte for byte.
      await deliver(client, history, n, n % 50 === 0 ? `m${n - 1}` : `m${n}`);
      if (n % 30 === 0) await client.append('INBOX', mail(n, n % 50 === 0 ? `m${n - 1}` : `m${n}`));
    }

    let run = await home.start({ environment: { KAPI_FAILPOINT: 'before-mark:2' } });
    expect(await run.exited).toEqual({ code: null, signal: 'SIGKILL' });
    for (let kill = 0; kill < scaled(4); kill += 1) {
      cutsLeft = 1;
      run = await home.start();
      await new Promise((resolve) => setTimeout(resolve, between(draw, 100, 1_200)));
      await run.kill();
    }
    cutsLeft = 2;
    run = await home.start();
    await until('every mail to be marked', async () => (await unseen(client)) === 0, 200_000);
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
    tell('R14 mailbox', {
      mails,
      'sent twice': Math.floor(mails / 30),
      cuts: cutter.cuts(),
      kills: scaled(4) + 1,
      records: held.records.length,
    });
    expect(judge(history.read(), held)).toEqual(clean);
    expect(held.records).toHaveLength(mails);
  });

  it.each([
    {
      defect: 'it marked a mail before it was committed',
      sabotage: 'answers-before-commit',
      crash: 'after-mark:1',
      found: { lost: ['mail-1', 'mail-2', 'mail-3'], doubled: [] },
    },
    {
      defect: 'it knew repeats from a cache',
      sabotage: 'cache-for-keys',
      crash: 'before-mark:1',
      found: { lost: [], doubled: ['mail-1', 'mail-2', 'mail-3'] },
    },
  ] as const)('would be caught if $defect', { timeout: 2 * minutes }, async (row) => {
    const dovecot = await startDovecot();
    endings.push(dovecot.stop);
    const home = openHome({ mailbox: dovecot });
    endings.push(home.close);
    const history = openHistory(join(home.folder, 'history.ndjson'));
    const client = await clientOf(dovecot);
    endings.push(async () => client.close());
    for (const n of [1, 2, 3]) await deliver(client, history, n);
    const { sabotage } = row;
    const exit = await home.startToEnd({ sabotage, environment: { KAPI_FAILPOINT: row.crash } });
    expect(exit.signal).toBe('SIGKILL');
    const run = await home.start({ sabotage });
    await until('every mail to be marked', async () => (await unseen(client)) === 0);
    await drained(run, ['forward']);
    await run.stop();
    const { lost, doubled } = judge(history.read(), await readHeld(home.data));
    tell(`R14 control: ${row.sabotage}`, { mails: 3, lost: lost.length, doubled: doubled.length });
    expect({ lost: lost.toSorted(), doubled: doubled.toSorted() }).toEqual(row.found);
  });
});
