import type {
  AuditCheck,
  AuditMark,
  AuditRow,
  Callback,
  DeadLetter,
  NotACase,
  Page,
  PageOptions,
  QuarantineEntry,
} from '@kapi/contract';
import { auditHash, auditStart } from '../../shared/audit-chain.ts';
import {
  type EnvelopeView,
  hashOf,
  toAudit,
  toDeadLetter,
  toEnvelopeView,
  toNotACase,
  toQuarantineEntry,
} from '../../shared/mapping.ts';
import { after, page } from '../../shared/page.ts';
import { bytes, integer, text } from '../../shared/rows.ts';
import type { Documents } from '../documents.ts';

/** Whole envelopes first, then single items, each in order of arrival. */
export function quarantine(
  documents: Documents,
  options: PageOptions & { account?: string },
): Page<QuarantineEntry> {
  const [kind, eid, offset] = after(options.cursor, 3) ?? [0, 0, 0];
  const account = options.account ?? null;
  const columns = `envelopes.id AS envelope_id, adapter, account, received_at, bytes, eid`;
  const rows = documents.connection.all(
    `SELECT * FROM (
       SELECT 0 AS what, ${columns}, id, code, detail, 0 AS nth FROM envelopes WHERE state = 'quarantined' AND (?1 IS NULL OR account = ?1)
       UNION ALL
       SELECT 1, ${columns}, envelopes.id || '/' || lower(hex(hash)), items.code, items.detail, row_number() OVER (PARTITION BY eid ORDER BY hash)
       FROM items JOIN envelopes USING (eid) WHERE items.kind = 'failed' AND (?1 IS NULL OR account = ?1)
     ) WHERE (what, eid, nth) > (?2, ?3, ?4) ORDER BY what, eid, nth LIMIT ?5`,
    account,
    kind ?? 0,
    eid ?? 0,
    offset ?? 0,
    options.limit + 1,
  );
  return page(rows, options.limit, toQuarantineEntry, (row) => [
    integer(row, 'what'),
    integer(row, 'eid'),
    integer(row, 'nth'),
  ]);
}

/** Deliveries first, then notices. A destination leaves notices out. */
export function deadLetters(
  documents: Documents,
  options: PageOptions & { destination?: string },
): Page<DeadLetter> {
  const [kind, last] = after(options.cursor, 2) ?? [0, 0];
  const rows = documents.connection.all(
    `SELECT * FROM (
       SELECT 0 AS what, deliveries.id AS nth, CAST(deliveries.id AS TEXT) AS id, destinations.name AS destination, number, sequence,
         attempt, code, detail, settled_at AS at
       FROM deliveries JOIN destinations USING (did) JOIN records ON records.rid = deliveries.rid JOIN events USING (position)
       WHERE deliveries.state = 5 AND (?1 IS NULL OR destinations.name = ?1)
       UNION ALL
       SELECT 1, nid, notices.id, notices.account, number, events.sequence, attempt, notices.code, reason, settled_at
       FROM notices JOIN records ON records.rid = notices.rid LEFT JOIN events ON events.rid = notices.rid AND events.id = notices.event_id
       WHERE notices.code IS NOT NULL AND ?1 IS NULL
     ) WHERE (what, nth) > (?2, ?3) ORDER BY what, nth LIMIT ?4`,
    options.destination ?? null,
    kind ?? 0,
    last ?? 0,
    options.limit + 1,
  );
  return page(rows, options.limit, toDeadLetter, (row) => [integer(row, 'what'), integer(row, 'nth')]);
}

export function notCases(documents: Documents, options: PageOptions): Page<NotACase> {
  const [last] = after(options.cursor, 1) ?? [0];
  const rows = documents.connection.all(
    `SELECT mid, id, account, channel, received_at, reason FROM messages WHERE state = 'not-a-case' AND mid > ? ORDER BY mid LIMIT ?`,
    last ?? 0,
    options.limit + 1,
  );
  return page(rows, options.limit, toNotACase, (row) => [integer(row, 'mid')]);
}

export function callbacks(documents: Documents, options: PageOptions & { open?: boolean }): Page<Callback> {
  const [at, rowid] = after(options.cursor, 2) ?? [0, 0];
  const state =
    options.open === undefined ? '' : options.open ? 'AND closed_at IS NULL' : 'AND closed_at IS NOT NULL';
  const rows = documents.connection.all(
    `SELECT rowid AS nth, * FROM callbacks WHERE sealed IS NOT NULL ${state} AND (created_at, rowid) > (?, ?)
     ORDER BY created_at, rowid LIMIT ?`,
    at ?? 0,
    rowid ?? 0,
    options.limit + 1,
  );
  const paged = page(
    rows,
    options.limit,
    (row) => row,
    (row) => [integer(row, 'created_at'), integer(row, 'nth')],
  );
  return { ...paged, items: paged.items.flatMap((row) => documents.callback(row) ?? []) };
}

export function envelope(documents: Documents, id: string): EnvelopeView | undefined {
  const row = documents.connection.get('SELECT * FROM envelopes WHERE id = ?', id);
  if (!row) return undefined;
  return toEnvelopeView(row, documents.openEnvelope(row), documents.parts(integer(row, 'eid')));
}

/** Those an adapter reads: envelopes of entrances were understood when they came. */
export function envelopesSince(
  documents: Documents,
  since: number,
  options: PageOptions & { account?: string },
): Page<string> {
  const [at, eid] = after(options.cursor, 2) ?? [since, 0];
  const rows = documents.connection.all(
    `SELECT eid, id, received_at FROM envelopes WHERE (received_at, eid) > (?1, ?2) AND entrance = 0 AND state <> 'erased'
       AND (?3 IS NULL OR account = ?3) ORDER BY received_at, eid LIMIT ?4`,
    at ?? since,
    eid ?? 0,
    options.account ?? null,
    options.limit + 1,
  );
  return page(
    rows,
    options.limit,
    (row) => text(row, 'id'),
    (row) => [integer(row, 'received_at'), integer(row, 'eid')],
  );
}

export function audit(documents: Documents, options: PageOptions): Page<AuditRow> {
  const [last] = after(options.cursor, 1) ?? [0];
  const rows = documents.connection.all(
    'SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?',
    last ?? 0,
    options.limit + 1,
  );
  return page(rows, options.limit, toAudit, (row) => [integer(row, 'sequence')]);
}

const auditSlice = 'SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?';

export function verifyAudit(
  { connection }: Documents,
  { after: mark, max = -1 }: { after?: AuditMark; max?: number } = {},
): AuditCheck {
  const start = mark?.sequence ?? 0;
  const stands = mark && connection.get('SELECT hash FROM audit WHERE sequence = ?', start);
  if (mark && !(stands && hashOf(stands) === mark.hash)) return { rows: 0, brokenAt: start };
  let before: Uint8Array = stands ? bytes(stands, 'hash') : auditStart;
  let rows = 0;
  let last: AuditMark | undefined;
  for (const row of connection.statement(auditSlice).iterate(start, max)) {
    const { hash, ...said } = toAudit(row);
    const brokenAt = start + rows + 1;
    const follows = said.sequence === brokenAt && auditHash(before, said).equals(bytes(row, 'hash'));
    if (!follows) return { rows, ...(last && { last }), brokenAt };
    rows += 1;
    before = bytes(row, 'hash');
    last = { sequence: said.sequence, hash };
  }
  return { rows, ...(last && { last }) };
}
