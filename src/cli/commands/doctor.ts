import type { AuditCheck } from '@kapi/contract';
import { type Context, clientOf, withControls } from '../context.ts';
import { bookFaults } from '../controls.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output.ts';
import type { Diagnosis } from '../parts.ts';

/** Reaches everything once, recounts the books and walks the audit chain; says what is wrong in one sentence each. */
export async function doctor(context: Context, options: { readonly books?: boolean }): Promise<number> {
  const found = options.books === true ? [] : [...(await context.parts.doctor()), gatewayDiagnosis(context)];
  const { faults, audit } = await withControls(context, async (controls) => ({
    faults: bookFaults(await controls.books()),
    audit: options.books === true ? undefined : await controls.audit(),
  }));
  const books: Diagnosis[] =
    faults.length === 0
      ? [{ subject: 'books', ok: true, detail: 'They balance, and counters and rows agree.' }]
      : faults.map((fault) => ({ subject: 'books', ok: false, detail: `${fault}. ${booksAdvice}` }));
  const all = [...found, ...books, ...(audit ? [auditDiagnosis(audit)] : [])];
  context.output.result(all, (rows) =>
    table(
      ['', 'subject', 'finding'],
      rows.map(({ subject, ok, warn, detail }) => [ok ? (warn ? 'WARN' : 'ok') : 'WRONG', subject, detail]),
      '',
    ),
  );
  return all.every(({ ok }) => ok) ? exitCodes.done.code : exitCodes.refused.code;
}

const booksAdvice =
  'Run it again: while the gateway works, two counts may differ for a moment. A difference that stays means that something was lost or counted twice: keep the data folder as it is and report it with the log.';

function auditDiagnosis({ rows, brokenAt }: Pick<AuditCheck, 'rows' | 'brokenAt'>): Diagnosis {
  const subject = 'audit chain';
  if (brokenAt === undefined)
    return { subject, ok: true, detail: `Its ${rows} rows follow from each other.` };
  const detail = `It breaks at row ${brokenAt}: rows were changed or removed past the gateway. Keep the data folder as it is, compare with the last backup, and find out who could write there.`;
  return { subject, ok: false, detail };
}

function gatewayDiagnosis(context: Context): Diagnosis {
  const client = clientOf(context);
  return {
    subject: 'gateway',
    ok: true,
    detail: client ? `It runs at ${client.url}.` : 'It does not run; the data folder was opened instead.',
  };
}
