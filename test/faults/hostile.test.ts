import { ImapFlow } from 'imapflow';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { errorTable } from '../../src/contract/index.ts';
import { hostileMails } from '../fixtures/hostile-mails.ts';
import { missingDovecot, startDovecot } from '../support/dovecot.ts';
import { scale, tell, until } from './harness/chance.ts';
import { readHeld } from './harness/checker.ts';
import { createClerk, drained, metrics, worstLagMs } from './harness/drain.ts';
import { type Home, openHome } from './harness/gateway.ts';
import { bodies, formCalls, oddRequests, smsCalls } from './harness/hostile-requests.ts';
import { type Answer, type Call, call } from './harness/http.ts';

const minutes = 60_000;
let home: Home | undefined;
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  await home?.close();
  for (const end of endings.splice(0).toReversed()) await end();
});

const codes = new Set<string>(Object.keys(errorTable));
const refusal = z.looseObject({ code: z.string(), status: z.int() });

/** How one hostile request ended. Anything but these three is a fault. */
function endingOf({ status, headers, body }: Answer): 'accepted' | 'refused' | 'fault' {
  if (status < 300) return 'accepted';
  if (status >= 500) return 'fault';
  if (String(headers['content-type']).includes('text/html')) return 'refused';
  const problem = refusal.safeParse(JSON.parse(body));
  return problem.success && codes.has(problem.data.code) && problem.data.status === status
    ? 'refused'
    : 'fault';
}

it('hostile requests at every entrance end as a record, in quarantine or with a coded refusal', {
  timeout: 3 * minutes,
}, async () => {
  home = openHome();
  const run = await home.start();
  await metrics(run);
  const ends = { accepted: 0, refused: 0 };
  const faults: string[] = [];
  const take = async (name: string, one: Call) => {
    const answer = await until(`room for ${name}`, async () => {
      const got = await call(run.url, one);
      return !(got.status === 503 && got.body.includes('overloaded')) && got;
    });
    const end = endingOf(answer);
    if (end === 'fault') faults.push(`${name}: ${answer.status} ${answer.body.slice(0, 300)}`);
    else ends[end] += 1;
    return end;
  };
  let acceptedBodies = 0;
  for (const [name, body] of bodies) {
    const headers = { authorization: `Bearer ${run.key}`, 'content-type': 'application/json' };
    if ((await take(name, { path: '/v1/messages', headers, body })) === 'accepted') acceptedBodies += 1;
  }
  let sms = 0;
  for (const one of smsCalls())
    if ((await take(`SMS ${String(one.body).slice(0, 80)}`, one)) === 'accepted') sms += 1;
  for (const one of formCalls()) await take(`form ${String(one.body).slice(0, 80)}`, one);
  for (const one of oddRequests(run.key)) await take(`${one.path} ${JSON.stringify(one.headers)}`, one);

  const clerk = createClerk();
  let idle = false;
  const clerks = clerk.work(
    async () => run,
    () => idle,
  );
  await drained(run, ['fetch']);
  await metrics(run);
  idle = true;
  await clerks;
  await run.stop();
  const held = await readHeld(home.data);
  tell('R16 requests', {
    sent: ends.accepted + ends.refused + faults.length,
    ...ends,
    records: held.records.length,
    quarantined: held.quarantined,
    'main loop lag max ms': worstLagMs(run),
  });
  expect(faults).toEqual([]);
  expect(held.books).toEqual([]);
  expect(held.vanished).toBe(0);
  expect(acceptedBodies).toBeGreaterThan(5);
  // Every SMS that was taken is an envelope; each is read, or kept for a person with its reason.
  expect(sms).toBeGreaterThan(0);
  expect(held.quarantined).toBeGreaterThan(0);
});

it('would be caught if what it cannot read vanished', { timeout: 2 * minutes }, async () => {
  home = openHome();
  const run = await home.start({ sabotage: 'drops-the-unreadable' });
  let taken = 0;
  for (const one of smsCalls().slice(0, 60)) if ((await call(run.url, one)).status < 300) taken += 1;
  await drained(run, ['fetch', 'forward']);
  await run.stop();
  const { vanished, quarantined } = await readHeld(home.data);
  tell('R16 control', { taken, quarantined, vanished });
  expect(quarantined).toBe(0);
  expect(vanished).toBeGreaterThan(0);
});

it.skipIf(missingDovecot() !== undefined)(
  'hostile mails of a real mailbox end as a record, by name ignored, or in quarantine, and none holds up the others',
  { timeout: 5 * minutes },
  async () => {
    const dovecot = await startDovecot();
    endings.push(dovecot.stop);
    home = openHome({ mailbox: { port: dovecot.port, user: dovecot.user, password: dovecot.password } });
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: dovecot.port,
      secure: false,
      doSTARTTLS: false,
      auth: { user: dovecot.user, pass: dovecot.password },
      logger: false,
    });
    await client.connect();
    endings.push(async () => client.close());
    // The largest wait for the release run: the parser's own tests have them all.
    const largest = scale > 1 ? 26 * 1024 * 1024 : 300 * 1024;
    const mails = hostileMails
      .map(({ build }) => build())
      .filter(({ length }) => length > 0 && length <= largest);
    for (const body of mails) await client.append('INBOX', body);
    const { exists } = await client.mailboxOpen('INBOX');
    const run = await home.start();
    await metrics(run);
    await until(
      'every mail to be marked',
      async () => {
        const found = await client.search({ seen: false, flagged: false }, { uid: true });
        return Array.isArray(found) && found.length === 0;
      },
      240_000,
    );
    const clerk = createClerk();
    let idle = false;
    const clerks = clerk.work(
      async () => run,
      () => idle,
    );
    await drained(run);
    await metrics(run);
    idle = true;
    await clerks;
    await run.stop();
    const held = await readHeld(home.data);
    tell('R16 mails', {
      sent: exists,
      records: held.records.length,
      quarantined: held.quarantined,
      'main loop lag max ms': worstLagMs(run),
    });
    // That each envelope ended somewhere is what the books say, and that none ended in nothing.
    expect(held.books).toEqual([]);
    expect(held.vanished).toBe(0);
    expect(held.brokenAudit).toBeUndefined();
    expect(held.records.length).toBeGreaterThan(exists / 2);
  },
);

describe('the judge of hostile requests', () => {
  const answer = (status: number, body: string, type = 'application/problem+json'): Answer => ({
    status,
    headers: { 'content-type': type },
    body,
    tookMs: 1,
  });

  it.each([
    ['a fault of the gateway', answer(500, '{"code":"internal","status":500}')],
    ['a refusal without a code', answer(400, '{"message":"no"}')],
    ['a refusal with a code of no table', answer(400, '{"code":"oops","status":400}')],
    ['a refusal that contradicts its status', answer(404, '{"code":"invalid_request","status":400}')],
  ])('calls %s a fault', (_name, one) => {
    expect(endingOf(one)).toBe('fault');
  });

  it('calls a coded refusal one', () => {
    expect(endingOf(answer(400, '{"code":"invalid_request","status":400}'))).toBe('refused');
  });
});
