import { first, type Queries } from './session.ts';

/** Tables with a partition for each month, by the key that says the month. */
const partitioned = [
  'envelopes',
  'items',
  'parts',
  'messages',
  'message_revisions',
  'record_versions',
  'events',
  'event_bodies',
  'deliveries',
  'notices',
] as const;
const lastMade = 'notices';

const firstYear = 2020;
const keysPerMonth = 2 ** 44;
/** Partitions made before they are needed: a gateway that nobody restarts or looks at for two months goes on. */
const monthsAhead = 2;

/** Months since January 2020, UTC. */
export function monthOf(at: number): number {
  const date = new Date(at);
  return (date.getUTCFullYear() - firstYear) * 12 + date.getUTCMonth();
}

/** The key of the `n`th row ever, in a month. */
export const keyIn = (month: number, n: number): number => month * keysPerMonth + n;

/** `p202611` */
const suffixOf = (month: number): string =>
  `p${firstYear + Math.floor(month / 12)}${String((month % 12) + 1).padStart(2, '0')}`;
const monthOfSuffix = (suffix: string): number =>
  (Number(suffix.slice(0, 4)) - firstYear) * 12 + Number(suffix.slice(4)) - 1;

/** The last month that has its partitions. */
export async function newestMonth(queries: Queries): Promise<number | undefined> {
  const row = await first(
    queries,
    `SELECT max(substring(relname FROM '_p(\\d{6})$')) AS month FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = $1::regclass`,
    [lastMade],
  );
  return typeof row?.month === 'string' ? monthOfSuffix(row.month) : undefined;
}

/**
 * Statements that make the partitions still missing for the month of `now` and those ahead. Attaching
 * holds up nobody who reads or writes the months before.
 */
export function missingPartitions(newest: number | undefined, now: number): readonly string[] {
  const current = monthOf(now);
  const from = newest === undefined ? current : newest + 1;
  const months = Array.from({ length: Math.max(0, current + monthsAhead - from + 1) }, (_, n) => from + n);
  return months.flatMap((month) =>
    partitioned.flatMap((table) => {
      const name = `${table}_${suffixOf(month)}`;
      return [
        `CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS)`,
        `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${keyIn(month, 0)}) TO (${keyIn(month + 1, 0)})`,
      ];
    }),
  );
}
