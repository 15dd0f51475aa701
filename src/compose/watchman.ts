import type { AuditMark, Book, Logger, Reader, Store } from '@kapi/contract';
import { walkAudit } from '../intake/audit-walk.ts';
import type { Bell } from '../intake/clocks.ts';
import type { Metrics } from '../platform/index.ts';

/** Total less the sum of its parts; 0 where the book balances. */
export const difference = ({ total, parts }: Book): number =>
  total - Object.values(parts).reduce((sum, part) => sum + part, 0);

export interface WatchmanParts {
  readonly reader: Pick<Store['reader'], 'books' | 'recount' | 'queue' | 'verifyAudit'>;
  /** As configured now. */
  readonly destinations: () => readonly string[];
  readonly log: Logger;
  readonly clockMs: { readonly books: number; readonly recount: number; readonly audit: number };
}

/**
 * Looks at the books and the audit chain for as long as the gateway runs: the balances each minute from
 * the counters; a recount from the rows each hour; the whole chain after the first hour, then daily, in
 * the reader's thread. A difference and a break are the highest alarms.
 */
export function startWatchman(
  { reader, destinations, log, clockMs }: WatchmanParts,
  metrics: Pick<Metrics, 'booksDifference'>,
  bell: Bell,
): () => void {
  let seen: AuditMark | undefined;

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

  /** Also a chain that follows from its start is broken where it is not the one that was seen before. */
  async function walk(): Promise<void> {
    const stands = seen && (await reader.verifyAudit({ after: seen, max: 0 }));
    const { rows, last, brokenAt = stands?.brokenAt } = await walkAudit(reader);
    if (brokenAt === undefined) {
      seen = last ?? seen;
      // The head stands outside the data in whatever keeps the log.
      log.info({ rows, head: last?.hash }, 'audit chain');
      return;
    }
    const text = `Denetim zinciri ${brokenAt}. satırda kopuk: satırlar Kapı’nın dışından değiştirilmiş. Veri klasörüne dokunmayın, son yedekle karşılaştırın; «kapi doctor» ile bakın.`;
    await bell.raise('audit', 'chain', text, 'critical');
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
  const first = setTimeout(quietly(walk), clockMs.recount);
  const day = setInterval(quietly(walk), clockMs.audit);
  const timers = [minute, hour, first, day];
  for (const timer of timers) timer.unref();
  return () => {
    for (const timer of timers) clearInterval(timer);
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
