import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Change, Store } from '../../store.ts';
import type { OpenStore } from '../store.ts';
import {
  claimAt,
  distant,
  entranceEntry,
  idOf,
  noon,
  putMessage,
  queue,
  recordStep,
  sampleEntry,
  saveOne,
  settlement,
} from './samples.ts';

/** What a random run may do; numbers name envelopes, messages and records of a small town. */
type Step =
  | { readonly do: 'receive' | 'post' | 'replay' | 'erase' | 'amend' | 'restore'; readonly n: number }
  | { readonly do: 'read'; readonly shift: number; readonly bad: boolean }
  | { readonly do: 'assemble' | 'forward'; readonly end: 'done' | 'retry' | 'parked' }
  | { readonly do: 'retain' | 'erase-person' | 'reopen' };

const number = fc.integer({ min: 1, max: 8 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('receive', 'post', 'replay', 'erase', 'amend', 'restore'), n: number }),
  fc.record({ do: fc.constant('read'), shift: fc.integer({ min: 0, max: 2 }), bad: fc.boolean() }),
  fc.record({
    do: fc.constantFrom('assemble', 'forward'),
    end: fc.constantFrom('done', 'done', 'retry', 'parked'),
  }),
  fc.record({ do: fc.constantFrom('retain', 'erase-person', 'reopen') }),
);

const sender = (n: number): string => `+90532000000${n}`;

/** Two messages an envelope, the second shared with its neighbour: repeats and shared envelopes come by themselves. */
const itemsOf = (n: number, shift: number, bad: boolean): Change[] => [
  putMessage(n, { sender: sender(n), ...(shift > 0 && { text: `düzeltme ${shift}` }) }),
  bad
    ? {
        do: 'put-item',
        item: { envelopeId: idOf('en', n), account: 'sms-153', key: `message-${n + 1}`, contentHash: '' },
        kind: 'failed',
        reason: 'payload_item',
      }
    : putMessage(n + 1, { envelope: n, sender: sender(n + 1) }),
  {
    do: 'put-item',
    item: { envelopeId: idOf('en', n), account: 'sms-153', key: `status-${n % 3}`, contentHash: '' },
    kind: 'status',
    reason: 'report',
  },
];

async function assemble(store: Store, end: 'done' | 'retry' | 'parked'): Promise<void> {
  for (const work of await store.pipeline.claim('assemble', claimAt())) {
    if (end !== 'done') {
      await store.pipeline.settle([
        settlement(
          'assemble',
          work,
          end === 'retry' ? { end, at: 0, reason: 'x' } : { end, code: 'internal', detail: '' },
        ),
      ]);
      continue;
    }
    const changes: Change[] = [];
    for (const { id, revision, state } of work.messages) {
      const n = Number(id.slice(-8)) + 100;
      const greeting = n % 3 === 0;
      const exists = (await store.reader.record({ id: idOf('re', n) })) !== undefined;
      if (!greeting && !exists && state === 'settling') changes.push(...recordStep(n));
      changes.push({
        do: 'place-message',
        messageId: id,
        revision,
        to: greeting
          ? { state: 'not-a-case', reason: 'greeting' }
          : { state: 'in-record', recordId: idOf('re', n) },
      });
    }
    await saveOne(store, changes, settlement('assemble', work));
  }
}

async function apply(store: Store, what: Step): Promise<void> {
  switch (what.do) {
    case 'receive':
      await store.pipeline.accept([sampleEntry(what.n)]);
      return;
    case 'post':
      await store.pipeline.accept([entranceEntry(what.n + 20)]);
      return;
    case 'replay':
      await saveOne(store, [{ do: 'replay-envelope', id: idOf('en', what.n), at: 0 }]);
      return;
    case 'erase':
      await saveOne(store, [
        {
          do: 'erase',
          what: { recordId: idOf('re', what.n + (what.n % 2 ? 20 : 100)) },
          at: noon,
          actor: 'a',
          reason: 'r',
        },
      ]);
      return;
    case 'amend':
      await saveOne(store, recordStep(what.n + 20, 2, { record: { urgency: 'emergency' } }));
      return;
    case 'restore':
      await saveOne(store, [{ do: 'restore-message', id: idOf('me', what.n), at: noon }]);
      return;
    case 'read':
      for (const work of await store.pipeline.claim('read', claimAt()))
        await saveOne(
          store,
          itemsOf(Number(work.envelope.id.slice(-8)), what.shift, what.bad),
          settlement('read', work),
        );
      return;
    case 'assemble':
      return assemble(store, what.end);
    case 'retain':
      await saveOne(store, [
        { do: 'erase', what: { envelopesBefore: noon + 1 }, at: noon, actor: 'a', reason: 'r' },
      ]);
      return;
    case 'erase-person':
      await saveOne(store, [
        {
          do: 'erase',
          what: { subject: { kind: 'phone', value: sender(1) } },
          at: noon,
          actor: 'a',
          reason: 'r',
        },
      ]);
      return;
    case 'reopen':
      return;
    case 'forward':
      for (const work of await store.pipeline.claim(
        'forward',
        claimAt({ destination: queue, now: distant + 100_000, max: 3 }),
      ))
        await store.pipeline.settle([
          settlement(
            'forward',
            work,
            what.end === 'done'
              ? { end: 'done' }
              : what.end === 'retry'
                ? { end: 'retry', at: 0, reason: '' }
                : { end: 'parked', code: 'destination_rejected', detail: '' },
          ),
        ]);
  }
}

async function expectBalance(store: Store): Promise<void> {
  const books = await store.reader.books();
  expect(await store.reader.recount()).toEqual(books);
  for (const { unit, total, parts } of books) {
    const sum = Object.values(parts).reduce((left, right) => left + right, 0);
    expect(`${unit} ${sum}`).toBe(`${unit} ${total}`);
    expect(Object.values(parts).every((part) => part >= 0)).toBe(true);
  }
}

/** Promise 0: whatever happens, in whatever order, the books balance and agree with the rows. */
export function modelRows(open: OpenStore, runs: number): void {
  it('balances the books after every step of any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const opened = await open();
        let { store } = opened;
        for (const what of steps) {
          if (what.do === 'reopen') store = await opened.reopen();
          else await apply(store, what);
          await expectBalance(store);
        }
        expect((await store.reader.verifyAudit()).brokenAt).toBeUndefined();
      }),
      { numRuns: runs },
    );
  }, 120_000);
}
