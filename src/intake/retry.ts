const dayMs = 86_400_000;

/** Longest wait the other side may ask for. */
const maxRetryAfterMs = dayMs;

/**
 * Wait before the next try after try number `attempt` failed: the schedule's step ±20 %, its last step
 * for ever after, and never less than the other side asked for.
 */
export function retryDelayMs(
  schedule: readonly number[],
  attempt: number,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number {
  const step = schedule[Math.min(Math.max(attempt, 1), schedule.length) - 1] ?? 60_000;
  const jittered = Math.round(step * (0.8 + random() * 0.4));
  return Math.max(jittered, Math.min(retryAfterMs ?? 0, maxRetryAfterMs));
}
