import { RefusedRequest } from '@kapi/contract';
import { type Context, withControls } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output.ts';

/** Deliveries and notices that were refused for good. */
export async function listDeadLetters(
  context: Context,
  options: { readonly limit: number; readonly destination?: string },
): Promise<number> {
  const letters = await withControls(context, (controls) => controls.deadLetters(options));
  context.output.result(letters, (rows) =>
    table(
      ['id', 'what', 'destination', 'record', 'event', 'tries', 'since', 'reason'],
      rows.map((row) => [
        row.id,
        row.what,
        row.destination,
        row.number,
        String(row.sequence),
        String(row.attempts),
        row.at,
        `${row.code}: ${row.detail}`,
      ]),
      'There are no dead letters.',
    ),
  );
  return exitCodes.done.code;
}

export async function resendDeadLetters(
  context: Context,
  id: string | undefined,
  options: { readonly destination?: string },
): Promise<number> {
  if ((id === undefined) === (options.destination === undefined)) {
    throw new RefusedRequest('invalid_request', 'Name one id, or --destination for all of its dead letters.');
  }
  const what = id === undefined ? { destination: options.destination ?? '' } : { id };
  await withControls(context, (controls) => controls.resend(what));
  context.output.result({ resent: what }, () => 'Put back; the next try is now.');
  return exitCodes.done.code;
}
