import {
  type Change,
  codeOf,
  type Ending,
  type ErrorCode,
  kindOfError,
  meetsPromise,
  type Notice,
  type NoticeState,
  type NotifyWork,
  type RecordEvent,
  type ReplyDraft,
  type ReplyReceipt,
  type ReplyStatus,
  toInstant,
} from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import { toDraft } from './draft.ts';
import { hasOpenPromise } from './kinds.ts';
import { afterQuietHours, digestTemplate, receiptTurn } from './limits.ts';
import { planNextStep } from './plan.ts';
import type { NoticeAccount, Sender } from './ports.ts';
import { horizonMs, nextLook } from './retry.ts';
import { finish, move, reasonOf, retry, type StepOptions, save, wait } from './settle.ts';
import { render } from './templates.ts';

/** Tries at finding out what became of a notice that may or may not have been sent. */
const doubtTries = 6;

/**
 * One claimed notice, one step of its state machine. What makes it safe: `sending` is committed before
 * the provider hears anything, so a notice found in `sending` may have been sent. It is then asked for,
 * or sent again where the provider keeps the key, or given up as `unknown` on this channel.
 *
 * A notice has reached the citizen when its channel reports delivery or says so when asked, or, where no
 * report is made or nothing of a failure was heard within four hours, when it was sent; the 48-hour clock
 * is then met at the time of sending. A failure heard of later starts the next channel and leaves the
 * clock as it is.
 */
export async function takeStep(options: StepOptions, work: NotifyWork): Promise<void> {
  switch (work.notice.state) {
    case 'pending':
      return begin(options, work);
    case 'sending':
      return resume(options, work);
    case 'sent':
    case 'delivered':
      return look(options, work);
    case 'failed':
      return goOn(options, work, [], await nextStep(options, work), 'provider_rejected');
    case 'unknown':
    case 'suppressed':
      return finish(options, work, []);
  }
}

async function begin(options: StepOptions, work: NotifyWork): Promise<void> {
  const { clock, accounts, reader } = options;
  const { notice, record } = work;
  const now = clock.now();
  const ownCase = notice.kind === 'receipt' || notice.kind === 'answer';
  if (!ownCase && (await reader.optedOut(notice.account, notice.to))) {
    return finish(options, work, [move(work, ['pending'], 'suppressed', now, { reason: 'opted-out' })]);
  }
  if (notice.kind === 'survey' && afterQuietHours(now) > now) {
    return wait(options, work, afterQuietHours(now), 'quiet-hours');
  }
  const turn = await receiptTurn(reader, notice, record, now);
  if (turn.turn === 'wait') return wait(options, work, turn.until, 'daily-limit');
  if (turn.turn === 'suppress' || turn.turn === 'digest') {
    const limited = move(work, ['pending'], 'suppressed', now, { reason: 'daily-limit' });
    return finish(options, work, [
      limited,
      ...(turn.turn === 'digest' ? digest(options, work, turn.numbers) : []),
    ]);
  }
  const sender = accounts.sender(notice.account);
  const account = accounts.list().find(({ id }) => id === notice.account);
  if (!sender || !account) return giveUp(options, work, ['pending'], 'failed', 'account-gone');
  // Read first: what fails before `sending` is committed leaves nothing in doubt.
  const draft = await draftOf(options, work);
  const begun = await save(options, work, { end: 'extend', until: now + options.leaseMs }, [
    move(work, ['pending'], 'sending', now),
  ]);
  if (begun.result === 'saved') await send(options, work, account, sender, draft);
}

const draftOf = async ({ reader }: StepOptions, work: NotifyWork): Promise<ReplyDraft> =>
  toDraft(work, await reader.messages(work.record.id));

/** Found in `sending`: a crash, or an earlier try, left it in doubt. */
async function resume(options: StepOptions, work: NotifyWork): Promise<void> {
  const { accounts, clock } = options;
  const { notice } = work;
  const sender = accounts.sender(notice.account);
  const account = accounts.list().find(({ id }) => id === notice.account);
  if (!sender || !account || work.attempt > doubtTries)
    return giveUp(options, work, ['sending'], 'unknown', 'no-verdict');
  const ending = { end: 'extend', until: clock.now() + options.leaseMs } as const;
  if (account.reply.idempotent) {
    const draft = await draftOf(options, work);
    const begun = await save(options, work, ending, []);
    return begun.result === 'saved' ? send(options, work, account, sender, draft) : undefined;
  }
  if (!sender.lookup) return giveUp(options, work, ['sending'], 'unknown', 'no-verdict');
  let status: ReplyStatus;
  try {
    status = await sender.lookup(
      {
        idempotencyKey: notice.id,
        to: notice.to,
        text: notice.text,
        sentAfter: toInstant(notice.createdAt),
      },
      AbortSignal.timeout(options.sendTimeoutMs),
    );
  } catch (error) {
    if (kindOfError(error) === 'transient') return retry(options, work, [], error);
    return giveUp(options, work, ['sending'], 'unknown', reasonOf(error));
  }
  if (status === 'sent' || status === 'delivered') return sent(options, work, account, status);
  return giveUp(options, work, ['sending'], status, status === 'failed' ? 'lookup-failed' : 'no-verdict');
}

async function send(
  options: StepOptions,
  work: NotifyWork,
  account: NoticeAccount,
  sender: Sender,
  draft: ReplyDraft,
): Promise<void> {
  const { notice } = work;
  const signal = AbortSignal.timeout(options.sendTimeoutMs);
  let receipt: ReplyReceipt;
  try {
    failpoint('before-notice-send');
    receipt = await Promise.race([sender.send(draft, signal), rejectOn(signal)]);
  } catch (error) {
    return unsent(options, work, account, sender, error);
  }
  // From here on it is out: where this cannot be written down, the notice is found in `sending`.
  failpoint('after-notice-send');
  if (receipt.warnings.length > 0) {
    options.log.warn(
      { notice: notice.id, account: account.id, warnings: receipt.warnings },
      'a notice was sent with losses',
    );
  }
  return sent(options, work, account, 'sent', receipt.ref);
}

/** `send` threw: nothing was said, it was refused, or nobody knows. */
async function unsent(
  options: StepOptions,
  work: NotifyWork,
  account: NoticeAccount,
  sender: Sender,
  error: unknown,
): Promise<void> {
  const { notice } = work;
  const kind = kindOfError(error);
  if (kind === 'transient') {
    // It may begin anew, on this channel until its horizon.
    if (options.clock.now() - notice.createdAt < horizonMs[notice.kind]) {
      return retry(options, work, [move(work, ['sending'], 'pending', options.clock.now())], error);
    }
    return giveUp(options, work, ['sending'], 'failed', reasonOf(error), codeOf(error));
  }
  if (kind !== 'bug') return giveUp(options, work, ['sending'], 'failed', reasonOf(error), codeOf(error));
  options.log.warn({ notice: notice.id, account: account.id, error }, 'the fate of a notice is unknown');
  if (account.reply.idempotent || sender.lookup) return retry(options, work, [], error);
  return giveUp(options, work, ['sending'], 'unknown', 'no-verdict');
}

async function sent(
  options: StepOptions,
  work: NotifyWork,
  account: NoticeAccount,
  state: 'sent' | 'delivered',
  ref?: string,
): Promise<void> {
  const at = options.clock.now();
  const moved = move(work, ['sending'], state, at, ref === undefined ? {} : { ref });
  if (!(await owesPromise(options, work))) return finish(options, work, [moved]);
  if (state === 'sent' && account.reply.reports) {
    const ending = {
      end: 'retry',
      at: nextLook(at, at) ?? at,
      reason: 'awaiting-report',
      countAttempt: false,
    } as const;
    await save(options, work, ending, [moved]);
    return;
  }
  return finish(options, work, [moved], at);
}

/** Sent before, and claimed again to see whether it arrived. */
async function look(options: StepOptions, work: NotifyWork): Promise<void> {
  const { notice } = work;
  const now = options.clock.now();
  const sentAt = notice.sentAt ?? now;
  if (!(await owesPromise(options, work))) return finish(options, work, []);
  const reports = options.accounts.list().some(({ id, reply }) => id === notice.account && reply.reports);
  if (notice.state === 'sent' && reports) {
    const verdict = await verdictOf(options, notice);
    if (verdict === 'failed') return giveUp(options, work, ['sent'], 'failed', 'lookup-failed');
    if (verdict === 'delivered')
      return finish(options, work, [move(work, ['sent', 'delivered'], 'delivered', now)], sentAt);
    const next = nextLook(sentAt, now);
    if (next !== undefined) return wait(options, work, next, 'awaiting-report');
  }
  return finish(options, work, [], sentAt);
}

/** What the provider says of a notice whose report has not come, as where no address for reports is set up there. */
async function verdictOf(options: StepOptions, notice: Notice): Promise<ReplyStatus> {
  const { lookup } = options.accounts.sender(notice.account) ?? {};
  if (lookup === undefined || notice.ref === undefined) return 'unknown';
  return lookup(
    {
      ref: notice.ref,
      idempotencyKey: notice.id,
      to: notice.to,
      text: notice.text,
      sentAfter: toInstant(notice.createdAt),
    },
    AbortSignal.timeout(options.sendTimeoutMs),
  ).catch((): ReplyStatus => 'unknown');
}

async function owesPromise(options: StepOptions, { notice, record }: NotifyWork): Promise<boolean> {
  if (!(notice.kind === 'answer' || notice.kind === 'status') || !hasOpenPromise(record)) return false;
  const event = await eventOf(options, notice);
  return event !== undefined && meetsPromise(event);
}

async function eventOf({ reader }: StepOptions, notice: Notice): Promise<RecordEvent | undefined> {
  const view = await reader.record({ id: notice.recordId });
  return view?.events.find(({ id }) => id === notice.eventId);
}

async function nextStep(
  options: StepOptions,
  work: NotifyWork,
  state?: NoticeState,
): Promise<readonly Change[]> {
  const event = await eventOf(options, work.notice);
  if (!event) return [];
  const last = state === undefined ? work.notice : { ...work.notice, state };
  const earlier = work.earlier.filter(({ kind, id }) => kind === last.kind && id !== last.id);
  return planNextStep(options, work.record, event, [...earlier, last], options.clock.now());
}

/** This channel is done with; the next one, or a call-back task, stands in the same save. */
async function giveUp(
  options: StepOptions,
  work: NotifyWork,
  from: readonly NoticeState[],
  to: 'failed' | 'unknown',
  reason: string,
  code?: ErrorCode,
): Promise<void> {
  const moved = move(work, from, to, options.clock.now(), { reason });
  return goOn(
    options,
    work,
    [moved],
    await nextStep(options, work, to),
    to === 'failed' ? (code ?? 'provider_rejected') : undefined,
  );
}

/** With a next step the claim simply ends; without one a notice that was refused is a dead letter. */
async function goOn(
  options: StepOptions,
  work: NotifyWork,
  moved: readonly Change[],
  next: readonly Change[],
  refusedAs: ErrorCode | undefined,
): Promise<void> {
  const dead = refusedAs !== undefined && !next.some((change) => change.do === 'put-notice');
  const detail = `${work.notice.kind} by ${work.notice.channel} reached nobody, and no other channel is left`;
  const ending: Ending = dead ? { end: 'parked', code: refusedAs, detail } : { end: 'done' };
  const { result } = await save(options, work, ending, [...moved, ...next]);
  if (dead && result === 'saved') options.dead?.(work.notice);
}

function digest(
  { house, newId, clock }: StepOptions,
  { notice, earlier }: NotifyWork,
  numbers: readonly string[],
): Change[] {
  if (numbers.length === 0) return [];
  const template = house.templates[notice.language].receipt.digest;
  const values = { numbers: numbers.join('\n'), institution: house.institution, promiseHours: '48' };
  const now = clock.now();
  return [
    {
      do: 'put-notice',
      dueAt: now,
      notice: {
        ...notice,
        id: newId(),
        step: Math.max(notice.step, ...earlier.map(({ step }) => step)) + 1,
        template: digestTemplate,
        subject: render(template.subject, values),
        text: render(template.text, values),
        state: 'pending',
        createdAt: now,
      },
    },
  ];
}

const rejectOn = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no verdict in time')), { once: true });
  });
