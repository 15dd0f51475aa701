import { setTimeout as delay } from 'node:timers/promises';
import type { Adapter, PullBatch, PullOutcome, PullSource } from '@kapi/contract';
import type { Check } from './check.ts';
import { describeThrown } from './check.ts';
import { type Heard, heardNothing, makeContext } from './context.ts';
import type { PullWorld } from './rows.ts';
import { parseConfig, type Subject } from './subject.ts';

const defaultPatienceMs = 10_000;
const abortMs = 1_000;

export interface PullStory {
  /** Keys in the order they came. */
  readonly keys: readonly string[];
  /** Keys of a batch that the source already saw marked when the batch came. */
  readonly early: readonly string[];
  /** Marks after everything was settled, in order; null where the source keeps none. */
  readonly marks: readonly string[] | null;
  /** The iteration ended within a second of the abort. */
  readonly ended: boolean;
  readonly thrown: readonly unknown[];
}

const pullOf = (adapter: Adapter): PullSource<unknown> | undefined =>
  adapter.sources.find((source) => source.kind === 'pull');

/** Opens the source, settles every batch with one outcome until all expected keys came, then aborts. */
export async function drain(
  subject: Subject,
  world: PullWorld,
  outcome: PullOutcome,
  heard: Heard = heardNothing(),
): Promise<PullStory> {
  const { adapter } = subject;
  const patienceMs = subject.rows.pull?.patienceMs ?? defaultPatienceMs;
  const source = pullOf(adapter);
  const abort = new AbortController();
  const keys: string[] = [];
  const early: string[] = [];
  const thrown: unknown[] = [];
  let ended = false;
  const context = makeContext(parseConfig(adapter, world.config), heard, {
    http: world.http,
    signal: abort.signal,
  });
  const iterator = source?.open(context)[Symbol.asyncIterator]();
  const settle = async (batch: PullBatch, as: PullOutcome): Promise<void> => {
    const marks = (await world.marks()) ?? [];
    const own = batch.envelopes.map((envelope) => envelope.key);
    early.push(...own.filter((key) => marks.includes(key) && !keys.includes(key)));
    keys.push(...own);
    await batch.settle(own.map(() => as));
  };
  const missing = (): boolean => world.expectedKeys.some((key) => !keys.includes(key));
  try {
    while (iterator && missing()) {
      const next = await within(iterator.next(), patienceMs);
      if (next === undefined || next.done) break;
      await settle(next.value, outcome);
    }
  } catch (error) {
    thrown.push(error);
  }
  let waiting = iterator?.next();
  // The source gets a turn to start waiting for more before it is told to stop.
  await new Promise((resume) => setImmediate(resume));
  abort.abort();
  const deadline = performance.now() + abortMs;
  while (waiting) {
    try {
      const next = await within(waiting, Math.max(0, deadline - performance.now()));
      if (next === undefined) break;
      if (next.done) {
        ended = true;
        break;
      }
      await settle(next.value, 'left');
      waiting = iterator?.next();
    } catch (error) {
      // An abort may end the iteration by its own error.
      ended = true;
      if (!(error instanceof Error && error.name === 'AbortError')) thrown.push(error);
      break;
    }
  }
  return { keys, early, marks: await world.marks(), ended, thrown };
}

async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const timer = new AbortController();
  work.catch(() => undefined);
  const late = delay(ms, undefined, { signal: timer.signal, ref: true }).catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

async function inWorld(subject: Subject, visit: (world: PullWorld) => Promise<void>): Promise<void> {
  const rows = subject.rows.pull;
  if (!rows || !pullOf(subject.adapter)) return;
  const world = await rows.start();
  try {
    await visit(world);
  } finally {
    await world.stop();
  }
}

interface StoredStory extends PullStory {
  readonly expectedKeys: readonly string[];
}

const stored = new WeakMap<Subject, Promise<StoredStory | undefined>>();

/** One world in which everything is stored: most checks look at the same. */
function storedStory(subject: Subject): Promise<StoredStory | undefined> {
  const tell = async (): Promise<StoredStory | undefined> => {
    let story: StoredStory | undefined;
    await inWorld(subject, async (world) => {
      story = { ...(await drain(subject, world, 'stored')), expectedKeys: world.expectedKeys };
    });
    return story;
  };
  const known = stored.get(subject) ?? tell();
  stored.set(subject, known);
  return known;
}

/** What a pull source does to the place it pulls from. */
export const pullChecks: readonly Check[] = [
  {
    id: 'pull-incomplete',
    owes: 'pulls everything the source holds',
    async find(subject, report) {
      const story = await storedStory(subject);
      for (const key of story?.expectedKeys ?? []) {
        if (!story?.keys.includes(key)) report(key, 'was not pulled');
      }
      for (const error of story?.thrown ?? []) report('open', `threw ${describeThrown(error)}`);
    },
  },
  {
    id: 'marked-before-settle',
    owes: 'marks nothing at the source before the core has stored it',
    async find(subject, report) {
      const story = await storedStory(subject);
      for (const key of story?.early ?? []) report(key, 'was marked before its batch was settled');
    },
  },
  {
    id: 'left-was-marked',
    owes: 'leaves at the source what the core could not store, and offers it again',
    async find(subject, report) {
      await inWorld(subject, async (world) => {
        const story = await drain(subject, world, 'left');
        for (const key of story.marks ?? []) report(key, 'was marked though it was left');
        const again = await drain(subject, world, 'stored');
        for (const key of world.expectedKeys) {
          if (!again.keys.includes(key)) report(key, 'was left and not offered again');
        }
      });
    },
  },
  {
    id: 'marked-twice',
    owes: 'marks at the source everything that was stored, once',
    async find(subject, report) {
      const story = await storedStory(subject);
      if (!story?.marks) return;
      for (const key of story.expectedKeys) {
        const times = story.marks.filter((mark) => mark === key).length;
        if (times !== 1) report(key, `was marked ${times} times`);
      }
    },
  },
  {
    id: 'ignores-abort',
    owes: 'stops within a second of the abort',
    async find(subject, report) {
      const story = await storedStory(subject);
      if (story?.ended === false) report('open', 'still ran one second after the abort');
    },
  },
];
