import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RefusedRequest, TransientError } from '@kapi/contract';
import { type Context, clientOf } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output.ts';
import { runNode } from './adapter.ts';

/** Sends a realistic hour of a municipality to the running gateway. */
export async function demo(context: Context): Promise<number> {
  const client = clientOf(context);
  if (!client) {
    throw new TransientError('unavailable', 'No gateway runs on this data folder; start one with npm start.');
  }
  const report = await context.parts.demo(client, (done, of) =>
    context.output.progress(`${done} of ${of} messages sent`),
  );
  context.output.result(report, (rows) =>
    table(
      ['what', 'count'],
      Object.entries(rows).map(([what, count]) => [what, String(count)]),
      '',
    ),
  );
  return exitCodes.done.code;
}

/** Prints the figures of the budget table. */
export async function bench(
  { parts, output }: Context,
  { quick = false }: { quick?: boolean },
): Promise<number> {
  const script = join(parts.root, 'test', 'bench', 'bench.ts');
  if (!existsSync(script)) {
    throw new RefusedRequest('not_found', 'The benchmark comes with the source tree, which is not here.');
  }
  return runNode(parts.root, [script, ...(quick ? ['--quick'] : []), ...(output.json ? ['--json'] : [])]);
}
