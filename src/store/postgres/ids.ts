import { integer } from '../shared/rows.ts';
import { keyIn, monthOf } from './partitions.ts';
import type { Queries } from './session.ts';

/** Numbers of one value of the sequence `ids`. */
const blockSize = 1024;
/** Older blocks are let go: keys tell which of two rows came first, about. */
const blockMs = 2000;

/**
 * Integer keys of rows to come: numbers of the sequence `ids`, taken in blocks, so that a row can be named
 * before it stands and no two processes give out the same. What was undone leaves a gap.
 */
export class Ids {
  readonly #blocks: { next: number; readonly end: number }[] = [];
  #takenAt = Number.NEGATIVE_INFINITY;
  #newestMonth: number;

  constructor(newest: number) {
    this.#newestMonth = newest;
  }

  /** Partitions up to this month stand; keys of later ones would have no place. */
  useMonths(newest: number): void {
    this.#newestMonth = newest;
  }

  get left(): number {
    return this.#blocks.reduce((sum, { next, end }) => sum + end - next, 0);
  }

  /** Lets go of blocks that are old; for the beginning of a group. */
  refresh(): void {
    if (performance.now() - this.#takenAt > blockMs) this.#blocks.length = 0;
  }

  /** Makes sure that `count` keys can be given out. */
  async ensure(queries: Queries, count: number): Promise<void> {
    const { left } = this;
    if (left >= count) return;
    const rows = await queries.all(`SELECT nextval('ids') AS value FROM generate_series(1, $1::int)`, [
      Math.ceil((count - left) / blockSize),
    ]);
    this.#takenAt = performance.now();
    for (const row of rows) {
      const next = integer(row, 'value');
      this.#blocks.push({ next, end: next + blockSize });
    }
  }

  /** After `ensure`. */
  next(): number {
    const [block] = this.#blocks;
    if (!block) throw new Error('No keys were taken for this row.');
    const n = block.next;
    block.next += 1;
    if (block.next === block.end) this.#blocks.shift();
    return keyIn(Math.min(monthOf(Date.now()), this.#newestMonth), n);
  }
}
