import { bytes, integer, type Row, text } from '../../shared/rows.ts';
import type { Writing } from './writing.ts';

/**
 * Books of items. An item is one key within one envelope: the first time an envelope shows it, it is
 * counted, as a message (also one that revises an older message), a status, ignored, failed, or as
 * repeated where its key came before. Replaying an envelope shows the same items again and counts
 * nothing twice; it withdraws the failed ones first, which the newer adapter then counts anew, as
 * whatever they now are. So total and parts agree after any replay.
 */
type ItemKind = 'message' | 'status' | 'ignored' | 'failed' | 'repeated' | 'erased';

const book: Readonly<Record<ItemKind, string>> = {
  message: 'item.messages',
  status: 'item.statuses',
  ignored: 'item.ignored',
  failed: 'item.failed',
  repeated: 'item.repeated',
  erased: 'item.erased',
};

export function showItem(
  w: Writing,
  eid: number,
  hash: Uint8Array,
  kind: ItemKind,
  more: { mid?: number | undefined; code?: string; detail?: string } = {},
): void {
  const shown = w.connection.run(
    'INSERT INTO items (eid, hash, kind, mid, code, detail) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    eid,
    hash,
    kind,
    more.mid ?? null,
    more.code ?? null,
    more.detail ?? null,
  );
  if (shown.changes === 0) return;
  w.count('item.total', 1);
  w.count(book[kind], 1);
}

export function moveItems(w: Writing, rows: readonly Row[], to: 'erased'): void {
  for (const row of rows) {
    w.connection.run(
      'UPDATE items SET kind = ?, code = NULL, detail = NULL WHERE eid = ? AND hash = ?',
      to,
      integer(row, 'eid'),
      bytes(row, 'hash'),
    );
    w.count(book[itemKind(row)], -1);
    w.count(book[to], 1);
  }
}
const itemKind = (row: Row): ItemKind => {
  const kind = text(row, 'kind');
  for (const name of ['message', 'status', 'ignored', 'failed', 'repeated', 'erased'] as const)
    if (name === kind) return name;
  throw new Error('An item has an unknown kind.');
};

/** Before a replay: what failed will be read again. */
export function withdrawFailed(w: Writing, eid: number): void {
  const { changes } = w.connection.run(`DELETE FROM items WHERE eid = ? AND kind = 'failed'`, eid);
  if (changes === 0) return;
  w.count('item.total', -changes);
  w.count('item.failed', -changes);
}
