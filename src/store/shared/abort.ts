import type { ErrorCode, SaveOutcome } from '@kapi/contract';
import type { Row } from './rows.ts';

/** Thrown inside a change to give up its whole entry or save; nothing of it stays. */
export class Abort extends Error {
  readonly outcome: Exclude<SaveOutcome, { result: 'saved' }>;
  constructor(outcome: Exclude<SaveOutcome, { result: 'saved' }>) {
    super(outcome.result);
    this.outcome = outcome;
  }
}

/** The row, or the end of the entry or save that needs it. @throws Abort `not_found` */
export const required = (row: Row | undefined, what: string): Row => {
  if (!row) throw new Abort({ result: 'failed', code: 'not_found', detail: `There is no such ${what}.` });
  return row;
};

/** What an entry is told that was given up. */
export function failure(outcome: Abort['outcome']): { code: ErrorCode; detail: string } {
  if (outcome.result === 'failed') return { code: outcome.code, detail: outcome.detail };
  if (outcome.result === 'conflict')
    return { code: 'version_conflict', detail: `Record ${outcome.recordId} has changed.` };
  const what = outcome.result === 'exists' ? outcome.what : outcome.result;
  return { code: 'internal', detail: `A unique key already stands: ${what}.` };
}
