import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Failpoint, failpoints } from '../../src/contract/failpoint.ts';
import { missingDovecot } from '../support/dovecot.ts';
import { chance, scaled, seed, tell } from './harness/chance.ts';
import { ackedIn, clean, judge, type Verdict } from './harness/checker.ts';
import {
  type Chronicle,
  type Life,
  townOfCitizens,
  townOfErasures,
  townOfMails,
  townOfRotations,
  townOfStarts,
} from './harness/towns.ts';

const minutes = 60_000;
const rounds = scaled(1);

const towns = {
  citizens: townOfCitizens,
  mails: townOfMails,
  erasures: townOfErasures,
  starts: townOfStarts,
  rotations: townOfRotations,
} as const;
type Town = keyof typeof towns;

/**
 * Where each point is passed, and how often before the crash. A point without a row does not compile; one
 * that its town never passes fails as a life that did not end.
 */
const rows: Readonly<Record<Failpoint, { readonly town: Town; readonly nth: number }>> = {
  'keys-written': { town: 'starts', nth: 1 },
  'mid-migration': { town: 'starts', nth: 1 },
  'before-admin-key-rename': { town: 'starts', nth: 1 },
  'group-begun': { town: 'citizens', nth: 20 },
  'mid-group': { town: 'citizens', nth: 3 },
  'before-commit': { town: 'citizens', nth: 20 },
  'after-commit-before-reply': { town: 'citizens', nth: 20 },
  'before-rename': { town: 'citizens', nth: 2 },
  'after-rename': { town: 'citizens', nth: 2 },
  'after-blob-before-row': { town: 'citizens', nth: 2 },
  'before-entrance-answer': { town: 'citizens', nth: 5 },
  'before-push-answer': { town: 'citizens', nth: 3 },
  'before-upload-answer': { town: 'citizens', nth: 3 },
  'before-mark': { town: 'mails', nth: 2 },
  'mid-mark': { town: 'mails', nth: 2 },
  'after-mark': { town: 'mails', nth: 2 },
  'read-claimed': { town: 'citizens', nth: 3 },
  'read-processed': { town: 'citizens', nth: 3 },
  'read-saved': { town: 'citizens', nth: 3 },
  'fetch-claimed': { town: 'mails', nth: 2 },
  'fetch-processed': { town: 'mails', nth: 2 },
  'fetch-saved': { town: 'mails', nth: 2 },
  'assemble-claimed': { town: 'citizens', nth: 3 },
  'assemble-processed': { town: 'citizens', nth: 3 },
  'assemble-saved': { town: 'citizens', nth: 3 },
  'timer-claimed': { town: 'citizens', nth: 2 },
  'timer-processed': { town: 'citizens', nth: 2 },
  'timer-saved': { town: 'citizens', nth: 2 },
  'forward-claimed': { town: 'citizens', nth: 5 },
  'after-send-before-mark': { town: 'citizens', nth: 5 },
  'forward-marked': { town: 'citizens', nth: 5 },
  'before-claim-answer': { town: 'citizens', nth: 3 },
  'before-ack-answer': { town: 'citizens', nth: 3 },
  'notify-claimed': { town: 'citizens', nth: 3 },
  'before-notice-send': { town: 'citizens', nth: 3 },
  'after-notice-send': { town: 'citizens', nth: 3 },
  'notify-saved': { town: 'citizens', nth: 3 },
  'before-alarms-rename': { town: 'citizens', nth: 2 },
  'mid-erase': { town: 'erasures', nth: 3 },
  'erased-before-log-cut': { town: 'erasures', nth: 4 },
  'before-rewrap': { town: 'rotations', nth: 1 },
  'mid-rewrap': { town: 'rotations', nth: 1 },
};

/** Lives of one town; more would make the one who waits for the last longer than the others. */
const livesEach = 10;
const draw = chance(seed);

/** In the first round as they stand, in others shuffled; a town of starts or rotations cannot choose. */
function plan(round: number): { readonly town: Town; readonly lives: readonly Life[] }[] {
  return (Object.keys(towns) as Town[]).flatMap((town) => {
    const lives = failpoints.flatMap((point) =>
      rows[point].town === town ? [{ point, nth: rows[point].nth }] : [],
    );
    const ordered = round === 1 || town === 'starts' ? lives : lives.toSorted(() => draw() - 0.5);
    const count = Math.ceil(ordered.length / livesEach);
    // Dealt out in turn, so that each town has some of everything.
    return Array.from({ length: count }, (_, n) => ({
      town,
      lives: ordered.filter((_, at) => at % count === n),
    }));
  });
}

const planned = Array.from({ length: rounds }, (_, round) =>
  plan(round + 1).map((one) => ({ ...one, round: round + 1 })),
).flat();
const noMailbox = missingDovecot();
const lacks = (town: Town): boolean => town === 'mails' && noMailbox !== undefined;

const endings: (() => Promise<void>)[] = [];
const chronicles = new Map(planned.map((town) => [town, Promise.withResolvers<Chronicle>()]));
/** More at once would only make each start slower, and receivers late. */
const atOnce = 4;

// Most of the time is starting gateways and waiting for the leases of the dead: towns wait side by side.
beforeAll(() => {
  const waiting = planned.filter(({ town }) => !lacks(town));
  const live = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const chronicle = chronicles.get(one);
      chronicle?.promise.catch(() => undefined);
      await towns[one.town](one.lives, endings).then(chronicle?.resolve, chronicle?.reject);
    }
  };
  for (let n = 0; n < atOnce; n += 1) void live();
});
afterAll(async () => {
  for (const end of endings) await end();
});

const numberOf = (marker: string): number => Number(marker.split('-').at(-1));

describe('crashed at a named point, it goes on as if nothing had been', () => {
  it('at every point that the code has', () => {
    const root = join(import.meta.dirname, '..', '..', 'src');
    const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => readFileSync(join(root, name), 'utf8'))
      .join('\n');
    const called = new Set([...source.matchAll(/failpoint\(['`]([^'`]+)['`]\)/g)].map(([, name]) => name));
    const passed = (point: string) => called.has(point) || called.has(`\${stage}-${point.split('-')[1]}`);
    expect(failpoints.filter((point) => !passed(point))).toEqual([]);
    expect(Object.keys(rows).toSorted()).toEqual(failpoints.toSorted());
    expect(failpoints.length).toBeGreaterThanOrEqual(25);
  });

  for (const town of planned) {
    const name = `${town.town}: ${town.lives.map(({ point }) => point).join(', ')} (round ${town.round})${lacks(town.town) ? `: ${noMailbox}` : ''}`;
    describe.skipIf(lacks(town.town))(name, () => {
      it.each(town.lives)('$point', { timeout: 10 * minutes * rounds }, async ({ point }) => {
        const chronicle = await chronicles.get(town)?.promise;
        if (!chronicle) throw new Error('it was not started');
        expect(chronicle.exits.get(point)).toEqual({ code: null, signal: 'SIGKILL' });
        const of = (markers: readonly string[]) =>
          markers.filter((marker) => chronicle.saidIn.get(numberOf(marker)) === point);
        const { lost, doubled, misnumbered, invented } = judge(chronicle.facts, chronicle.held);
        const mine = { lost, doubled, misnumbered, invented };
        expect(
          Object.fromEntries(Object.entries(mine).map(([what, markers]) => [what, of(markers)])),
        ).toEqual({ lost: [], doubled: [], misnumbered: [], invented: [] } satisfies Partial<Verdict>);
      });

      it('and at the end everything is there once', { timeout: 10 * minutes * rounds }, async () => {
        const chronicle = await chronicles.get(town)?.promise;
        if (!chronicle) throw new Error('it was not started');
        const { facts, held, sink, again, receipts, leftovers, exits } = chronicle;
        const noticed = held.records.filter(({ notices }) => notices.length > 0);
        const doubtful = noticed.filter(({ notices }) => notices.includes('unknown'));
        tell(`R3 ${town.town}`, {
          crashes: exits.size,
          acked: ackedIn(facts).size,
          records: held.records.length,
          events: sink?.events.size ?? 0,
          'repeated attempts': [...(sink?.events.values() ?? [])].reduce(
            (sum, { attempts }) => sum + attempts - 1,
            0,
          ),
          receipts: receipts.length,
          'call-backs for receipts in doubt': doubtful.length,
        });
        expect(judge(facts, held, sink?.events)).toEqual(clean);
        expect(ackedIn(facts).size).toBe(held.records.length);
        expect(held.records.length).toBeGreaterThan(0);
        expect(again).toEqual([]);
        expect(leftovers).toEqual([]);
        // At most one each; where its fate is in doubt, a call-back. What the provider does not know yet when it
        // is asked after the crash may have gone out all the same: it is not repeated.
        expect(new Set(receipts).size).toBe(receipts.length);
        expect(receipts.length).toBeGreaterThanOrEqual(noticed.length - doubtful.length);
        expect(receipts.length).toBeLessThanOrEqual(noticed.length);
        expect(doubtful.filter(({ callbacks }) => callbacks === 0)).toEqual([]);
        if (exits.has('before-notice-send')) expect(doubtful.length).toBeGreaterThan(0);
      });
    });
  }
});
