import { type ClaimOptions, profiles, type Stage } from '@kapi/contract';
import type { PackedMessageWork, PackedNoticeWork, PackedWork } from '../../shared/command.ts';
import { integer, maybeInteger, type Row, text, word } from '../../shared/rows.ts';
import { isDamage } from '../../shared/sealed.ts';
import { claimDeliveries } from './forward-claim.ts';
import { outgoing } from './outgoing.ts';
import { checkToken, endClaim } from './settle.ts';
import type { Writing } from './writing.ts';

/** Leases up to `max` due rows of a stage. */
export function claimWork(w: Writing, stage: Stage, options: ClaimOptions): readonly PackedWork[] {
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

type ClaimTable = 'envelopes' | 'parts' | 'conversations' | 'notices' | 'timers';
const rowKey = {
  envelopes: 'eid',
  parts: 'pid',
  conversations: 'cid',
  notices: 'nid',
  timers: 'tid',
} as const;

function lease(
  w: Writing,
  table: ClaimTable,
  row: Row,
  options: ClaimOptions,
): { token: number; attempt: number } {
  const key = rowKey[table];
  const extra = table === 'notices' ? ', verdict = 0' : table === 'timers' ? ', fresh = 0' : '';
  w.connection.run(
    `UPDATE ${table} SET lease_until = ?, token = token + 1, attempt = attempt + 1${extra} WHERE ${key} = ?`,
    options.now + options.leaseMs,
    integer(row, key),
  );
  return { token: integer(row, 'token') + 1, attempt: integer(row, 'attempt') + 1 };
}

const ofAccounts = (options: ClaimOptions): [sql: string, json: string] => [
  options.accounts ? 'AND account IN (SELECT value FROM json_each(?))' : 'AND ? IS NOT NULL',
  JSON.stringify(options.accounts ?? []),
];

/** Up to `max` rows, those that look like emergencies before all others, whatever waits. */
function urgentFirst(max: number, find: (urgent: number, max: number) => readonly Row[]): readonly Row[] {
  const urgent = find(1, max);
  return urgent.length < max ? [...urgent, ...find(0, max - urgent.length)] : urgent;
}

/**
 * Opens what one leased row needs. Where its documents are damaged, the row is parked alone, seen in
 * quarantine or among the dead letters, and the rest of the claim goes on.
 */
function opened<T>(
  w: Writing,
  stage: Stage,
  claim: { readonly id: string; readonly token: number },
  options: ClaimOptions,
  open: () => T | undefined,
): readonly T[] {
  try {
    const work = open();
    return work === undefined ? [] : [work];
  } catch (thrown) {
    if (!isDamage(thrown)) throw thrown;
    const detail = `The row ${claim.id} of ${stage} cannot be opened: ${thrown.message}`;
    const work = { stage, ...claim, ending: { end: 'parked', code: 'data_damaged', detail } } as const;
    endClaim(w, work, checkToken(w, work), options.now);
    w.damaged.push(detail);
    return [];
  }
}

function claimReads(w: Writing, options: ClaimOptions): readonly PackedWork[] {
  const [sql, accounts] = ofAccounts(options);
  return urgentFirst(options.max, (urgent, max) =>
    w.connection.all(
      `SELECT eid, id, adapter, account, sealed, blob_id, accepted_at, token, attempt FROM envelopes
       WHERE state = 'unread' AND urgent = ? AND due_at <= ? AND lease_until <= ? ${sql} ORDER BY due_at LIMIT ?`,
      urgent,
      options.now,
      options.now,
      accounts,
      max,
    ),
  ).flatMap((row) => {
    const claim = { id: text(row, 'id'), ...lease(w, 'envelopes', row, options) };
    return opened(w, 'read', claim, options, () => {
      const envelope = w.documents.openEnvelope(row);
      return (
        envelope && {
          stage: 'read' as const,
          ...claim,
          envelope,
          parts: w.documents.parts(integer(row, 'eid')),
          acceptedAt: integer(row, 'accepted_at'),
        }
      );
    });
  });
}

function claimFetches(w: Writing, options: ClaimOptions): readonly PackedWork[] {
  const [sql, accounts] = ofAccounts(options);
  return urgentFirst(options.max, (urgent, max) =>
    w.connection.all(
      `SELECT pid, eid, key, parts.state AS state, reason, parts.sealed AS sealed, parts.token AS token, parts.attempt AS attempt
       FROM parts JOIN envelopes USING (eid)
       WHERE parts.state IN ('pending', 'retrying') AND parts.urgent = ? AND parts.due_at <= ? AND parts.lease_until <= ? ${sql}
       ORDER BY parts.due_at LIMIT ?`,
      urgent,
      options.now,
      options.now,
      accounts,
      max,
    ),
  ).flatMap((row) => {
    const eid = integer(row, 'eid');
    const claim = { id: String(integer(row, 'pid')), ...lease(w, 'parts', row, options) };
    return opened(w, 'fetch', claim, options, () => {
      const envelopeRow = w.connection.get(
        'SELECT eid, adapter, account, sealed, blob_id FROM envelopes WHERE eid = ?',
        eid,
      );
      const envelope = envelopeRow && w.documents.openEnvelope(envelopeRow);
      const part = w.documents.part(w.documents.envelopeAt(eid), row);
      return envelope && part && { stage: 'fetch' as const, ...claim, envelope, part };
    });
  });
}

function claimConversations(w: Writing, options: ClaimOptions): readonly PackedWork[] {
  return w.connection
    .all(
      `SELECT cid, account, adapter, rid, token, attempt FROM conversations
       WHERE due_at <= ? AND lease_until <= ? ORDER BY due_at LIMIT ?`,
      options.now,
      options.now,
      options.max,
    )
    .flatMap((row) => {
      const claim = { id: String(integer(row, 'cid')), ...lease(w, 'conversations', row, options) };
      return opened(w, 'assemble', claim, options, () => ({
        stage: 'assemble' as const,
        ...claim,
        account: text(row, 'account'),
        adapter: text(row, 'adapter'),
        messages: dueMessages(w, integer(row, 'cid')),
        last: lastRecord(w, row),
      }));
    });
}

/** A damaged record is no reason to hold up what its citizen says now: they get a new one. */
function lastRecord(w: Writing, row: Row): string | undefined {
  try {
    return w.documents.currentDoc(maybeInteger(row, 'rid'));
  } catch (thrown) {
    if (isDamage(thrown)) return undefined;
    throw thrown;
  }
}

function dueMessages(w: Writing, cid: number): readonly PackedMessageWork[] {
  return w.connection
    .all('SELECT * FROM messages WHERE cid = ? AND due = 1 ORDER BY said_at, mid', cid)
    .flatMap((row) => {
      const message = w.documents.message(row);
      const rid = maybeInteger(row, 'rid');
      const record = w.documents.currentDoc(rid);
      if (!message || rid === undefined || record === undefined) return message ?? [];
      return { ...message, placed: { record, messages: w.documents.messagesIn(rid) } };
    });
}

function claimForwards(w: Writing, options: ClaimOptions): readonly PackedWork[] {
  const claimed = claimDeliveries(w, options);
  if (options.actor !== undefined && claimed.length > 0)
    w.audit(
      options.now,
      options.actor,
      'queue-claimed',
      options.destination ?? '',
      claimed.map((delivery) => delivery.eventId).join(' '),
    );
  return claimed.flatMap(({ row, token, attempt, urgency }) => {
    const claim = { id: String(integer(row, 'id')), token, attempt };
    return opened(w, 'forward', claim, options, () => ({
      stage: 'forward' as const,
      ...claim,
      destination: options.destination ?? '',
      profile: word(row, 'profile', profiles),
      ...outgoing(w, row),
      createdAt: integer(row, 'created_at'),
      urgency,
    }));
  });
}

function claimNotices(w: Writing, options: ClaimOptions): readonly PackedWork[] {
  const [sql, accounts] = ofAccounts(options);
  return w.connection
    .all(
      `SELECT * FROM notices WHERE open = 1 AND due_at <= ? AND lease_until <= ? ${sql} ORDER BY due_at LIMIT ?`,
      options.now,
      options.now,
      accounts,
      options.max,
    )
    .flatMap((row) => {
      const claim = { id: text(row, 'id'), ...lease(w, 'notices', row, options) };
      return opened(w, 'notify', claim, options, () => {
        const notice = w.documents.notice(row);
        const record = w.documents.currentDoc(integer(row, 'rid'));
        if (!notice || record === undefined) return undefined;
        return { stage: 'notify' as const, ...claim, notice, record, earlier: earlierNotices(w, row) };
      });
    });
}

const earlierNotices = (w: Writing, row: Row): readonly PackedNoticeWork[] =>
  w.connection
    .all(
      `SELECT * FROM notices WHERE event_id = ? AND nid <> ? AND state <> 'pending' ORDER BY step, nid`,
      text(row, 'event_id'),
      integer(row, 'nid'),
    )
    .flatMap((other) => w.documents.notice(other) ?? []);

/** The promise of a record becomes a row only when it rings: most are met before. */
function ringPromises(w: Writing, { now, max }: ClaimOptions): void {
  for (const row of w.connection.all(
    'SELECT rid, id, promise_rings_at FROM records WHERE promise_rings_at <= ? ORDER BY promise_rings_at LIMIT ?',
    now,
    max,
  )) {
    w.connection.run(
      `INSERT INTO timers (id, kind, rid, due_at) VALUES ('promise:' || ?, 'promise', ?, ?) ON CONFLICT DO NOTHING`,
      text(row, 'id'),
      integer(row, 'rid'),
      integer(row, 'promise_rings_at'),
    );
    w.connection.run('UPDATE records SET promise_rings_at = NULL WHERE rid = ?', integer(row, 'rid'));
  }
}

function claimTimers(w: Writing, options: ClaimOptions): readonly PackedWork[] {
  ringPromises(w, options);
  return w.connection
    .all(
      'SELECT * FROM timers WHERE code IS NULL AND due_at <= ? AND lease_until <= ? ORDER BY due_at LIMIT ?',
      options.now,
      options.now,
      options.max,
    )
    .flatMap((row) => {
      const rid = maybeInteger(row, 'rid');
      const claim = { id: text(row, 'id'), ...lease(w, 'timers', row, options) };
      return opened(w, 'timer', claim, options, () => {
        const recordId = rid === undefined ? undefined : w.documents.recordAt(rid)?.id;
        return {
          stage: 'timer' as const,
          ...claim,
          timer: {
            id: text(row, 'id'),
            kind: text(row, 'kind'),
            dueAt: integer(row, 'due_at'),
            ...(recordId !== undefined && { recordId }),
          },
          record: w.documents.currentDoc(rid),
        };
      });
    });
}
