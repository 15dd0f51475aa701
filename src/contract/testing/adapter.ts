import type { Adapter } from '@kapi/contract';
import { describe, expect, test } from 'vitest';
import { type Check, run } from './adapter/check.ts';
import { fetchChecks } from './adapter/fetch.ts';
import { honestyChecks } from './adapter/honesty.ts';
import { hostileChecks } from './adapter/hostile.ts';
import { expectItems, itemChecks } from './adapter/items.ts';
import { pullChecks } from './adapter/pull.ts';
import { purityChecks } from './adapter/purity.ts';
import { pushChecks } from './adapter/push.ts';
import { replyChecks } from './adapter/reply.ts';
import type { AdapterRows, Finding } from './adapter/rows.ts';
import { secretChecks } from './adapter/secrets.ts';
import { load, type Subject } from './adapter/subject.ts';

export type { Check } from './adapter/check.ts';
export type * from './adapter/rows.ts';

/** What every adapter owes, in the order the tests run. */
export const adapterChecks: readonly Check[] = [
  ...honestyChecks,
  ...itemChecks,
  ...purityChecks,
  ...hostileChecks,
  ...pushChecks,
  ...pullChecks,
  ...fetchChecks,
  ...replyChecks,
  ...secretChecks,
];

const needs: readonly (readonly [checks: readonly Check[], side: (adapter: Adapter) => boolean])[] = [
  [pushChecks, (adapter) => adapter.sources.some((source) => source.kind === 'push')],
  [pullChecks, (adapter) => adapter.sources.some((source) => source.kind === 'pull')],
  [fetchChecks, (adapter) => adapter.fetch !== undefined],
  [replyChecks, (adapter) => adapter.reply !== undefined],
];

/** The checks that say something about this adapter. */
const checksFor = (adapter: Adapter): readonly Check[] =>
  adapterChecks.filter((check) => !needs.some(([checks, has]) => checks.includes(check) && !has(adapter)));

/** Runs every check and returns what the adapter owes and does not keep; nothing: it keeps the contract. */
export async function checkAdapter(adapter: Adapter, rows: AdapterRows): Promise<readonly Finding[]> {
  const subject = await load(adapter, rows);
  const findings: Finding[] = [];
  for (const check of checksFor(adapter)) findings.push(...(await run(check, subject)));
  return findings;
}

/** The contract kit as tests: one per row, one per thing owed. Called at the top of `adapter.test.ts`. */
export function testAdapter(adapter: Adapter, rows: AdapterRows): void {
  describe(`${adapter.id} keeps the adapter contract`, () => {
    let loaded: Promise<Subject> | undefined;
    const subject = (): Promise<Subject> => {
      loaded ??= load(adapter, rows);
      return loaded;
    };
    for (const [index, row] of rows.envelopes.entries()) {
      test(`reads ${row.name}`, async () => {
        const whole = await subject();
        const one = whole.envelopes[index];
        const findings: string[] = [];
        if (one) expectItems(whole, one, (_at, detail) => findings.push(detail));
        expect(findings.join('\n')).toBe('');
      });
    }
    for (const check of checksFor(adapter)) {
      test(`${check.owes} (${check.id})`, async () => {
        const findings = await run(check, await subject());
        expect(findings.map(({ at, detail }) => `${at}: ${detail}`)).toEqual([]);
      });
    }
  });
}
