/** How much larger than in a smoke run the counts are; the release run sets it. */
export const scale = Math.max(1, Number(process.env.KAPI_FAULT_SCALE ?? 1));
export const scaled = (count: number): number => Math.round(count * scale);

/** Printed by every test that draws; `KAPI_FAULT_SEED` repeats a run. */
export const seed = Number(process.env.KAPI_FAULT_SEED ?? Date.now() % 1_000_000_007);

export type Chance = () => number;

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function chance(from: number): Chance {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const between = (draw: Chance, low: number, high: number): number => low + draw() * (high - low);

/** One line of figures, for docs/faults.md and whoever reads the run. */
export function tell(what: string, figures: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(figures)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toFixed(1)) : value}`)
    .join(' · ');
  process.stdout.write(`[faults] ${what} · seed ${seed} · ${text}\n`);
}

export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

/** Asks again until it is so. @throws with what was waited for, when the time is over */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 120_000,
): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`Waited ${withinMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
