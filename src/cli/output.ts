/** Where a command writes. With `--json` there is exactly one JSON value on standard output, and nothing else. */
export interface Output {
  readonly json: boolean;
  /** A sentence for people; silent with `--json`. */
  say(text: string): void;
  /** The result: JSON as it is, or what `text` makes of it. */
  result<T>(value: T, text: (value: T) => string): void;
  /** Counts of long work, on standard error, one line that is written over where it is a terminal. */
  progress(text: string): void;
  problem(text: string): void;
}

export interface Streams {
  readonly out: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

export function createOutput(streams: Streams, json: boolean): Output {
  let overwriting = false;
  const endProgress = () => {
    if (overwriting) streams.err.write('\n');
    overwriting = false;
  };
  return {
    json,
    say(text) {
      if (json) return;
      endProgress();
      streams.out.write(`${text}\n`);
    },
    result(value, text) {
      endProgress();
      streams.out.write(`${json ? JSON.stringify(value, null, 2) : text(value)}\n`);
    },
    progress(text) {
      if (json) return;
      if (streams.err.isTTY) {
        streams.err.write(`\r\u001b[2K${text}`);
        overwriting = true;
      } else {
        streams.err.write(`${text}\n`);
      }
    },
    problem(text) {
      endProgress();
      streams.err.write(`${text}\n`);
    },
  };
}

/** Columns under their heads, as wide as their widest cell; `none` where there are no rows. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return none;
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...rows.map((row) => [...(row[at] ?? '')].length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - [...cell].length)))
      .join('  ')
      .trimEnd();
  return [line(heads), ...rows.map(line)].join('\n');
}
