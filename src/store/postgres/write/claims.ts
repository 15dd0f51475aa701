import type { ClaimOptions, Stage } from '@kapi/contract';
import type { PackedMessageWork, PackedWork } from '../../shared/command.ts';
import { integer, maybeInteger, type Row, text } from '../../shared/rows.ts';
import { isDamage } from '../../shared/sealed.ts';
import { Documents, type OpenedRecord, type Opening, orThrow, recordColumns } from '../documents.ts';
import { claimId, claimTables } from './claim-rows.ts';
import { claimForwards } from './forward-claim.ts';
import { endClaim } from './settle.ts';
import type { Writing } from './writing.ts';

/** Leases up to `max` due rows of a stage; rows that another process has in hand are passed over. */
export async function claimWork(
  w: Writing,
  stage: Stage,
  options: ClaimOptions,
): Promise<readonly PackedWork[]> {
  switch (stage) {
    case 'read':
      return claimReads(w, options);
    case 'fetch':
      return claimFetches(w, options);
    case 'assemble':
      return claimConversations(w, options);
    case 'forward':
      return claimForwards(w, options);
    case 'notify':
      return claimNotices(w, options);
    case 'timer':
      return claimTimers(w, options);
  }
}

export const documentsOf = (w: Writing): Documents => new Documents(w, w.house.ring, w.house.key);

const ofAccounts = '($5::text[] IS NULL OR account = ANY($5))';

/** A statement that leases what `where` finds in `order`; the rows come back in any order. */
function leaseSql(
  stage: Stage,
  where: string,
  order: string,
  extra: { readonly set?: string; readonly join?: string } = {},
): string {
  const { table, key } = claimTables[stage];
  const keys = key.map((column) => `t.${column}`).join(', ');
  const same = key.map((column) => `t.${column} = picked.${column}`).join(' AND ');
  return `WITH picked AS (
      SELECT ${keys} FROM ${table} t ${extra.join ?? ''} WHERE ${where} AND t.due_at <= $1 AND t.lease_until <= $1
      ORDER BY ${order} LIMIT $2 FOR UPDATE OF t SKIP LOCKED
    )
    UPDATE ${table} t SET lease_until = $3, token = t.token + 1, attempt = t.attempt + 1, worker = $4 ${extra.set ?? ''}
    FROM picked WHERE ${same} RETURNING t.*`;
}

const lease = (
  w: Writing,
  sql: string,
  options: ClaimOptions,
  more: readonly unknown[] = [],
): Promise<readonly Row[]> =>
  w.all(sql, [options.now, options.max, options.now + options.leaseMs, w.house.worker, ...more]);

/** In ascending order of some columns, the way they were picked. */
export function inOrder(rows: readonly Row[], ...columns: readonly ((row: Row) => number)[]): readonly Row[] {
  return [...rows].sort((left, right) => {
    for (const column of columns) {
      const difference = column(left) - column(right);
      if (difference !== 0) return difference;
    }
    return 0;
  });
}
const by =
  (column: string, sign = 1) =>
  (row: Row): number =>
    integer(row, column) * sign;

const claimOf = (stage: Stage, row: Row): { id: string; token: number; attempt: number } => ({
  id: claimId(stage, row),
  token: integer(row, 'token'),
  attempt: integer(row, 'attempt'),
});

/**
 * What each leased row needs, opened. Where its documents are damaged, the row is parked alone, seen in
 * quarantine or among the dead letters, and the rest of the claim goes on.
 */
export async function openEach<T>(
  w: Writing,
  stage: Stage,
  rows: readonly Row[],
  options: ClaimOptions,
  open: (row: Row, claim: ReturnType<typeof claimOf>) => T | undefined,
): Promise<readonly T[]> {
  const works: T[] = [];
  for (const row of rows) {
    const claim = claimOf(stage, row);
    try {
      const work = open(row, claim);
      if (work !== undefined) works.push(work);
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown;
      const detail = `The row ${claim.id} of ${stage} cannot be opened: ${thrown.message}`;
      await endClaim(
        w,
        { stage, ...claim, ending: { end: 'parked', code: 'data_damaged', detail } },
        row,
        options.now,
      );
      w.damaged.push(detail);
    }
  }
  return works;
}

const readSql = leaseSql('read', `t.state = 'unread' AND ${ofAccounts}`, 't.urgent DESC, t.due_at, t.eid');

async function claimReads(w: Writing, options: ClaimOptions): Promise<readonly PackedWork[]> {
  const rows = await lease(w, readSql, options, [options.accounts ?? null]);
  const documents = documentsOf(w);
  const parts = await documents.parts(rows.map((row) => integer(row, 'eid')));
  const ordered = inOrder(rows, by('urgent', -1), by('due_at'), by('eid'));
  return openEach(w, 'read', ordered, options, (row, claim): PackedWork | undefined => {
    const envelope = documents.envelope(row);
    return (
      envelope && {
        stage: 'read',
        ...claim,
        envelope,
        parts: orThrow(parts.get(integer(row, 'eid'))) ?? [],
        acceptedAt: integer(row, 'accepted_at'),
      }
    );
  });
}

const fetchSql = leaseSql(
  'fetch',
  `t.state IN ('pending', 'retrying') AND ${ofAccounts}`,
  't.urgent DESC, t.due_at, t.pid',
  { join: 'JOIN envelopes ON envelopes.eid = t.eid' },
);

async function claimFetches(w: Writing, options: ClaimOptions): Promise<readonly PackedWork[]> {
  const rows = await lease(w, fetchSql, options, [options.accounts ?? null]);
  if (rows.length === 0) return [];
  const documents = documentsOf(w);
  const envelopes = new Map(
    (
      await w.all(
        'SELECT eid, id, dek, adapter, account, sealed, blob_id FROM envelopes WHERE eid = ANY($1::bigint[])',
        [rows.map((row) => integer(row, 'eid'))],
      )
    ).map((row) => [integer(row, 'eid'), row]),
  );
  const ordered = inOrder(rows, by('urgent', -1), by('due_at'), by('pid'));
  return openEach(w, 'fetch', ordered, options, (row, claim): PackedWork | undefined => {
    const envelopeRow = envelopes.get(integer(row, 'eid'));
    if (!envelopeRow) return undefined;
    const owner = documents.ownerIn(
      { ...envelopeRow, owner_id: envelopeRow.id, owner_dek: envelopeRow.dek },
      'eid',
    );
    const envelope = documents.envelope(envelopeRow);
    const part = documents.part(owner, row);
    return envelope && part && { stage: 'fetch', ...claim, envelope, part };
  });
}

const assembleSql = leaseSql('assemble', 't.due_at IS NOT NULL', 't.due_at, t.cid');

async function claimConversations(w: Writing, options: ClaimOptions): Promise<readonly PackedWork[]> {
  const rows = await lease(w, assembleSql, options);
  if (rows.length === 0) return [];
  const documents = documentsOf(w);
  const due = await documents.messages('messages.cid = ANY($1::bigint[]) AND messages.due = 1', [
    rows.map((row) => integer(row, 'cid')),
  ]);
  const rids = [...rows, ...due.map(({ row }) => row)].flatMap((row) => maybeInteger(row, 'rid') ?? []);
  const records = await documents.records(rids);
  const placed = new Map<number, Opening<readonly PackedMessageWork[]>>();
  for (const { row } of due) {
    const rid = maybeInteger(row, 'rid');
    if (rid !== undefined && !placed.has(rid)) placed.set(rid, await settledOpening(documents, rid));
  }
  return openEach(
    w,
    'assemble',
    inOrder(rows, by('due_at'), by('cid')),
    options,
    (row, claim): PackedWork => ({
      stage: 'assemble',
      ...claim,
      account: text(row, 'account'),
      adapter: text(row, 'adapter'),
      messages: due
        .filter((one) => one.row.cid === row.cid)
        .flatMap((one) => withPlace(one, records, placed)),
      last: lastRecord(records, maybeInteger(row, 'rid')),
    }),
  );
}

async function settledOpening(
  documents: Documents,
  rid: number,
): Promise<Opening<readonly PackedMessageWork[]>> {
  try {
    return { opened: await documents.messagesIn(rid) };
  } catch (thrown) {
    if (isDamage(thrown)) return { damage: thrown };
    throw thrown;
  }
}

function withPlace(
  one: { readonly row: Row; readonly message: Opening<PackedMessageWork | undefined> },
  records: ReadonlyMap<number, Opening<OpenedRecord>>,
  placed: ReadonlyMap<number, Opening<readonly PackedMessageWork[]>>,
): readonly PackedMessageWork[] {
  const message = orThrow(one.message);
  if (!message) return [];
  const rid = maybeInteger(one.row, 'rid');
  const record = rid === undefined ? undefined : orThrow(records.get(rid));
  if (rid === undefined || !record) return [message];
  return [{ ...message, placed: { record: record.doc, messages: orThrow(placed.get(rid)) ?? [] } }];
}

/** A damaged record is no reason to hold up what its citizen says now: they get a new one. */
function lastRecord(
  records: ReadonlyMap<number, Opening<OpenedRecord>>,
  rid: number | undefined,
): string | undefined {
  const record = rid === undefined ? undefined : records.get(rid);
  return record && 'opened' in record ? record.opened.doc : undefined;
}

const notifySql = leaseSql('notify', `t.open = 1 AND ${ofAccounts}`, 't.due_at, t.nid', {
  set: ', verdict = 0',
});

async function claimNotices(w: Writing, options: ClaimOptions): Promise<readonly PackedWork[]> {
  const rows = await lease(w, notifySql, options, [options.accounts ?? null]);
  if (rows.length === 0) return [];
  const documents = documentsOf(w);
  const records = await documents.records(rows.map((row) => integer(row, 'rid')));
  // All notices of the same events, the claimed ones with their record's key among them.
  const all = await w.all(
    `SELECT notices.*, ${recordColumns} FROM notices JOIN records USING (rid)
     WHERE notices.rid = ANY($1::bigint[]) AND event_id = ANY($2::text[]) ORDER BY step, nid`,
    [rows.map((row) => integer(row, 'rid')), rows.map((row) => text(row, 'event_id'))],
  );
  return openEach(w, 'notify', inOrder(rows, by('due_at'), by('nid')), options, (row, claim) => {
    const own = all.find((one) => one.nid === row.nid);
    const notice = own && documents.notice(own);
    const record = orThrow(records.get(integer(row, 'rid')));
    if (!notice || !record) return undefined;
    const earlier = all
      .filter((one) => one.event_id === row.event_id && one.nid !== row.nid && one.state !== 'pending')
      .flatMap((one) => documents.notice(one) ?? []);
    return { stage: 'notify' as const, ...claim, notice, record: record.doc, earlier };
  });
}

/** The promise of a record becomes a row only when it rings: most are met before. */
const ringSql = `WITH ringing AS (
    SELECT rid, id, promise_rings_at FROM records WHERE promise_rings_at <= $1 ORDER BY promise_rings_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
  ), rung AS (
    UPDATE records SET promise_rings_at = NULL FROM ringing WHERE records.rid = ringing.rid RETURNING records.rid
  )
  INSERT INTO timers (id, kind, rid, due_at) SELECT 'promise:' || id, 'promise', rid, promise_rings_at FROM ringing ON CONFLICT DO NOTHING`;

const timerSql = leaseSql('timer', 't.code IS NULL', 't.due_at, t.id', { set: ', fresh = 0' });

async function claimTimers(w: Writing, options: ClaimOptions): Promise<readonly PackedWork[]> {
  w.send(ringSql, [options.now, options.max]);
  const rows = await lease(w, timerSql, options);
  if (rows.length === 0) return [];
  const documents = documentsOf(w);
  const rids = rows.flatMap((row) => maybeInteger(row, 'rid') ?? []);
  const records = await documents.records(rids);
  const ids = new Map(
    (await w.all('SELECT rid, id FROM records WHERE rid = ANY($1::bigint[])', [rids])).map((row) => [
      integer(row, 'rid'),
      text(row, 'id'),
    ]),
  );
  return openEach(w, 'timer', inOrder(rows, by('due_at')), options, (row, claim): PackedWork => {
    const rid = maybeInteger(row, 'rid');
    const recordId = rid === undefined ? undefined : ids.get(rid);
    return {
      stage: 'timer',
      ...claim,
      timer: {
        id: text(row, 'id'),
        kind: text(row, 'kind'),
        dueAt: integer(row, 'due_at'),
        ...(recordId !== undefined && { recordId }),
      },
      record: rid === undefined ? undefined : orThrow(records.get(rid))?.doc,
    };
  });
}
