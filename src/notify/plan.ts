import {
  type Change,
  type Notice,
  type NoticeKind,
  type PutNotice,
  type RecordEvent,
  type SokRecord,
  toEpoch,
} from '@kapi/contract';
import { type Choice, choose } from './choose.ts';
import { compose, type House } from './compose.ts';
import { noticeKindOf } from './kinds.ts';
import type { ReplyAccounts } from './ports.ts';

export interface PlanOptions {
  readonly house: House;
  readonly accounts: Pick<ReplyAccounts, 'list' | 'sendsNotices'>;
  readonly newId: () => string;
}

/** An applicant whose message came from an automatic sender says so in the data of the `received` event. */
const fromMachine = ({ data }: RecordEvent): boolean => data.automatic === true;

/**
 * The changes an event owes, for the same transaction as the event itself: at most one notice of step 1,
 * or a call-back task, or nothing. Its time is the event's. Pure, but for the ids.
 */
export function planNotices(options: PlanOptions, record: SokRecord, event: RecordEvent): readonly Change[] {
  const { house, accounts } = options;
  if (!accounts.sendsNotices(record.account)) return [];
  const kind = noticeKindOf(event, house.templates[house.language]);
  if (kind === undefined) return [];
  const at = toEpoch(event.at);
  const choice = choose(record, kind, accounts.list());
  if (choice.do !== 'send') return changesWithout(options, record, event, choice, at);
  const put = putNotice(options, record, event, kind, choice, 1, at);
  // An automatic sender is never answered automatically (RFC 3834); the row says that it was meant so.
  return [fromMachine(event) && kind === 'receipt' ? suppressed(put, 'automatic-sender') : put];
}

/** The step after `tried`, whose last one did not reach the citizen. Same rules, other channels. */
export function planNextStep(
  options: PlanOptions,
  record: SokRecord,
  event: RecordEvent,
  tried: readonly [...Notice[], Notice],
  at: number,
): readonly Change[] {
  const last = tried[tried.length - 1] ?? tried[0];
  const choice = choose(record, last.kind, options.accounts.list(), tried);
  if (choice.do !== 'send') return changesWithout(options, record, event, choice, at);
  const step = Math.max(...tried.map((notice) => notice.step)) + 1;
  return [putNotice(options, record, event, last.kind, choice, step, at)];
}

function changesWithout(
  { newId }: PlanOptions,
  record: SokRecord,
  event: RecordEvent,
  choice: Exclude<Choice, { do: 'send' }>,
  at: number,
): readonly Change[] {
  if (choice.do === 'suppress') return [];
  const { reason, phone } = choice;
  return [
    {
      do: 'put-callback',
      callback: {
        id: newId(),
        recordId: record.id,
        reason,
        createdAt: at,
        ...(phone !== undefined && { phone }),
        tells: [{ eventId: event.id, reason }],
      },
    },
  ];
}

function putNotice(
  { house, newId }: PlanOptions,
  record: SokRecord,
  event: RecordEvent,
  kind: NoticeKind,
  { account, to, neutral }: Extract<Choice, { do: 'send' }>,
  step: number,
  at: number,
): PutNotice {
  const notice: Notice = {
    id: newId(),
    recordId: record.id,
    eventId: event.id,
    kind,
    step,
    channel: account.channel,
    account: account.id,
    to,
    ...compose(house, record, event, kind, account, neutral),
    state: 'pending',
    createdAt: at,
  };
  return { do: 'put-notice', notice, dueAt: at };
}

const suppressed = ({ notice, ...put }: PutNotice, reason: string): PutNotice => ({
  ...put,
  notice: { ...notice, state: 'suppressed', reason },
});
