import type { Row } from '../../shared/rows.ts';
import { integer, text } from '../../shared/rows.ts';
import type { Writing } from './writing.ts';

/**
 * Books of items. An item is one key within one envelope: the first time an envelope shows it, it is
 * counted, as a message (also one that revises an older message), a status, ignored, failed, or as
 * repeated where its key came before. Replaying an envelope shows the same items again and counts
 * nothing twice; it withdraws the failed ones first, which the newer adapter then counts anew, as
 * whatever they now are. So total and parts agree after any replay.
 */
type ItemKind = 'message' | 'status' | 'ignored' | 'failed' | 'repeated';

export const showItem = (
  w: Writing,
  eid: number,
  hash: Uint8Array,
  kind: ItemKind,
  more: { mid?: number; code?: string; detail?: string | undefined } = {},
): void => w.add('items', [eid, hash, kind, more.mid, more.code, more.detail]);

const book: Readonly<Record<string, string>> = { message: 'item.messages', status: 'item.statuses' };

/** Items that have been erased, by what they were; each row says how many. */
export function countErased(w: Writing, rows: readonly Row[]): void {
  for (const row of rows) {
    const kind = text(row, 'kind');
    w.count(book[kind] ?? `item.${kind}`, -1);
    w.count('item.erased', 1);
  }
}

/** Before a replay: what failed will be read again. */
export async function withdrawFailed(w: Writing, eid: number): Promise<void> {
  const rows = await w.all(`DELETE FROM items WHERE eid = $1 AND kind = 'failed' RETURNING eid`, [eid]);
  const withdrawn = rows.filter((row) => integer(row, 'eid') === eid).length;
  w.count('item.total', -withdrawn);
  w.count('item.failed', -withdrawn);
}
