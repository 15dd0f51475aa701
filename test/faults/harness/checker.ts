import { bookFaults } from '../../../src/cli/controls.ts';
import type { Book } from '../../../src/contract/index.ts';
import { loadKeyRing } from '../../../src/sealing/index.ts';
import { openSqliteStore } from '../../../src/store/sqlite/index.ts';
import type { Fact } from './history.ts';
import type { Delivered } from './sink.ts';

export interface HeldRecord {
  readonly number: string;
  readonly body: string;
  /** Ids of its events. */
  readonly events: readonly string[];
  /** States of its notices. */
  readonly notices: readonly string[];
  readonly callbacks: number;
}

/** What a stopped gateway holds, read from its folder. */
export interface Held {
  readonly records: readonly HeldRecord[];
  /** Differences of the books, in words; of counters, of rows, and between the two. */
  readonly books: readonly string[];
  readonly quarantined: number;
  readonly deadLetters: number;
  /** Envelopes said to be read of which no item is left. */
  readonly vanished: number;
  /** Row of the audit chain that does not fit. */
  readonly brokenAudit: number | undefined;
}

export async function readHeld(dataDir: string): Promise<Held> {
  const store = await openSqliteStore({
    dataDir,
    keys: loadKeyRing(dataDir),
    hosting: 'inline',
    institution: 'ornek',
    onFatal: (error) => {
      throw error;
    },
  });
  try {
    const { reader } = store;
    const records: HeldRecord[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await reader.records({
        limit: 500,
        order: 'oldest',
        ...(cursor !== undefined && { cursor }),
      });
      for (const { id } of page.items) {
        const view = await reader.record({ id });
        if (!view) continue;
        records.push({
          number: view.record.number,
          body: view.record.body,
          events: view.events.map((event) => event.id),
          notices: view.notices.map(({ state }) => state),
          callbacks: view.callbacks.length,
        });
      }
      cursor = page.next;
      if (cursor === undefined) break;
    }
    const audit = await reader.verifyAudit();
    const kept = await reader.books();
    const book = (unit: Book['unit']) => kept.find((one) => one.unit === unit);
    return {
      records,
      books: bookFaults({ kept, counted: await reader.recount() }),
      quarantined: (await reader.quarantine({ limit: 1_000 })).items.length,
      deadLetters: (await reader.deadLetters({ limit: 1_000 })).items.length,
      vanished: Math.max(0, (book('envelope')?.parts.read ?? 0) - (book('item')?.total ?? 0)),
      brokenAudit: audit.brokenAt,
    };
  } finally {
    await store.close();
  }
}

/** Every list must be empty; each names what broke which promise. */
export interface Verdict {
  /** Acknowledged, and in no record. */
  readonly lost: readonly string[];
  /** In more than one record, or twice in one. */
  readonly doubled: readonly string[];
  /** Acknowledged with a number that is not the record's, or with two. */
  readonly misnumbered: readonly string[];
  /** In a record, and never said. */
  readonly invented: readonly string[];
  /** Events of records that the sink never took. */
  readonly undelivered: readonly string[];
  /** Events at the sink that no record has, that name a second id for the same step, or whose bytes changed. */
  readonly strange: readonly string[];
  readonly books: readonly string[];
}

export const clean: Verdict = {
  lost: [],
  doubled: [],
  misnumbered: [],
  invented: [],
  undelivered: [],
  strange: [],
  books: [],
};

/** The history against what is held, and what is held against what the sink got. Pure. */
export function judge(history: readonly Fact[], held: Held, sink?: ReadonlyMap<string, Delivered>): Verdict {
  const said = new Set(history.map(({ marker }) => marker));
  const acked = new Map<string, Set<string>>();
  for (const fact of history) {
    if (fact.what !== 'ack') continue;
    const numbers = acked.get(fact.marker) ?? new Set<string>();
    if (fact.number !== undefined) numbers.add(fact.number);
    acked.set(fact.marker, numbers);
  }
  const found = new Map<string, string[]>();
  for (const { number, body } of held.records) {
    for (const [, marker = ''] of body.matchAll(/\[m:([^\]]+)\]/g))
      found.set(marker, [...(found.get(marker) ?? []), number]);
  }
  return {
    lost: [...acked.keys()].filter((marker) => !found.has(marker)),
    doubled: [...found].filter(([, numbers]) => numbers.length > 1).map(([marker]) => marker),
    misnumbered: [...acked]
      .filter(([marker, numbers]) => [...numbers].some((number) => found.get(marker)?.[0] !== number))
      .map(([marker]) => marker),
    invented: [...found.keys()].filter((marker) => !said.has(marker)),
    undelivered: sink
      ? held.records.flatMap(({ events }) => events.filter((id) => (sink.get(id)?.taken ?? 0) === 0))
      : [],
    strange: sink ? strangeEvents(held, sink) : [],
    books: [
      ...held.books,
      ...(held.brokenAudit === undefined ? [] : [`the audit chain breaks at row ${held.brokenAudit}`]),
    ],
  };
}

function strangeEvents(held: Held, sink: ReadonlyMap<string, Delivered>): string[] {
  const known = new Set(held.records.flatMap(({ events }) => events));
  const steps = new Map<string, string>();
  return [...sink].flatMap(([id, { subject, sequence, differs }]) => {
    const step = `${subject}/${sequence}`;
    const twin = steps.has(step);
    steps.set(step, id);
    return !known.has(id) || twin || differs ? [id] : [];
  });
}

/** Acknowledged markers of a history. */
export const ackedIn = (history: readonly Fact[]): ReadonlySet<string> =>
  new Set(history.flatMap((fact) => (fact.what === 'ack' ? [fact.marker] : [])));
