import type { Deadline } from './record.ts';
import { toEpoch, toInstant } from './time.ts';

const hourMs = 3600_000;

/** The 48-hour promise: calendar hours, day and night, from when the institution first heard it. */
export function promiseClock(heardAtMs: number): Deadline {
  return {
    kind: '48h',
    startedAt: toInstant(heardAtMs),
    dueAt: toInstant(heardAtMs + 48 * hourMs),
    warnAt: toInstant(heardAtMs + 36 * hourMs),
  };
}

/** The same deadlines with every unmet clock of the given kind met at that moment. */
export function meetDeadline(
  deadlines: readonly Deadline[],
  kind: Deadline['kind'],
  atMs: number,
): Deadline[] {
  return deadlines.map((deadline) =>
    deadline.kind === kind && deadline.metAt === undefined
      ? { ...deadline, metAt: toInstant(atMs) }
      : deadline,
  );
}

export const isLate = (deadline: Deadline, nowMs: number): boolean =>
  deadline.metAt === undefined && toEpoch(deadline.dueAt) < nowMs;
