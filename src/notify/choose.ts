import type { Channel, Notice, NoticeKind, SokRecord } from '@kapi/contract';
import type { NoticeAccount } from './ports.ts';

export type Choice =
  | {
      readonly do: 'send';
      readonly account: NoticeAccount;
      readonly to: string;
      /** Number and neutral text only. */
      readonly neutral: boolean;
    }
  | { readonly do: 'callback'; readonly reason: string; readonly phone?: string }
  | { readonly do: 'suppress'; readonly reason: string };

/** Channels too many would be a nuisance, not an answer. */
const maxSteps = 4;

/** Kinds that carry what the case is about. */
const carriesContent: ReadonlySet<NoticeKind> = new Set(['question', 'status', 'answer']);

/** Who prefers these wants to be spoken to. */
const spoken: ReadonlySet<Channel> = new Set(['phone', 'switchboard', 'mayor_call']);

const isMobile = (phone: string): boolean => !phone.startsWith('+90') || phone.startsWith('+905');

function addressesOf(account: NoticeAccount, { citizen }: SokRecord): readonly string[] {
  switch (account.reply.addresses) {
    case 'phone':
      return citizen.phones.filter(isMobile);
    case 'email':
      return citizen.emails;
    case 'handle':
      return citizen.handles.filter((handle) => handle.account === account.id).map(({ handle }) => handle);
  }
}

/**
 * The order of trying: the channel the citizen asked for, the one they came by, SMS, e-mail. What the
 * case is about goes by foreign platforms last, since only neutral words may stand there. A
 * confidential or anonymous applicant is written to by the first two ways alone, at their first
 * address: any other might be read by somebody else.
 */
function accountsInOrder(
  record: SokRecord,
  kind: NoticeKind,
  accounts: readonly NoticeAccount[],
): NoticeAccount[] {
  const wished = accounts.filter(({ channel }) => channel === record.citizen.preferredReply);
  const cameBy = accounts.filter(({ id }) => id === record.account);
  if (record.anonymity !== 'open') return [...new Set([...wished, ...cameBy])];
  const byChannel = (channel: Channel) => accounts.filter((account) => account.channel === channel);
  const rest = [...cameBy, ...byChannel('sms'), ...byChannel('email')];
  const sorted = carriesContent.has(kind)
    ? rest.toSorted((a, b) => Number(a.abroad) - Number(b.abroad))
    : rest;
  return [...new Set([...wished, ...sorted])];
}

/**
 * The next way to the citizen, given what was tried for the same event: an address that failed is not
 * tried again, a channel whose fate is unknown neither. With none left a person must call whoever left
 * any contact, even one that none of our accounts can serve; a confidential applicant's task has no
 * number in it: whoever takes it finds a way that nobody else hears. A receipt that never had a way
 * makes no task, since the citizen was shown the number where they wrote. Pure.
 */
export function choose(
  record: SokRecord,
  kind: NoticeKind,
  accounts: readonly NoticeAccount[],
  tried: readonly Pick<Notice, 'account' | 'to' | 'channel' | 'state'>[] = [],
): Choice {
  const { preferredReply, phones, needs } = record.citizen;
  const phone = needs.includes('noPhone') ? undefined : phones[0];
  const open = record.anonymity === 'open';
  if (open && tried.length === 0 && phone !== undefined && preferredReply !== undefined) {
    if (spoken.has(preferredReply) && (kind === 'answer' || kind === 'question')) {
      return { do: 'callback', reason: `${kind}-by-phone-wished`, phone };
    }
  }
  const doubtful = new Set(tried.filter(({ state }) => state === 'unknown').map(({ channel }) => channel));
  for (const account of tried.length < maxSteps ? accountsInOrder(record, kind, accounts) : []) {
    if (doubtful.has(account.channel)) continue;
    const addresses = addressesOf(account, record);
    const to = (open ? addresses : addresses.slice(0, 1)).find(
      (address) => !tried.some((notice) => notice.account === account.id && notice.to === address),
    );
    if (to !== undefined) return { do: 'send', account, to, neutral: account.abroad || !open };
  }
  const contacts = phones.length + record.citizen.emails.length + record.citizen.handles.length;
  if (!open) {
    return contacts === 0 || record.anonymity === 'anonymous' || !carriesContent.has(kind)
      ? { do: 'suppress', reason: 'confidential' }
      : { do: 'callback', reason: `${kind}-confidential` };
  }
  if (kind === 'survey') return { do: 'suppress', reason: 'no-channel' };
  if (tried.length === 0 && (kind === 'receipt' || contacts === 0))
    return { do: 'suppress', reason: 'no-channel' };
  const reason = tried.length === 0 ? `${kind}-without-channel` : `${kind}-failed`;
  return { do: 'callback', reason, ...(phone !== undefined && { phone }) };
}
