import { type Context, clientOf, withControls } from '../context.ts';
import { bookFaults } from '../controls.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output.ts';
import type { Diagnosis } from '../parts.ts';

/** Reaches everything once and recounts the books; says what is wrong in one sentence each. */
export async function doctor(context: Context, options: { readonly books?: boolean }): Promise<number> {
  const found = options.books === true ? [] : [...(await context.parts.doctor()), gatewayDiagnosis(context)];
  const faults = await withControls(context, async (controls) => bookFaults(await controls.books()));
  const books: Diagnosis[] =
    faults.length === 0
      ? [{ subject: 'books', ok: true, detail: 'They balance, and counters and rows agree.' }]
      : faults.map((detail) => ({ subject: 'books', ok: false, detail }));
  const all = [...found, ...books];
  context.output.result(all, (rows) =>
    table(
      ['', 'subject', 'finding'],
      rows.map(({ subject, ok, detail }) => [ok ? 'ok' : 'WRONG', subject, detail]),
      '',
    ),
  );
  return all.every(({ ok }) => ok) ? exitCodes.done.code : exitCodes.refused.code;
}

function gatewayDiagnosis(context: Context): Diagnosis {
  const client = clientOf(context);
  return {
    subject: 'gateway',
    ok: true,
    detail: client ? `It runs at ${client.url}.` : 'It does not run; the data folder was opened instead.',
  };
}
