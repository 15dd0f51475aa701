import type { Book, Reader, Store } from '@kapi/contract';
import type { Bell } from '../intake/clocks.ts';
import type { Metrics } from '../platform/index.ts';

/** Total less the sum of its parts; 0 where the book balances. */
export const difference = ({ total, parts }: Book): number =>
  total - Object.values(parts).reduce((sum, part) => sum + part, 0);

/**
 * Looks at the books and the audit chain for as long as the gateway runs: the balances each minute from
 * the counters, a recount from the rows each hour. A difference is the highest alarm.
 */
export function startWatchman(
  {
    reader,
    destinations,
    clockMs,
  }: {
    readonly reader: Store['reader'];
    /** As configured now. */
    readonly destinations: () => readonly string[];
    readonly clockMs: { readonly books: number; readonly recount: number };
  },
  metrics: Metrics,
  bell: Bell,
): () => void {
  async function look(books: readonly Book[], counted: 'counters' | 'rows'): Promise<void> {
    for (const book of books) {
      const off = difference(book);
      metrics.booksDifference.set({ unit: book.unit }, off);
      if (off !== 0) {
        const text = `Defter tutmuyor (${counted}): ${book.unit} toplamı ${book.total}, fark ${off}. «kapi doctor --books» ile bakın.`;
        await bell.raise('books', book.unit, text, 'critical');
      }
    }
  }

  async function compare(): Promise<void> {
    const [counted, recounted] = await Promise.all([reader.books(), reader.recount()]);
    await look(recounted, 'rows');
    for (const book of recounted) {
      const same = counted.find(({ unit }) => unit === book.unit);
      // Work goes on between the two readings: only a difference that stays is one.
      if (same && same.total > book.total)
        await bell.raise('books', `${book.unit}-rows`, 'Sayaçlar satırlardan fazla gösteriyor.', 'critical');
    }
  }

  /** The alarm of dead letters ends with the last of them, so that the next one rings anew. */
  async function forgive(): Promise<void> {
    for (const destination of destinations())
      if ((await reader.queue(destination)).dead === 0) await bell.clear('dead-letter', destination);
  }

  const quietly = (work: () => Promise<void>) => () => void work().catch(() => undefined);
  const minute = setInterval(
    quietly(async () => {
      await look(await reader.books(), 'counters');
      await forgive();
    }),
    clockMs.books,
  );
  const hour = setInterval(quietly(compare), clockMs.recount);
  minute.unref();
  hour.unref();
  return () => {
    clearInterval(minute);
    clearInterval(hour);
  };
}

/** Gauges that are read when the metrics are. */
export function readGauges(metrics: Metrics, reader: Reader, queues: readonly string[]): void {
  metrics.onScrape(async () => {
    const backlog = await reader.backlog();
    metrics.backlog.set({ stage: 'read' }, backlog.unread);
    metrics.backlog.set({ stage: 'assemble' }, backlog.settling);
    metrics.backlog.set({ stage: 'fetch' }, backlog.partsPending);
    metrics.backlog.set({ stage: 'forward' }, backlog.deliveriesPending);
    metrics.backlog.set({ stage: 'notify' }, backlog.noticesPending);
    for (const queue of queues)
      metrics.queueReady.set({ destination: queue }, (await reader.queue(queue)).ready);
    for (const book of await reader.books())
      metrics.booksDifference.set({ unit: book.unit }, difference(book));
  });
}
