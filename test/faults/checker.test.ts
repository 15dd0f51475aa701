import { describe, expect, it } from 'vitest';
import { clean, type Held, judge, type Verdict } from './harness/checker.ts';
import type { Fact } from './harness/history.ts';
import type { Delivered } from './harness/sink.ts';

const ack = (marker: string, number?: string): Fact => ({
  what: 'ack',
  marker,
  at: 2,
  sentAt: 1,
  status: 202,
  ...(number !== undefined && { number }),
});
const intent = (marker: string): Fact => ({ what: 'intent', marker, at: 1 });
const record = (number: string, marker: string, events = [`event-of-${number}`]) => ({
  number,
  body: `çukur [m:${marker}]`,
  events,
  notices: [],
  callbacks: 0,
});
const delivered = (subject: string, over: Partial<Delivered> = {}): Delivered => ({
  subject,
  sequence: 1,
  attempts: 1,
  taken: 1,
  differs: false,
  ...over,
});
const held = (records: Held['records'], over: Partial<Held> = {}): Held => ({
  records,
  books: [],
  quarantined: 0,
  deadLetters: 0,
  vanished: 0,
  brokenAudit: undefined,
  ...over,
});
const one = held([record('SOK-1', 'a')]);
const sinkOf = (entries: readonly (readonly [string, Delivered])[]) => new Map(entries);

interface Row {
  readonly name: string;
  readonly history: readonly Fact[];
  readonly held: Held;
  readonly sink?: ReadonlyMap<string, Delivered>;
  readonly found: Partial<Verdict>;
}

const rows: readonly Row[] = [
  {
    name: 'nothing where all is well',
    history: [intent('a'), ack('a', 'SOK-1')],
    held: one,
    sink: sinkOf([['event-of-SOK-1', delivered('SOK-1')]]),
    found: {},
  },
  {
    name: 'nothing in a repeat that was answered alike',
    history: [ack('a', 'SOK-1'), ack('a', 'SOK-1')],
    held: one,
    found: {},
  },
  {
    name: 'nothing in a message that was never acknowledged',
    history: [intent('a'), intent('b')],
    held: one,
    found: {},
  },
  { name: 'a loss', history: [ack('a', 'SOK-1'), ack('b')], held: one, found: { lost: ['b'] } },
  {
    name: 'a duplicate in two records',
    history: [ack('a')],
    held: held([record('SOK-1', 'a'), record('SOK-2', 'a')]),
    found: { doubled: ['a'] },
  },
  {
    name: 'a duplicate within a record',
    history: [ack('a')],
    held: held([{ number: 'SOK-1', body: '[m:a] [m:a]', events: [], notices: [], callbacks: 0 }]),
    found: { doubled: ['a'] },
  },
  {
    name: 'a number that is another record’s',
    history: [ack('a', 'SOK-9')],
    held: one,
    found: { misnumbered: ['a'] },
  },
  {
    name: 'two numbers for one message',
    history: [ack('a', 'SOK-1'), ack('a', 'SOK-2')],
    held: one,
    found: { misnumbered: ['a'] },
  },
  { name: 'a record that nobody asked for', history: [intent('b')], held: one, found: { invented: ['a'] } },
  {
    name: 'an event that never arrived',
    history: [ack('a', 'SOK-1')],
    held: one,
    sink: sinkOf([]),
    found: { undelivered: ['event-of-SOK-1'] },
  },
  {
    name: 'an event that was tried and never taken',
    history: [ack('a', 'SOK-1')],
    held: one,
    sink: sinkOf([['event-of-SOK-1', delivered('SOK-1', { taken: 0 })]]),
    found: { undelivered: ['event-of-SOK-1'] },
  },
  {
    name: 'an event of no record',
    history: [ack('a', 'SOK-1')],
    held: one,
    sink: sinkOf([
      ['event-of-SOK-1', delivered('SOK-1')],
      ['x', delivered('SOK-7')],
    ]),
    found: { strange: ['x'] },
  },
  {
    name: 'the same step under two ids',
    history: [ack('a', 'SOK-1')],
    held: held([record('SOK-1', 'a', ['e1', 'e2'])]),
    sink: sinkOf([
      ['e1', delivered('SOK-1')],
      ['e2', delivered('SOK-1')],
    ]),
    found: { strange: ['e2'] },
  },
  {
    name: 'a retry with other bytes',
    history: [ack('a', 'SOK-1')],
    held: one,
    sink: sinkOf([['event-of-SOK-1', delivered('SOK-1', { differs: true })]]),
    found: { strange: ['event-of-SOK-1'] },
  },
  {
    name: 'books that do not balance',
    history: [ack('a', 'SOK-1')],
    held: held(one.records, { books: ['item: 2 in all, but its parts sum to 1'] }),
    found: { books: ['item: 2 in all, but its parts sum to 1'] },
  },
  {
    name: 'an audit chain that was cut',
    history: [ack('a', 'SOK-1')],
    held: held(one.records, { brokenAudit: 3 }),
    found: { books: ['the audit chain breaks at row 3'] },
  },
];

describe('the checker of the fault suite finds', () => {
  it.each(rows)('$name', ({ history, held: kept, sink, found }) => {
    expect(judge(history, kept, sink)).toEqual({ ...clean, ...found });
  });
});
