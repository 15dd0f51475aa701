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
import { type Documents, orThrow, recordColumns } from '../documents.ts';
import { first, type Queries } from '../session.ts';

/** Whole envelopes first, then single items, each in order of arrival. */
export async function quarantine(
  queries: Queries,
  options: PageOptions & { account?: string },
): Promise<Page<QuarantineEntry>> {
  const [kind, eid, nth] = after(options.cursor, 3) ?? [0, 0, 0];
  const columns = 'envelopes.id AS envelope_id, adapter, account, received_at, bytes, eid';
  const rows = await queries.all(
    `SELECT * FROM (
       SELECT 0 AS what, ${columns}, id, code, detail, 0::bigint AS nth FROM envelopes WHERE state = 'quarantined' AND ($1::text IS NULL OR account = $1)
       UNION ALL
       SELECT 1, ${columns}, envelopes.id || '/' || encode(hash, 'hex'), items.code, items.detail, row_number() OVER (PARTITION BY eid ORDER BY hash)
       FROM items JOIN envelopes USING (eid) WHERE items.kind = 'failed' AND ($1::text IS NULL OR account = $1)
     ) AS entries WHERE (what, eid, nth) > ($2::int, $3::bigint, $4::bigint) ORDER BY what, eid, nth LIMIT $5`,
    [options.account ?? null, kind, eid, nth, options.limit + 1],
  );
  return page(rows, options.limit, toQuarantineEntry, (row) => [
    integer(row, 'what'),
    integer(row, 'eid'),
    integer(row, 'nth'),
  ]);
}

/** Deliveries first, then notices. A destination leaves notices out. */
export async function deadLetters(
  queries: Queries,
  options: PageOptions & { destination?: string },
): Promise<Page<DeadLetter>> {
  const [kind, last] = after(options.cursor, 2) ?? [0, 0];
  const rows = await queries.all(
    `SELECT * FROM (
       SELECT 0 AS what, d.id AS nth, d.rid || '.' || d.sequence || '.' || d.did AS id, destinations.name AS destination, number, d.sequence,
         attempt, d.code, d.detail, settled_at AS at
       FROM deliveries d JOIN destinations USING (did) JOIN records ON records.rid = d.rid
       WHERE d.state = 5 AND ($1::text IS NULL OR destinations.name = $1)
       UNION ALL
       SELECT 1, nid, n.id, n.account, number, events.sequence, attempt, n.code, reason, settled_at
       FROM notices n JOIN records ON records.rid = n.rid LEFT JOIN events ON events.rid = n.rid AND events.id = n.event_id
       WHERE n.code IS NOT NULL AND $1::text IS NULL
     ) AS letters WHERE (what, nth) > ($2::int, $3::bigint) ORDER BY what, nth LIMIT $4`,
    [options.destination ?? null, kind, last, options.limit + 1],
  );
  return page(rows, options.limit, toDeadLetter, (row) => [integer(row, 'what'), integer(row, 'nth')]);
}

export async function notCases(queries: Queries, options: PageOptions): Promise<Page<NotACase>> {
  const [last] = after(options.cursor, 1) ?? [0];
  const rows = await queries.all(
    `SELECT mid, id, account, channel, received_at, reason FROM messages WHERE state = 'not-a-case' AND mid > $1 ORDER BY mid LIMIT $2`,
    [last, options.limit + 1],
  );
  return page(rows, options.limit, toNotACase, (row) => [integer(row, 'mid')]);
}

export async function callbacks(
  queries: Queries,
  documents: Documents,
  options: PageOptions & { open?: boolean },
): Promise<Page<Callback>> {
  const [at, nth] = after(options.cursor, 2) ?? [0, 0];
  const rows = await queries.all(
    `SELECT callbacks.*, ${recordColumns} FROM callbacks LEFT JOIN records USING (rid)
     WHERE sealed IS NOT NULL AND ($1::boolean IS NULL OR (closed_at IS NULL) = $1) AND (created_at, nth) > ($2::bigint, $3::bigint)
     ORDER BY created_at, nth LIMIT $4`,
    [options.open ?? null, at, nth, options.limit + 1],
  );
  const paged = page(
    rows,
    options.limit,
    (row) => row,
    (row) => [integer(row, 'created_at'), integer(row, 'nth')],
  );
  return { ...paged, items: paged.items.flatMap((row) => documents.callback(row) ?? []) };
}

export async function envelope(
  queries: Queries,
  documents: Documents,
  id: string,
): Promise<EnvelopeView | undefined> {
  const row = await first(queries, 'SELECT * FROM envelopes WHERE id = $1', [id]);
  if (!row) return undefined;
  const eid = integer(row, 'eid');
  const parts = orThrow((await documents.parts([eid])).get(eid)) ?? [];
  return toEnvelopeView(row, documents.envelope(row), parts);
}

/** Those an adapter reads: envelopes of entrances were understood when they came. */
export async function envelopesSince(
  queries: Queries,
  since: number,
  options: PageOptions & { account?: string },
): Promise<Page<string>> {
  const [at, eid] = after(options.cursor, 2) ?? [since, 0];
  const rows = await queries.all(
    `SELECT eid, id, received_at FROM envelopes WHERE (received_at, eid) > ($1::bigint, $2::bigint) AND entrance = 0 AND state <> 'erased'
       AND ($3::text IS NULL OR account = $3) ORDER BY received_at, eid LIMIT $4`,
    [at, eid, options.account ?? null, options.limit + 1],
  );
  return page(
    rows,
    options.limit,
    (row) => text(row, 'id'),
    (row) => [integer(row, 'received_at'), integer(row, 'eid')],
  );
}

const auditPage = (queries: Queries, from: number, max: number) =>
  queries.all('SELECT * FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT $2', [from, max]);

export async function audit(queries: Queries, options: PageOptions): Promise<Page<AuditRow>> {
  const [last] = after(options.cursor, 1) ?? [0];
  const rows = await auditPage(queries, last ?? 0, options.limit + 1);
  return page(rows, options.limit, toAudit, (row) => [integer(row, 'sequence')]);
}

const auditStep = 1000;

/** Walks the chain from a mark or from its beginning: every hash and number must follow from the one before. */
export async function verifyAudit(
  queries: Queries,
  { after: mark, max = Number.POSITIVE_INFINITY }: { after?: AuditMark; max?: number } = {},
): Promise<AuditCheck> {
  const start = mark?.sequence ?? 0;
  const stands = mark && (await first(queries, 'SELECT hash FROM audit WHERE sequence = $1', [start]));
  if (mark && !(stands && hashOf(stands) === mark.hash)) return { rows: 0, brokenAt: start };
  let before: Uint8Array = stands ? bytes(stands, 'hash') : auditStart;
  let last: AuditMark | undefined;
  for (let rows = 0; rows < max; ) {
    const step = await auditPage(queries, start + rows, Math.min(auditStep, max - rows));
    for (const row of step) {
      const { hash, ...said } = toAudit(row);
      const brokenAt = start + rows + 1;
      const follows = said.sequence === brokenAt && auditHash(before, said).equals(bytes(row, 'hash'));
      if (!follows) return { rows, ...(last && { last }), brokenAt };
      rows += 1;
      before = bytes(row, 'hash');
      last = { sequence: said.sequence, hash };
    }
    if (step.length < auditStep) return { rows, ...(last && { last }) };
  }
  return { rows: max, ...(last && { last }) };
}
