import { RefusedRequest } from '@kapi/contract';
import { type Context, withControls } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output.ts';

/** Envelopes and single items that were stored but not understood. */
export async function listQuarantine(
  context: Context,
  options: { readonly limit: number; readonly account?: string },
): Promise<number> {
  const entries = await withControls(context, (controls) => controls.quarantine(options));
  context.output.result(entries, (rows) =>
    table(
      ['id', 'what', 'account', 'received', 'bytes', 'reason'],
      rows.map((row) => [
        row.id,
        row.what,
        row.account,
        row.receivedAt,
        String(row.bytes),
        `${row.code}: ${row.detail}`,
      ]),
      'Nothing is in quarantine.',
    ),
  );
  return exitCodes.done.code;
}

export async function showQuarantine(context: Context, id: string): Promise<number> {
  const entries = await withControls(context, (controls) => controls.quarantine({ limit: 10_000 }));
  const entry = entries.find((candidate) => candidate.id === id);
  if (!entry)
    throw new RefusedRequest(
      'not_found',
      `Nothing in quarantine has the id ${id}; see kapi quarantine list.`,
    );
  context.output.result(entry, (row) =>
    table(
      ['key', 'value'],
      Object.entries(row).map(([key, value]) => [key, String(value)]),
      '',
    ),
  );
  return exitCodes.done.code;
}

/** Reads envelopes anew: all of them, or those named. What was understood before is not doubled. */
export async function replayQuarantine(
  context: Context,
  ids: readonly string[],
  options: { readonly all?: boolean; readonly account?: string },
): Promise<number> {
  if (ids.length === 0 && options.all !== true) {
    throw new RefusedRequest('invalid_request', 'Name the ids to replay, or --all.');
  }
  const envelopes = await withControls(context, async (controls) => {
    const entries = await controls.quarantine({
      limit: 10_000,
      ...(options.account !== undefined && { account: options.account }),
    });
    const wanted = ids.length === 0 ? entries : ids.map((id) => entries.find((entry) => entry.id === id));
    const known = new Set<string>();
    for (const [at, entry] of wanted.entries()) {
      if (!entry)
        throw new RefusedRequest(
          'not_found',
          `Nothing in quarantine has the id ${ids[at]}; see kapi quarantine list. Nothing was put back.`,
        );
      known.add(entry.envelopeId);
    }
    for (const [at, envelope] of [...known].entries()) {
      await controls.replay(envelope);
      context.output.progress(`${at + 1} of ${known.size} put back`);
    }
    return [...known];
  });
  context.output.result(
    { replayed: envelopes },
    () =>
      `Put back to be read anew: ${envelopes.length}. What still cannot be read comes back to kapi quarantine list.`,
  );
  return exitCodes.done.code;
}

/** Reads every envelope received since anew, e.g. after an adapter was mended. */
export async function replaySince(
  context: Context,
  options: { readonly since: string; readonly account?: string },
): Promise<number> {
  const since = new Date(options.since);
  if (Number.isNaN(since.getTime())) {
    throw new RefusedRequest(
      'invalid_request',
      `--since: expected a time such as 2026-11-22T09:00:00+03:00, found ${JSON.stringify(options.since)}.`,
    );
  }
  const count = await withControls(context, (controls) =>
    controls.replaySince(since.toISOString(), options.account),
  );
  context.output.result(
    { replayed: count },
    () => `Put back to be read anew: ${count}. What cannot be read comes to kapi quarantine list.`,
  );
  return exitCodes.done.code;
}
