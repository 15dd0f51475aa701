import type { AuditCheck, Book } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startWatchman } from './watchman.ts';

const clockMs = { books: 60_000, recount: 3_600_000, audit: 86_400_000 };

describe('the watchman', () => {
  let rows: readonly string[];
  let dead: number;
  let book: Book;
  const rung = vi.fn<(kind: string, subject: string, text: string, severity: string) => Promise<void>>();
  const cleared = vi.fn<(kind: string, subject: string) => Promise<void>>();
  const logged = vi.fn();
  let stop: () => void;

  /** A chain whose rows are their own hashes; «x» follows from nothing. */
  async function verifyAudit({
    after,
    max = rows.length,
  }: {
    after?: { sequence: number; hash: string };
    max?: number;
  } = {}): Promise<AuditCheck> {
    const start = after?.sequence ?? 0;
    if (after && rows[start - 1] !== after.hash) return { rows: 0, brokenAt: start };
    const slice = rows.slice(start, start + max);
    const sound = slice.includes('x') ? slice.slice(0, slice.indexOf('x')) : slice;
    const sequence = start + sound.length;
    const hash = rows[sequence - 1] ?? '';
    return {
      rows: sound.length,
      ...(sound.length > 0 && { last: { sequence, hash } }),
      ...(sound.length < slice.length && { brokenAt: sequence + 1 }),
    };
  }

  beforeEach(() => {
    vi.useFakeTimers();
    rows = ['a', 'b', 'c'];
    dead = 0;
    book = { unit: 'message', total: 2, parts: { settling: 2 } };
    rung.mockReset().mockResolvedValue();
    cleared.mockReset().mockResolvedValue();
    logged.mockReset();
    stop = startWatchman(
      {
        reader: {
          verifyAudit,
          books: async () => [book],
          recount: async () => [book],
          queue: async (destination) => ({
            destination,
            ready: 0,
            behind: 0,
            claimed: 0,
            delivered: 0,
            dead,
            erased: 0,
            byUrgency: { emergency: 0, today: 0, urgent: 0, normal: 0 },
          }),
        },
        destinations: () => ['coordination'],
        log: { debug: logged, info: logged, warn: logged, error: logged },
        clockMs,
      },
      { booksDifference: { set: () => undefined } },
      { raise: rung, clear: cleared },
    );
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it('says nothing of a whole chain but its head, into the log', async () => {
    await vi.advanceTimersByTimeAsync(clockMs.recount);
    expect(logged).toHaveBeenCalledWith({ rows: 3, head: 'c' }, 'audit chain');
    await vi.advanceTimersByTimeAsync(clockMs.audit);
    expect(rung).not.toHaveBeenCalled();
  });

  const broken: readonly { readonly what: string; readonly after: readonly string[]; readonly at: number }[] =
    [
      { what: 'a row that does not follow', after: ['a', 'x', 'c'], at: 2 },
      { what: 'a tail that is gone', after: ['a', 'b'], at: 3 },
      { what: 'a chain that follows and is another one', after: ['d', 'e', 'f', 'g'], at: 3 },
    ];
  it.each(broken)('rings the highest alarm at $what', async ({ after, at }) => {
    await vi.advanceTimersByTimeAsync(clockMs.recount);
    rows = after;
    await vi.advanceTimersByTimeAsync(clockMs.audit);
    expect(rung).toHaveBeenCalledWith(
      'audit',
      'chain',
      expect.stringContaining(` ${at}. satırda`),
      'critical',
    );
  });

  it('ends the alarm of dead letters with the last of them', async () => {
    dead = 1;
    await vi.advanceTimersByTimeAsync(clockMs.books);
    expect(cleared).not.toHaveBeenCalled();
    dead = 0;
    await vi.advanceTimersByTimeAsync(clockMs.books);
    expect(cleared).toHaveBeenCalledWith('dead-letter', 'coordination');
  });

  it('rings the highest alarm where the books do not balance', async () => {
    book = { ...book, total: 3 };
    await vi.advanceTimersByTimeAsync(clockMs.books);
    expect(rung).toHaveBeenCalledWith('books', 'message', expect.stringContaining('fark 1'), 'critical');
  });
});
