import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakerDefaults, createBreaker } from './breaker.ts';
import { onward } from './onward.ts';
import { retryDelayMs } from './retry.ts';

const schedule = [5_000, 300_000, 1_800_000];
const dayMs = 86_400_000;

describe('retryDelayMs', () => {
  const rows: readonly [
    attempt: number,
    retryAfterMs: number | undefined,
    random: number,
    expected: number,
  ][] = [
    [1, undefined, 0.5, 5_000],
    [2, undefined, 0.5, 300_000],
    [3, undefined, 0.5, 1_800_000],
    [4, undefined, 0.5, 1_800_000],
    [4_000, undefined, 0.5, 1_800_000],
    [1, undefined, 0, 4_000],
    [1, undefined, 1, 6_000],
    [1, 60_000, 0.5, 60_000],
    [2, 60_000, 0.5, 300_000],
    [1, 400 * dayMs, 0.5, dayMs],
    [0, undefined, 0.5, 5_000],
  ];
  it.each(rows)(
    'after try %i, asked for %s ms, at chance %f, waits %i ms',
    (attempt, asked, random, expected) => {
      expect(retryDelayMs(schedule, attempt, asked, () => random)).toBe(expected);
    },
  );

  it('waits a minute where there is no schedule', () => {
    expect(retryDelayMs([], 3, undefined, () => 0.5)).toBe(60_000);
  });
});

type Step = ['ok' | 'fail' | 'gone' | 'resume' | 'wait', number];
const breakerAfter = (...steps: readonly Step[]) => {
  const breaker = createBreaker();
  let now = 1_000;
  for (const [what, times] of steps) {
    for (let i = 0; i < (what === 'wait' ? 1 : times); i++) {
      if (what === 'ok') breaker.succeeded(now);
      if (what === 'fail') breaker.failed(now);
      if (what === 'gone') breaker.gone(now);
      if (what === 'resume') breaker.resume();
    }
    if (what === 'wait') now += times;
  }
  return [breaker.state, breaker.waitMs(now)];
};

describe('circuit breaker', () => {
  const rows: readonly [string, readonly Step[], [string, number]][] = [
    ['is closed at first', [], ['closed', 0]],
    ['stays closed for four failures in a row', [['fail', 4]], ['closed', 0]],
    ['opens at the fifth', [['fail', 5]], ['open', 30_000]],
    [
      'counts a row only',
      [
        ['fail', 4],
        ['ok', 1],
        ['fail', 4],
      ],
      ['closed', 0],
    ],
    [
      'opens when more than half of a minute fails',
      [
        ['ok', 1],
        ['fail', 3],
        ['ok', 1],
        ['fail', 3],
        ['ok', 1],
        ['fail', 1],
      ],
      ['open', 30_000],
    ],
    [
      'stays closed at exactly half',
      [
        ['ok', 2],
        ['fail', 2],
        ['ok', 2],
        ['fail', 2],
        ['ok', 1],
        ['fail', 1],
      ],
      ['closed', 0],
    ],
    [
      'says nothing of a few tries',
      [
        ['ok', 1],
        ['fail', 3],
        ['ok', 1],
        ['fail', 3],
      ],
      ['closed', 0],
    ],
    [
      'forgets what is older than a minute',
      [
        ['ok', 1],
        ['fail', 4],
        ['wait', 61_000],
        ['ok', 5],
        ['fail', 4],
      ],
      ['closed', 0],
    ],
    [
      'waits for its probe',
      [
        ['fail', 5],
        ['wait', 29_000],
      ],
      ['open', 1_000],
    ],
    [
      'lets one probe through after half a minute',
      [
        ['fail', 5],
        ['wait', 30_000],
      ],
      ['open', 0],
    ],
    [
      'closes by a probe that arrives',
      [
        ['fail', 5],
        ['wait', 30_000],
        ['ok', 1],
      ],
      ['closed', 0],
    ],
    [
      'waits again after a probe that fails',
      [
        ['fail', 5],
        ['wait', 31_000],
        ['fail', 1],
      ],
      ['open', 30_000],
    ],
    [
      'is not closed by a try begun before it opened',
      [
        ['fail', 5],
        ['wait', 1_000],
        ['ok', 1],
      ],
      ['open', 29_000],
    ],
    [
      'nor delayed by one',
      [
        ['fail', 5],
        ['wait', 1_000],
        ['fail', 3],
      ],
      ['open', 29_000],
    ],
    [
      'pauses for an hour when told to go away',
      [
        ['gone', 1],
        ['wait', 60_000],
      ],
      ['paused', 3_540_000],
    ],
    [
      'stays paused by a probe that fails',
      [
        ['gone', 1],
        ['wait', 3_600_000],
        ['fail', 1],
      ],
      ['paused', 3_600_000],
    ],
    [
      'ends a pause by a probe that arrives',
      [
        ['gone', 1],
        ['wait', 3_600_000],
        ['ok', 1],
      ],
      ['closed', 0],
    ],
    [
      'ends a pause when resumed',
      [
        ['gone', 1],
        ['resume', 1],
      ],
      ['closed', 0],
    ],
    [
      'begins anew after it closed',
      [
        ['fail', 5],
        ['wait', 30_000],
        ['ok', 1],
        ['fail', 4],
      ],
      ['closed', 0],
    ],
  ];
  it.each(rows)('%s', (_name, steps, expected) => {
    expect(breakerAfter(...steps)).toEqual(expected);
  });

  it('never sends while waiting and never waits for ever, whatever happens', () => {
    const step = fc.tuple(
      fc.constantFrom('ok', 'fail', 'gone', 'wait'),
      fc.nat(40_000),
    ) as fc.Arbitrary<Step>;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [state, wait] = breakerAfter(
          ...steps.map(([what, n]): Step => [what, what === 'wait' ? n : n % 7]),
        );
        expect(Number(wait) === 0 || state !== 'closed').toBe(true);
        expect(Number(wait)).toBeLessThanOrEqual(breakerDefaults.pausedProbeEveryMs);
      }),
    );
  });
});

describe('onward time', () => {
  const rows: readonly [string, readonly [wall: number, monotonic: number, expected: number][]][] = [
    [
      'goes with the wall',
      [
        [1_000, 0, 1_000],
        [1_500, 500, 1_500],
      ],
    ],
    [
      'goes on by its own when the wall is set back',
      [
        [5_000, 0, 5_000],
        [1_000, 10, 5_010],
        [1_990, 1_000, 6_000],
      ],
    ],
    [
      'follows a leap forward',
      [
        [5_000, 0, 5_000],
        [90_000, 10, 90_000],
      ],
    ],
    [
      'stays ahead when the leap is taken back',
      [
        [5_000, 0, 5_000],
        [90_000, 10, 90_000],
        [5_030, 30, 90_020],
      ],
    ],
  ];
  it.each(rows)('%s', (_name, steps) => {
    let [wall, monotonic] = steps[0] ?? [0, 0];
    const now = onward(
      () => wall,
      () => monotonic,
    );
    for (const [nextWall, nextMonotonic, expected] of steps) {
      wall = nextWall;
      monotonic = nextMonotonic;
      expect(now()).toBe(expected);
    }
  });
});
