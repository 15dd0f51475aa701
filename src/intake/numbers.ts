import { civilYear, formatNumber, type Pipeline } from '@kapi/contract';

/** Takes the next record number of the year a moment falls in. */
export interface NumberSource {
  (atMs: number): Promise<string> | string;
  /** A number taken at that moment that stands in no record, for sure: the store has said so. It is the next one taken. */
  giveBack(number: string, atMs: number): void;
}

interface Block {
  next: number;
  end: number;
}

/**
 * Numbers from blocks the store hands out for good: unique over all processes, not gap-free. Taking
 * one is synchronous while a block lasts, and the next block is fetched before this one ends.
 */
export function numberSource(
  pipeline: Pick<Pipeline, 'reserveNumbers'>,
  prefix: string,
  blockSize = 512,
): NumberSource {
  const blocks = new Map<number, Block>();
  const refills = new Map<number, Promise<void>>();
  const spare = new Map<number, Block>();
  const unused = new Map<number, string[]>();

  function refill(year: number): Promise<void> {
    const running = refills.get(year);
    if (running) return running;
    const started = pipeline
      .reserveNumbers(prefix, year, blockSize)
      .then(({ first, count }) => {
        spare.set(year, { next: first, end: first + count });
      })
      .finally(() => refills.delete(year));
    refills.set(year, started);
    return started;
  }

  function take(year: number): string | undefined {
    let block = blocks.get(year);
    if (block === undefined || block.next >= block.end) {
      block = spare.get(year);
      if (block === undefined) return undefined;
      spare.delete(year);
      blocks.set(year, block);
    }
    if (block.end - block.next < blockSize / 2 && !spare.has(year)) refill(year).catch(() => undefined);
    return formatNumber(prefix, year, block.next++);
  }

  async function takeSlowly(year: number): Promise<string> {
    for (;;) {
      const number = take(year);
      if (number !== undefined) return number;
      await refill(year);
    }
  }

  const source = (atMs: number) => {
    const year = civilYear(atMs);
    return unused.get(year)?.pop() ?? take(year) ?? takeSlowly(year);
  };
  const giveBack = (number: string, atMs: number) => {
    const year = civilYear(atMs);
    const those = unused.get(year);
    if (those) those.push(number);
    else unused.set(year, [number]);
  };
  return Object.assign(source, { giveBack });
}
