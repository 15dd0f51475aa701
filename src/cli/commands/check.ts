import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ConfigProblem } from '../parts.ts';

/** Every problem of the configuration at once, or what it configures. */
export async function check({ parts, output }: Context): Promise<number> {
  const report = await parts.check();
  output.result(report, ({ problems, summary }) => {
    if (problems.length > 0) {
      const count = problems.length === 1 ? 'One problem' : `${problems.length} problems`;
      return [
        `${count} in ${parts.environment.configFolder}:`,
        ...problems.map(problemText),
        'A gateway that runs goes on with its old configuration. Mend these and check again.',
      ].join('\n');
    }
    const counts = Object.entries(summary).map(([what, count]) => `${count} ${what}`);
    return `${parts.environment.configFolder} is right: ${counts.join(', ')}.`;
  });
  return report.problems.length === 0 ? exitCodes.done.code : exitCodes.config.code;
}

export function problemText({ file, line, column, key, expected, found }: ConfigProblem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `  ${place}${key === '' ? '' : ` ${key}:`} expected ${expected}, found ${found}`;
}
