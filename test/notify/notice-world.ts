import type {
  Callback,
  Change,
  Notice,
  NotifyWork,
  PutReport,
  Reader,
  RecordEvent,
  RecordView,
  Save,
  SaveOutcome,
  SokRecord,
} from '@kapi/contract';
import type { NotifyPipeline } from '../../src/notify/send.ts';

/** What the notify stage needs of a store, and what a test wants to see of it. */
export interface NoticeWorld {
  readonly pipeline: NotifyPipeline;
  readonly reader: Pick<Reader, 'record' | 'records' | 'messages' | 'optedOut'>;
}

interface Row {
  notice: Notice;
  open: boolean;
  /** A failure was reported during a claim: it ends open. */
  verdict: boolean;
  dueAt: number;
  leaseUntil: number;
  token: number;
  attempt: number;
}

interface State {
  records: Map<string, SokRecord>;
  events: RecordEvent[];
  rows: Map<string, Row>;
  callbacks: Callback[];
  reports: PutReport[];
  optedOut: Set<string>;
}

class Refused extends Error {
  readonly outcome: SaveOutcome;
  constructor(outcome: SaveOutcome) {
    super(outcome.result);
    this.outcome = outcome;
  }
}

/** The notices' part of the store port in memory: whole saves or nothing, tokens, leases, waiting reports. */
export function memoryWorld(): NoticeWorld {
  let state: State = {
    records: new Map(),
    events: [],
    rows: new Map(),
    callbacks: [],
    reports: [],
    optedOut: new Set(),
  };

  function applyReports(row: Row): void {
    const mine = state.reports.filter(
      ({ account, ref }) => account === row.notice.account && ref === row.notice.ref,
    );
    state.reports = state.reports.filter((report) => !mine.includes(report));
    for (const { state: to, at } of mine) {
      const from = row.notice.state;
      if (to === 'failed' ? from === 'sent' : to === 'delivered' && from === 'sent') {
        row.notice = { ...row.notice, state: to };
        if (to === 'failed') Object.assign(row, { open: true, verdict: true, dueAt: at });
      }
    }
  }

  function apply(change: Change): void {
    switch (change.do) {
      case 'put-record': {
        const version = state.records.get(change.record.id)?.version ?? 0;
        if (version !== change.expectedVersion)
          throw new Refused({ result: 'conflict', recordId: change.record.id, version });
        state.records.set(change.record.id, change.record);
        return;
      }
      case 'put-event':
        state.events.push(change.event);
        return;
      case 'put-notice': {
        const { notice, dueAt } = change;
        const same = ({ eventId, kind, step }: Notice) => `${eventId} ${kind} ${step}`;
        if ([...state.rows.values()].some((row) => same(row.notice) === same(notice))) {
          throw new Refused({ result: 'exists', what: 'notice' });
        }
        state.rows.set(notice.id, {
          notice,
          dueAt,
          open: notice.state === 'pending',
          verdict: false,
          leaseUntil: 0,
          token: 0,
          attempt: 0,
        });
        return;
      }
      case 'move-notice': {
        const row = state.rows.get(change.id);
        if (!row || !change.from.includes(row.notice.state))
          throw new Refused({ result: 'exists', what: 'notice' });
        row.notice = {
          ...row.notice,
          state: change.to,
          ...(change.ref !== undefined && { ref: change.ref }),
          ...(change.reason !== undefined && { reason: change.reason }),
          ...(change.to === 'sent' && { sentAt: change.at }),
        };
        applyReports(row);
        return;
      }
      case 'put-report': {
        state.reports.push(change);
        const row = [...state.rows.values()].find(({ notice }) => notice.ref === change.ref);
        if (row) applyReports(row);
        return;
      }
      case 'put-callback':
        state.callbacks.push(change.callback);
        return;
      case 'opt-out':
        state.optedOut.add(`${change.account} ${change.address}`);
        return;
      default:
        throw new Error(`not of this world: ${change.do}`);
    }
  }

  function save({ work, changes }: Save): SaveOutcome {
    const before = structuredClone(state);
    try {
      const row = work && state.rows.get(work.id);
      if (work && row?.token !== work.token) return { result: 'stale' };
      for (const change of changes) apply(change);
      if (work && row) {
        const { ending } = work;
        if (ending.end === 'extend') row.leaseUntil = ending.until;
        else {
          row.token += 1;
          row.leaseUntil = 0;
          if (ending.end === 'retry') {
            row.dueAt = ending.at;
            if (ending.countAttempt === false) row.attempt -= 1;
          } else {
            row.open = ending.end === 'done' && row.verdict;
            if (ending.end === 'parked') row.notice = { ...row.notice, state: 'failed' };
          }
        }
      }
      return { result: 'saved' };
    } catch (error) {
      state = before;
      if (error instanceof Refused) return error.outcome;
      throw error;
    }
  }

  const view = (record: SokRecord): RecordView => ({
    record,
    events: state.events
      .filter(({ recordId }) => recordId === record.id)
      .map((event, position) => ({ ...event, position })),
    notices: [...state.rows.values()]
      .map(({ notice }) => notice)
      .filter(({ recordId }) => recordId === record.id),
    callbacks: state.callbacks.filter(({ recordId }) => recordId === record.id),
    pin: { wrong: 0 },
  });

  return {
    pipeline: {
      async claim(_stage, { max, now, leaseMs, accounts }) {
        const due = [...state.rows.values()].filter(
          ({ open, dueAt, leaseUntil, notice }) =>
            open && dueAt <= now && leaseUntil <= now && (accounts?.includes(notice.account) ?? true),
        );
        const works = due.slice(0, max).flatMap((row): NotifyWork[] => {
          const record = state.records.get(row.notice.recordId);
          if (!record) return [];
          row.token += 1;
          row.attempt += 1;
          row.verdict = false;
          row.leaseUntil = now + leaseMs;
          const { notice, token, attempt } = row;
          const earlier = view(record).notices.filter(
            ({ id, eventId }) => eventId === notice.eventId && id !== notice.id,
          );
          return [structuredClone({ id: notice.id, token, attempt, notice, record, earlier })];
        });
        return works;
      },
      save: async (saves) => saves.map(save),
    },
    reader: {
      async record(ref) {
        const record = 'id' in ref ? state.records.get(ref.id) : undefined;
        return record && structuredClone(view(record));
      },
      async records({ lookups, limit, openOnly }) {
        const items = [...state.records.values()]
          .filter(
            ({ citizen, anonymity }) =>
              (lookups ?? []).some(({ value }) => citizen.emails.includes(value)) &&
              (!openOnly || anonymity === 'open'),
          )
          .slice(0, limit)
          .map((record) => ({
            ...record,
            receivedAt: Date.parse(record.receivedAt),
            confidential: record.anonymity !== 'open',
            updatedAt: 0,
            topic: '',
          }));
        return { items };
      },
      messages: async () => [],
      optedOut: async (account, address) => state.optedOut.has(`${account} ${address}`),
    },
  };
}
