import { isDeepStrictEqual } from 'node:util';
import type { Envelope, Normalized, Part } from '@kapi/contract';
import type { Check } from './check.ts';
import { describeThrown } from './check.ts';
import { atClock, deepFreeze, withoutNetwork } from './sandbox.ts';
import { type LoadedRow, parseConfig, type Subject, unsigned } from './subject.ts';

const clocks = [Date.UTC(1999, 11, 31, 23, 59), Date.UTC(2026, 10, 22, 6, 14), Date.UTC(2047, 6, 1)] as const;

/** All pure functions of the adapter on one row: what they gave, or what they threw. */
function pureResults(subject: Subject, loaded: LoadedRow): unknown {
  const { adapter, config, push } = subject;
  const { envelope, parts, row } = loaded;
  const attempt = (work: () => unknown): unknown => {
    try {
      return structuredClone(work());
    } catch (thrown) {
      return describeThrown(thrown);
    }
  };
  return [
    attempt(() => adapter.normalize(envelope, parts, config)),
    attempt(() => adapter.parts?.(envelope, config)),
    attempt(() =>
      push && row.source !== 'pull'
        ? push.source.envelopeKey(unsigned(push.rows, envelope), config)
        : undefined,
    ),
  ];
}

/** Normalize, parts and envelopeKey look at their arguments and nothing else, and change nothing. */
export const purityChecks: readonly Check[] = [
  {
    id: 'asynchronous-normalize',
    owes: 'normalizes at once',
    find({ adapter, config, envelopes }, report) {
      for (const { envelope, parts, row } of envelopes) {
        try {
          const result: unknown = adapter.normalize(envelope, parts, config);
          if (result instanceof Promise) {
            result.catch(() => undefined);
            report(row.name, 'normalize returned a promise');
          }
        } catch {
          // What it may throw is for other checks.
        }
      }
    },
  },
  {
    id: 'unstable-result',
    owes: 'gives the same bytes the same result, whatever it read before',
    find(subject, report) {
      const [, now] = clocks;
      const pass = (rows: readonly LoadedRow[]) =>
        new Map(rows.map((loaded) => [loaded.row.name, atClock(now, () => pureResults(subject, loaded))]));
      const first = pass(subject.envelopes);
      const second = pass(subject.envelopes.toReversed());
      for (const [name, result] of first) {
        if (!isDeepStrictEqual(result, second.get(name)))
          report(name, 'a second reading gave another result');
      }
    },
  },
  {
    id: 'clock-in-normalize',
    owes: 'gives the same result under any clock',
    find(subject, report) {
      for (const loaded of subject.envelopes) {
        const [early, ...later] = clocks.map((clock) => atClock(clock, () => pureResults(subject, loaded)));
        if (later.some((result) => !isDeepStrictEqual(result, early)))
          report(loaded.row.name, 'another clock gave another result');
      }
    },
  },
  {
    id: 'network-in-normalize',
    owes: 'reads with the network off',
    find(subject, report) {
      for (const loaded of subject.envelopes) {
        const { tried } = withoutNetwork(() => pureResults(subject, loaded));
        for (const door of new Set(tried)) report(loaded.row.name, `called ${door}`);
      }
    },
  },
  {
    id: 'mutated-input',
    owes: 'leaves its arguments as they were',
    find({ adapter, rows, envelopes }, report) {
      for (const loaded of envelopes) {
        const config = deepFreeze(parseConfig(adapter, rows.config));
        const before = Buffer.from(loaded.envelope.body);
        const body = Uint8Array.from(before);
        const envelope: Envelope = deepFreeze({
          ...loaded.envelope,
          headers: { ...loaded.envelope.headers },
          body,
        });
        const parts: readonly Part[] = deepFreeze(structuredClone([...loaded.parts]));
        const copy = structuredClone({ envelope: loaded.envelope, parts: [...loaded.parts] });
        const thawed = outcome(() =>
          adapter.normalize(copy.envelope, copy.parts, parseConfig(adapter, rows.config)),
        );
        const frozen = outcome(() => adapter.normalize(envelope, parts, config));
        if (!isDeepStrictEqual(frozen, thawed))
          report(loaded.row.name, 'frozen arguments gave another result');
        if (!before.equals(body)) report(loaded.row.name, 'the body was changed');
      }
    },
  },
];

function outcome(work: () => Normalized): unknown {
  try {
    return work();
  } catch (thrown) {
    return describeThrown(thrown);
  }
}
