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
  const { destination } = options;
  const what = id !== undefined ? { id } : destination !== undefined ? { destination } : undefined;
  if (what === undefined || (id !== undefined && destination !== undefined)) {
    throw new RefusedRequest(
      'invalid_request',
      'Name one id from `kapi deadletters list`, or --destination for all of its dead letters.',
    );
  }
  const resent = await withControls(context, (controls) => controls.resend(what));
  context.output.result({ resent }, () =>
    resent === 0
      ? 'There were no dead letters; if the destination had been given up, it is called again.'
      : `Put back: ${resent}; the next try is now.`,
  );
  return exitCodes.done.code;
}
