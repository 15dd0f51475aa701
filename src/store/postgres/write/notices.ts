import type { MoveNotice, PutReport } from '@kapi/contract';
import { Abort, required } from '../../shared/abort.ts';
import type { PackedNotice } from '../../shared/pack.ts';
import { integer, maybeText, type Row, text } from '../../shared/rows.ts';
import { sealTo } from '../../shared/sealed.ts';
import type { Writing } from './writing.ts';

export async function putNotice(w: Writing, { notice, dueAt }: PackedNotice): Promise<void> {
  const owner = await w.owners.keyed(notice.recordId);
  w.add('notices', [
    owner.row,
    await w.id(),
    notice.id,
    notice.eventId,
    notice.kind,
    notice.step,
    notice.channel,
    notice.account,
    notice.template,
    notice.language,
    notice.state,
    notice.createdAt,
    notice.sentAt,
    notice.ref,
    notice.reason,
    sealTo(owner, `notice:${notice.id}`, notice.doc),
    notice.state === 'pending' ? 1 : 0,
    dueAt,
  ]);
  if (notice.state === 'pending') w.wake('notify');
}

export async function moveNotice(w: Writing, change: MoveNotice): Promise<void> {
  const [found] = await w.all('SELECT rid, nid, state, account, ref FROM notices WHERE id = $1 FOR UPDATE', [
    change.id,
  ]);
  const row = required(found, 'notice');
  if (!change.from.some((state) => state === text(row, 'state')))
    throw new Abort({ result: 'exists', what: 'notice' });
  w.send(
    `UPDATE notices SET state = $3, ref = coalesce($4, ref), reason = $5, sent_at = CASE WHEN $3 = 'sent' THEN $6 ELSE sent_at END WHERE rid = $1 AND nid = $2`,
    [...keyOf(row), change.to, change.ref ?? null, change.reason ?? null, change.at],
  );
  const ref = change.ref ?? maybeText(row, 'ref');
  if (ref !== undefined) await applyWaitingReports(w, text(row, 'account'), ref);
}

const keyOf = (row: Row): [rid: number, nid: number] => [integer(row, 'rid'), integer(row, 'nid')];

/** How far a notice has come; a report only moves it on. */
const rank: Readonly<Record<string, number>> = {
  pending: 0,
  sending: 1,
  unknown: 1,
  sent: 2,
  delivered: 3,
  failed: 4,
  suppressed: 4,
};

export async function putReport(w: Writing, change: PutReport): Promise<void> {
  await takeTurn(w, change.account, change.ref);
  const row = await noticeBy(w, change.account, change.ref);
  if (row) report(w, row, change);
  else
    w.send(
      'INSERT INTO reports (account, ref, state, at, reason) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
      [change.account, change.ref, change.state, change.at, change.reason ?? null],
    );
}

/** A report and the note that its notice is sent may come at once: whichever is second sees the first. */
const takeTurn = async (w: Writing, account: string, ref: string): Promise<unknown> =>
  w.all('SELECT pg_advisory_xact_lock($1::int, hashtext($2))', [w.house.locks.reports, `${account}/${ref}`]);

const noticeBy = async (w: Writing, account: string, ref: string): Promise<Row | undefined> =>
  (
    await w.all('SELECT rid, nid, state FROM notices WHERE ref = $1 AND account = $2 FOR UPDATE', [
      ref,
      account,
    ])
  )[0];

function report(w: Writing, row: Row, change: Pick<PutReport, 'state' | 'at' | 'reason'>): void {
  const from = text(row, 'state');
  const reached = rank[from] ?? 0;
  if (change.state === 'failed' ? reached >= 3 : (rank[change.state] ?? 0) <= reached) return;
  // `verdict` outlives a claim that is under way: the notice is claimable again right after it.
  const failed = change.state === 'failed';
  w.send(
    `UPDATE notices SET state = $3, reason = coalesce($4, reason), sent_at = coalesce(sent_at, $5)
       ${failed ? ', verdict = 1, open = 1, due_at = $5' : ''} WHERE rid = $1 AND nid = $2`,
    [...keyOf(row), change.state, change.reason ?? null, change.at],
  );
  if (failed) w.wake('notify');
}

/** Reports that came before their notice was known to be sent. */
async function applyWaitingReports(w: Writing, account: string, ref: string): Promise<void> {
  await takeTurn(w, account, ref);
  const reports = await w.all(
    'DELETE FROM reports WHERE account = $1 AND ref = $2 RETURNING state, at, reason',
    [account, ref],
  );
  for (const waiting of [...reports].sort((a, b) => integer(a, 'at') - integer(b, 'at'))) {
    const state = text(waiting, 'state');
    const row = await noticeBy(w, account, ref);
    const reason = maybeText(waiting, 'reason');
    if (row && (state === 'sent' || state === 'delivered' || state === 'failed'))
      report(w, row, { state, at: integer(waiting, 'at'), ...(reason !== undefined && { reason }) });
  }
}
