import { expect, it } from 'vitest';
import { walkAudit } from './audit-walk.ts';

const chain = (length: number, brokenAt = Number.POSITIVE_INFINITY) => {
  const calls: number[] = [];
  return {
    calls,
    async verifyAudit({ after, max = length }: { after?: { sequence: number }; max?: number } = {}) {
      const start = after?.sequence ?? 0;
      calls.push(start);
      const end = Math.min(start + max, length);
      const sound = Math.min(end, brokenAt - 1);
      return {
        rows: sound - start,
        ...(sound > start && { last: { sequence: sound, hash: String(sound) } }),
        ...(sound < end && { brokenAt }),
      };
    },
  };
};

it.each([
  { length: 0, answer: { rows: 0 }, calls: [0] },
  { length: 3, answer: { rows: 3, last: { sequence: 3, hash: '3' } }, calls: [0] },
  { length: 10, answer: { rows: 10, last: { sequence: 10, hash: '10' } }, calls: [0, 5, 10] },
  { length: 12, answer: { rows: 12, last: { sequence: 12, hash: '12' } }, calls: [0, 5, 10] },
  {
    length: 12,
    brokenAt: 6,
    answer: { rows: 5, last: { sequence: 5, hash: '5' }, brokenAt: 6 },
    calls: [0, 5],
  },
])(
  'walks $length rows in slices of five, up to a break at $brokenAt',
  async ({ length, brokenAt, answer, calls }) => {
    const reader = chain(length, brokenAt);
    expect(await walkAudit(reader, 5)).toEqual(answer);
    expect(reader.calls).toEqual(calls);
  },
);
