import {
  type Change,
  formatNumber,
  meetDeadline,
  type Notice,
  RejectedError,
  type SokRecord,
  TransientError,
  toInstant,
} from '@kapi/contract';
import fc from 'fast-check';
import { planNotices } from '../../src/notify/plan.ts';
import type { NoticeAccount } from '../../src/notify/ports.ts';
import { createNotifyStage } from '../../src/notify/send.ts';
import { account, event, house, record, start, testId } from '../../src/notify/test-house.ts';
import { createLog, redactingLogger } from '../../src/platform/log.ts';
import type { NoticeWorld } from './notice-world.ts';

/** What the provider does with one call of `send`. */
export type Verdict = 'ok' | 'throttled' | 'refused' | 'lost-before' | 'lost-after';
const verdicts: readonly Verdict[] = ['ok', 'ok', 'throttled', 'refused', 'lost-before', 'lost-after'];

export interface Scenario {
  readonly idempotent: boolean;
  readonly lookup: boolean;
  readonly reports: boolean;
  readonly kind: 'received' | 'answered' | 'forwarded';
  readonly verdicts: readonly Verdict[];
  /** How many borders (before and after each effect) each life of the process passes before it is killed. */
  readonly lives: readonly number[];
  /** What the provider reports of the nth accepted message, and whether before its `send` returned. */
  readonly reported: readonly ('delivered' | 'failed' | 'nothing')[];
  readonly early: boolean;
}

export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  idempotent: fc.boolean(),
  lookup: fc.boolean(),
  reports: fc.boolean(),
  kind: fc.constantFrom('received', 'answered', 'forwarded'),
  verdicts: fc.array(fc.constantFrom(...verdicts), { maxLength: 12 }),
  lives: fc.array(fc.integer({ min: 0, max: 14 }), { maxLength: 6 }),
  reported: fc.array(fc.constantFrom('delivered', 'failed', 'nothing'), { maxLength: 4 }),
  early: fc.boolean(),
});

/** A provider that remembers what reached the citizen. */
class Provider {
  readonly reached: { key: string; ref: string; to: string }[] = [];
  readonly #verdicts: Verdict[];
  readonly #prefix: string;
  constructor(given: readonly Verdict[], prefix: string) {
    this.#verdicts = [...given];
    this.#prefix = prefix;
  }
  send(key: string, to: string): string {
    const verdict = this.#verdicts.shift() ?? 'ok';
    if (verdict === 'throttled')
      throw new TransientError('provider_throttled', 'slow down', { retryAfterMs: 1000 });
    if (verdict === 'refused') throw new RejectedError('provider_rejected', 'no');
    if (verdict === 'lost-before') throw new Error('socket hang up');
    const ref = `${this.#prefix}-${this.reached.length}`;
    this.reached.push({ key, ref, to });
    if (verdict === 'lost-after') throw new Error('socket hang up');
    return ref;
  }
}

/** Scenarios so far: each has a record, an address and references of its own, so that many fit into one store. */
let played = 0;
const hourMs = 3_600_000;
const never = (): Promise<never> => new Promise(() => undefined);

export interface Ending {
  readonly scenario: Scenario;
  readonly provider: Provider;
  readonly notices: readonly Notice[];
  readonly callbacks: number;
  readonly record: SokRecord;
  readonly promiseEvents: number;
  /** Claims left after everything has rested for a week. */
  readonly left: number;
}

/** Plays a scenario to its end: kills at the given borders, restarts after the lease, reports, and rests. */
export async function play(scenario: Scenario, world: NoticeWorld): Promise<Ending> {
  let now = start;
  played += 1;
  const provider = new Provider(scenario.verdicts, `ref-${played}`);
  const { idempotent, lookup, reports } = scenario;
  const accounts: readonly NoticeAccount[] = [
    account('sms-153', 'sms', { idempotent, lookup, reports }),
    account('posta', 'email', { idempotent, lookup, reports }),
  ];
  const log = redactingLogger(createLog({ level: 'silent' }));
  let reportsMade = 0;

  const report = async (ref: string, from: string): Promise<void> => {
    const state = scenario.reported[reportsMade];
    reportsMade += 1;
    if (!reports || state === undefined || state === 'nothing') return;
    await world.pipeline.save([{ changes: [{ do: 'put-report', account: from, ref, state, at: now }] }]);
  };

  function process(borders: number) {
    let left = borders;
    let kill: () => void = () => undefined;
    const killed = new Promise<'killed'>((resolve) => {
      kill = () => resolve('killed');
    });
    /** A dead process never comes back from the call at whose border it died. */
    const border = async (): Promise<void> => {
      if (left === 0) {
        kill();
        await never();
      }
      left -= 1;
    };
    const stage = createNotifyStage({
      pipeline: {
        claim: world.pipeline.claim,
        async save(saves) {
          await border();
          const outcomes = await world.pipeline.save(saves);
          await border();
          return outcomes;
        },
      },
      reader: world.reader,
      watch: () => () => undefined,
      house,
      newId: testId,
      accounts: {
        list: () => accounts,
        sendsNotices: () => true,
        sender: (id) => ({
          async send({ idempotencyKey, to }) {
            await border();
            const ref = provider.send(idempotencyKey, to);
            if (scenario.early) await report(ref, id);
            await border();
            return { ref, warnings: [] };
          },
          ...(lookup && {
            async lookup({ idempotencyKey }) {
              return provider.reached.some(({ key }) => key === idempotencyKey)
                ? ('sent' as const)
                : ('unknown' as const);
            },
          }),
        }),
      },
      meetPromise,
      clock: { now: () => now, sleep: never },
      log,
      random: () => 0.5,
    });
    return { run: () => Promise.race([stage.drain(), killed]) };
  }

  const serial = played;
  const of = record({
    number: formatNumber('SOK', 2026, serial),
    trackingToken: `token-${serial}`,
    citizen: { emails: [`citizen-${serial}@example.org`] },
  });
  const received = event(of, 'received');
  const first: Change[] = [
    { do: 'put-record', record: of, expectedVersion: 0, lookups: [] },
    { do: 'put-event', event: received, destinations: [] },
  ];
  let current = of;
  if (scenario.kind === 'received')
    first.push(...planNotices({ house, accounts: plain(accounts), newId: testId }, of, received));
  else {
    current = { ...of, version: 2 };
    const what = event(current, scenario.kind, { citizenText: 'Yarın yapılacak.' });
    first.push({ do: 'put-record', record: current, expectedVersion: 1, lookups: [] });
    first.push({ do: 'put-event', event: what, destinations: [] });
    first.push(...planNotices({ house, accounts: plain(accounts), newId: testId }, current, what));
  }
  for (const group of pairs(first)) {
    const [outcome] = await world.pipeline.save([{ changes: group }]);
    if (outcome?.result !== 'saved') throw new Error(`the start was not saved: ${JSON.stringify(outcome)}`);
  }

  for (const borders of scenario.lives) {
    await process(borders).run();
    now += 3 * 60_000;
  }
  const last = process(Number.MAX_SAFE_INTEGER);
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 60; round += 1) {
      await last.run();
      now += hourMs / 4;
    }
  };
  await settle();
  if (!scenario.early)
    for (const { ref, to } of [...provider.reached])
      await report(ref, to.includes('@') ? 'posta' : 'sms-153');
  await settle();
  now += 7 * 24 * hourMs;
  const left = Number(await last.run());

  const view = await world.reader.record({ id: of.id });
  if (!view) throw new Error('the record is gone');
  return {
    scenario,
    provider,
    notices: view.notices,
    callbacks: view.callbacks.length,
    record: view.record,
    promiseEvents: view.events.filter(({ name }) => name === 'promise_met').length,
    left,
  };
}

const plain = (accounts: readonly NoticeAccount[]) => ({ list: () => accounts, sendsNotices: () => true });

/** A record, its event and what hangs on it are one save. */
function pairs(changes: readonly Change[]): Change[][] {
  const groups: Change[][] = [];
  for (const change of changes) {
    if (change.do === 'put-record') groups.push([change]);
    else groups.at(-1)?.push(change);
  }
  return groups;
}

export function meetPromise(of: SokRecord, at: number): Change[] {
  const next: SokRecord = {
    ...of,
    version: of.version + 1,
    deadlines: meetDeadline(of.deadlines, '48h', at),
  };
  return [
    { do: 'put-record', record: next, expectedVersion: of.version, lookups: [] },
    { do: 'put-event', event: { ...event(next, 'promise_met'), at: toInstant(at) }, destinations: [] },
  ];
}

/** What must hold at the end of every scenario; each broken rule is named. */
export function broken({
  scenario,
  provider,
  notices,
  callbacks,
  record: of,
  promiseEvents,
  left,
}: Ending): string[] {
  const times = (key: string) => provider.reached.filter((reached) => reached.key === key).length;
  const rules: Record<string, boolean> = {
    'never two sends of a notice where the provider would not notice':
      scenario.idempotent || notices.every(({ id }) => times(id) <= 1),
    'steps are 1, 2, 3': notices.every(({ step }, index) => step === index + 1),
    'a next step only after one that failed or is unknown': notices
      .slice(0, -1)
      .every(({ state }) => state === 'failed' || state === 'unknown'),
    'no notice rests half way': notices.every(({ state }) => state !== 'pending' && state !== 'sending'),
    'a notice that is sent was sent': notices.every(
      ({ id, state }) => !(state === 'sent' || state === 'delivered') || times(id) > 0,
    ),
    'nobody is left without notice or task':
      notices.some(({ state }) => state === 'sent' || state === 'delivered') || callbacks > 0,
    'one task at most, and none beside a notice that arrived':
      callbacks <= 1 && !(callbacks === 1 && ['sent', 'delivered'].includes(notices.at(-1)?.state ?? '')),
    'the promise is met once, by an answer that arrived, and by nothing else': promiseRule(
      scenario,
      notices,
      of,
      promiseEvents,
    ),
    'nothing is due any more': left === 0,
  };
  return Object.entries(rules).flatMap(([rule, holds]) => (holds ? [] : [rule]));
}

function promiseRule(
  scenario: Scenario,
  notices: readonly Notice[],
  of: SokRecord,
  promiseEvents: number,
): boolean {
  const met = of.deadlines.some(({ kind, metAt }) => kind === '48h' && metAt !== undefined);
  if (scenario.kind !== 'answered') return !met && promiseEvents === 0;
  const arrived = notices.some(({ state }) => state === 'sent' || state === 'delivered');
  // A failure reported after the clock was met leaves it met; the next channel goes on.
  const lateFailure = notices.some(({ sentAt, state }) => sentAt !== undefined && state === 'failed');
  return arrived ? met && promiseEvents === 1 : lateFailure || (!met && promiseEvents === 0);
}
