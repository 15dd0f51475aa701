/** The share-th value of a sorted copy: 0.5 is the median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
export const ratio = (value: number): string => value.toFixed(2);
export const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** One printed line; `met` where the budget table has a figure for it. */
export interface Line {
  readonly what: string;
  readonly found: string;
  readonly budget?: string;
  readonly met?: boolean;
}

export function print(title: string, lines: readonly Line[]): void {
  console.log(`\n${title}`);
  const width = Math.max(...lines.map(({ what }) => what.length));
  const room = Math.max(...lines.map(({ found }) => found.length));
  for (const { what, found, budget, met } of lines) {
    const judged =
      budget === undefined ? '' : `  budget ${budget}${met === undefined ? '' : met ? ', met' : ', MISSED'}`;
    console.log(`  ${what.padEnd(width)}  ${found.padEnd(room)}${judged}`.trimEnd());
  }
}
