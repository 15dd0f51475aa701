import { type Envelope, kindOfError, type Normalized, type Part, type PartRef } from '@kapi/contract';
import fc from 'fast-check';
import type { Check, Report } from './check.ts';
import { describeThrown } from './check.ts';
import { repeatedKeys } from './items.ts';
import { type Mutation, mutateBody, mutateValue, mutations } from './mutate.ts';
import { type LoadedRow, mediaPart, type Subject, toEnvelope } from './subject.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Bodies that reach every adapter sooner or later. */
const nonsense: readonly (readonly [name: string, body: Uint8Array])[] = [
  ['an empty body', text('')],
  ['a zero byte', Uint8Array.of(0)],
  ['bytes of no charset', Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0xa0, 0xa1)],
  ['10,000 open brackets', text('['.repeat(10_000))],
  ['10,000 open objects', text('{"a":'.repeat(10_000))],
  ['JSON null', text('null')],
  ['a JSON list', text('[]')],
  ['a prototype in JSON', text('{"__proto__":{"text":1},"constructor":null}')],
  ['a prototype in a form', text('__proto__=1&constructor=2&toString=3')],
  ['a page of HTML', text('<!doctype html><title>502 Bad Gateway</title>')],
];

type Ending = { readonly items: Normalized } | { readonly thrown: unknown };

function read(subject: Subject, envelope: Envelope, parts: readonly Part[] | undefined): Ending {
  let refs: readonly PartRef[] = [];
  try {
    refs = subject.adapter.parts?.(envelope, subject.config) ?? [];
  } catch (thrown) {
    // What parts cannot read, normalize has to refuse by itself.
    if (kindOfError(thrown) !== 'payload') return { thrown };
  }
  try {
    const media = refs.filter((ref) => ref.kind === 'media').map((ref) => mediaPart(ref, 'stored'));
    return { items: subject.adapter.normalize(envelope, parts ?? media, subject.config) };
  } catch (thrown) {
    return { thrown };
  }
}

/** The row's envelope and parts, changed. */
function mutated(
  loaded: LoadedRow,
  changes: readonly Mutation[],
): readonly [Envelope, readonly Part[] | undefined] {
  const envelope = { ...loaded.envelope, body: mutateBody(loaded.envelope.body, changes) };
  const parsed = loaded.parts.filter((part) => part.kind === 'parsed');
  if (parsed.length === 0) return [envelope, undefined];
  const parts = loaded.parts.map((part) => {
    if (part.kind !== 'parsed') return part;
    const value = changes.reduce((current, { at, pick }) => mutateValue(current, at, pick), part.value);
    return { ...part, value };
  });
  return [envelope, parts];
}

function fuzz(
  subject: Subject,
  cases: number,
  judge: (ending: Ending) => string | undefined,
  report: Report,
): void {
  if (subject.envelopes.length === 0) return;
  const property = fc.property(fc.constantFrom(...subject.envelopes), mutations, (loaded, changes) => {
    const [envelope, parts] = mutated(loaded, changes);
    const wrong = judge(read(subject, envelope, parts));
    if (wrong !== undefined) throw new Error(`«${loaded.row.name}» changed: ${wrong}`);
  });
  const { fuzz: settings } = subject.rows;
  const details = fc.check(property, {
    numRuns: settings?.cases ?? cases,
    ...(settings?.seed === undefined ? {} : { seed: settings.seed }),
  });
  if (!details.failed) return;
  const [, changes] = details.counterexample ?? [];
  const error = details.errorInstance;
  report(
    `seed ${details.seed}, path ${details.counterexamplePath ?? ''}`,
    `${describeThrown(error)}; changes ${JSON.stringify(changes)}`,
  );
}

const foreign = (ending: Ending): string | undefined =>
  'thrown' in ending && kindOfError(ending.thrown) !== 'payload'
    ? `threw ${describeThrown(ending.thrown)}`
    : undefined;

/** What bad bytes become. */
export const hostileChecks: readonly Check[] = [
  {
    id: 'nonsense-read',
    owes: 'ends malformed bodies in a PayloadError',
    find(subject, report) {
      for (const { name, envelope } of subject.malformed) {
        const ending = read(subject, envelope, undefined);
        if ('items' in ending) report(name, 'was read as if it were a payload');
      }
    },
  },
  {
    id: 'foreign-error',
    owes: 'throws nothing but PayloadError, whatever the bytes',
    find(subject, report) {
      const types = new Set(subject.envelopes.map(({ envelope }) => envelope.contentType));
      for (const type of types) {
        for (const [name, body] of nonsense) {
          const wrong = foreign(read(subject, toEnvelope(subject.adapter, type, body), undefined));
          if (wrong !== undefined) report(`${name} as ${type}`, wrong);
        }
      }
      for (const { name, envelope } of subject.malformed) {
        const wrong = foreign(read(subject, envelope, undefined));
        if (wrong !== undefined) report(name, wrong);
      }
      for (const { row, envelope, parts } of subject.envelopes) {
        const pending = parts.map(({ blob: _blob, value: _value, ...part }) => ({
          ...part,
          state: 'pending' as const,
        }));
        for (const [state, given] of [
          ['no parts', []],
          ['pending parts', pending],
        ] as const) {
          const wrong = foreign(read(subject, envelope, given));
          if (wrong !== undefined) report(`${row.name} with ${state}`, wrong);
        }
      }
      fuzz(subject, 10_000, foreign, report);
    },
  },
  {
    id: 'repeated-key-when-changed',
    owes: 'gives every item its own key, whatever the bytes',
    find(subject, report) {
      const judge = (ending: Ending): string | undefined => {
        const repeated = 'items' in ending ? repeatedKeys(ending.items) : [];
        return repeated.length === 0 ? undefined : `«${repeated[0]}» stands twice`;
      };
      fuzz(subject, 2_000, judge, report);
    },
  },
];
