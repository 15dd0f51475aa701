import type { Finding } from './rows.ts';
import type { Subject } from './subject.ts';

/** Adds a finding of this check. */
export type Report = (at: string, detail: string) => void;

/** One thing every adapter owes. */
export interface Check {
  /** Stable: findings and planted defects are known by it. */
  readonly id: string;
  /** What the adapter owes, as a sentence without subject: the name of the test. */
  readonly owes: string;
  find(subject: Subject, report: Report): void | Promise<void>;
}

export async function run(check: Check, subject: Subject): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  await check.find(subject, (at, detail) => findings.push({ check: check.id, at, detail }));
  return findings;
}

/** What was thrown, in one line that holds no payload text. */
export const describeThrown = (thrown: unknown): string =>
  thrown instanceof Error ? `${thrown.name}: ${thrown.message.slice(0, 200)}` : `a thrown ${typeof thrown}`;
