import type { MoveNotice, PutReport } from '@kapi/contract';
import { Abort, required } from '../../shared/abort.ts';
import type { PackedNotice } from '../../shared/pack.ts';
import { integer, maybeText, type Row, text } from '../../shared/rows.ts';
import { keyed } from './records.ts';
import type { Writing } from './writing.ts';

export function putNotice(w: Writing, { notice, dueAt }: PackedNotice): void {
  const owner = keyed(w, notice.recordId);
  const taken = w.connection.get(
    'SELECT 1 AS one FROM notices WHERE event_id = ? AND kind = ? AND step = ?',
    notice.eventId,
    notice.kind,
    notice.step,
  );
  if (taken) throw new Abort({ result: 'exists', what: 'notice' });
  w.connection.run(
    `INSERT INTO notices (id, rid, event_id, kind, step, channel, account, template, language, state, created_at, sent_at, ref, reason, sealed, open, due_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    notice.id,
    owner.row,
    notice.eventId,
    notice.kind,
    notice.step,
    notice.channel,
    notice.account,
    notice.template,
    notice.language,
    notice.state,
    notice.createdAt,
    notice.sentAt ?? null,
    notice.ref ?? null,
    notice.reason ?? null,
    w.documents.sealTo(owner, `notice:${notice.id}`, notice.doc),
    notice.state === 'pending' ? 1 : 0,
    dueAt,
  );
  if (notice.state === 'pending') w.wake('notify');
}

export function moveNotice(w: Writing, change: MoveNotice): void {
  const row = required(
    w.connection.get('SELECT nid, state, account, ref FROM notices WHERE id = ?', change.id),
    'notice',
  );
  if (!change.from.some((state) => state === text(row, 'state')))
    throw new Abort({ result: 'exists', what: 'notice' });
  w.connection.run(
    `UPDATE notices SET state = ?1, ref = coalesce(?2, ref), reason = ?3, sent_at = CASE WHEN ?1 = 'sent' THEN ?4 ELSE sent_at END WHERE nid = ?5`,
    change.to,
    change.ref ?? null,
    change.reason ?? null,
    change.at,
    integer(row, 'nid'),
  );
  const ref = change.ref ?? maybeText(row, 'ref');
  if (ref !== undefined) applyWaitingReports(w, text(row, 'account'), ref);
}

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

export function putReport(w: Writing, change: PutReport): void {
  const row = noticeBy(w, change.account, change.ref);
  if (row) report(w, row, change);
  else
    w.connection.run(
      'INSERT INTO reports (account, ref, state, at, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      change.account,
      change.ref,
      change.state,
      change.at,
      change.reason ?? null,
    );
}

const noticeBy = (w: Writing, account: string, ref: string): Row | undefined =>
  w.connection.get('SELECT nid, state FROM notices WHERE ref = ? AND account = ?', ref, account);

function report(w: Writing, row: Row, change: Pick<PutReport, 'state' | 'at' | 'reason'>): void {
  const from = text(row, 'state');
  const reached = rank[from] ?? 0;
  if (change.state === 'failed' ? reached >= 3 : (rank[change.state] ?? 0) <= reached) return;
  w.connection.run(
    'UPDATE notices SET state = ?, reason = coalesce(?, reason), sent_at = coalesce(sent_at, ?) WHERE nid = ?',
    change.state,
    change.reason ?? null,
    change.at,
    integer(row, 'nid'),
  );
  if (change.state !== 'failed') return;
  // `verdict` outlives a claim that is under way: the notice is claimable again right after it.
  w.connection.run(
    'UPDATE notices SET verdict = 1, open = 1, due_at = ? WHERE nid = ?',
    change.at,
    integer(row, 'nid'),
  );
  w.wake('notify');
}

/** Reports that came before their notice was known to be sent. */
function applyWaitingReports(w: Writing, account: string, ref: string): void {
  const reports = w.connection.all(
    'SELECT state, at, reason FROM reports WHERE account = ? AND ref = ? ORDER BY at',
    account,
    ref,
  );
  if (reports.length === 0) return;
  for (const waiting of reports) {
    const state = text(waiting, 'state');
    const row = noticeBy(w, account, ref);
    const reason = maybeText(waiting, 'reason');
    if (row && (state === 'sent' || state === 'delivered' || state === 'failed'))
      report(w, row, { state, at: integer(waiting, 'at'), ...(reason !== undefined && { reason }) });
  }
  w.connection.run('DELETE FROM reports WHERE account = ? AND ref = ?', account, ref);
}
