import type { NoticeKind } from '@kapi/contract';

const minuteMs = 60_000;

/** How long one channel is tried before the next: a receipt is worth little late, an answer much. */
export const horizonMs: Readonly<Record<NoticeKind, number>> = {
  receipt: 60 * minuteMs,
  question: 6 * 60 * minuteMs,
  status: 12 * 60 * minuteMs,
  answer: 6 * 60 * minuteMs,
  survey: 24 * 60 * minuteMs,
};

/** 15 s, 30 s, 1 min … 30 min, each ±20 %, and never sooner than the provider asked. */
export function retryAt(
  now: number,
  attempt: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number {
  const step = Math.min(30 * minuteMs, 15_000 * 2 ** Math.min(Math.max(attempt, 1) - 1, 10));
  return now + Math.max(Math.round(step * (0.8 + random() * 0.4)), retryAfterMs ?? 0);
}

const looks = [1, 5, 15, 60, 240].map((minutes) => minutes * minuteMs);

/**
 * When a sent notice is looked at again for its delivery report; undefined once none is to be expected.
 * Failure reports come within minutes from SMS, within hours from mail servers.
 */
export const nextLook = (sentAt: number, now: number): number | undefined =>
  looks.map((look) => sentAt + look).find((at) => at > now);
