/** One thing wrong with the configuration, said so that it can be found and mended without a guess. */
export interface Problem {
  /** Relative to the configuration folder, e.g. `kapi.yaml`. */
  readonly file: string;
  /** 1 for the first line; 0 where the whole file is meant. */
  readonly line: number;
  readonly column: number;
  /** E.g. `accounts[2].settings.pollSeconds`; empty for the whole file. */
  readonly key: string;
  readonly expected: string;
  /** Never a secret: values are shown as written in the file, and those of secret keys not at all. */
  readonly found: string;
}

export type Path = readonly (string | number)[];

/** `accounts[2].settings.pollSeconds`. */
export function keyOf(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');
}

/** `kapi.yaml:12:5 accounts[2].name: expected text, found 3`. */
export function problemLine(problem: Problem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const key = problem.key === '' ? '' : ` ${problem.key}:`;
  return `${place}${key} expected ${problem.expected}, found ${problem.found}`;
}

/** A value as a problem shows it: short, on one line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a group of keys';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}
