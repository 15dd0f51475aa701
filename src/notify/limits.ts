import { type Notice, type Reader, type SokRecord, toEpoch, toInstant } from '@kapi/contract';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Start of the civil day in Türkiye. */
const dayStart = (at: number): number => toEpoch(`${toInstant(at).slice(0, 10)}T00:00:00+03:00`);

/** Surveys rest from nine in the evening to nine in the morning; nothing else does. */
export function afterQuietHours(now: number): number {
  const morning = dayStart(now) + 9 * hourMs;
  const evening = dayStart(now) + 21 * hourMs;
  if (now < morning) return morning;
  return now < evening ? now : morning + dayMs;
}

/** Receipts to one address a day: a loop between two machines, or a form filled with somebody's number, ends here. */
export const receiptsPerDay = 10;

export type Turn =
  | { readonly turn: 'send' }
  | { readonly turn: 'wait'; readonly until: number }
  | { readonly turn: 'digest'; readonly numbers: readonly string[] }
  | { readonly turn: 'suppress' };

export const digestTemplate = 'receipt.digest';

/**
 * Whether this receipt goes out by itself. The first ten records of an address and day have a receipt
 * each; by mail the eleventh waits for the end of the day and lists the numbers from there on; the rest
 * send none. The place in the day follows from the records themselves, so nothing is counted or kept.
 */
export async function receiptTurn(
  reader: Pick<Reader, 'records'>,
  notice: Notice,
  record: SokRecord,
  now: number,
): Promise<Turn> {
  if (notice.kind !== 'receipt' || notice.template === digestTemplate) return { turn: 'send' };
  const kind = lookupKindOf(notice.to);
  if (kind === undefined) return { turn: 'send' };
  const from = dayStart(toEpoch(record.receivedAt));
  const query = {
    lookups: [{ kind, value: notice.to }],
    receivedFrom: from,
    receivedTo: from + dayMs - 1,
    order: 'oldest',
  } as const;
  const { items } = await reader.records({ ...query, limit: receiptsPerDay + 1 });
  const place = items.findIndex(({ id }) => id === record.id);
  if (place >= 0 && place < receiptsPerDay) return { turn: 'send' };
  if (place !== receiptsPerDay || kind === 'phone')
    return { turn: items.length <= receiptsPerDay ? 'send' : 'suppress' };
  if (now < from + dayMs) return { turn: 'wait', until: from + dayMs };
  const numbers: string[] = [];
  const own = items[receiptsPerDay]?.receivedAt ?? from;
  let cursor: string | undefined;
  do {
    const page = await reader.records({
      ...query,
      receivedFrom: own,
      openOnly: true,
      limit: 200,
      ...(cursor !== undefined && { cursor }),
    });
    numbers.push(...page.items.filter(({ id }) => !firstTen(items, id)).map(({ number }) => number));
    cursor = page.next;
  } while (cursor !== undefined);
  return { turn: 'digest', numbers };
}

/** Platform identities cannot be typed into a form and answer nobody by machine. */
function lookupKindOf(address: string): 'email' | 'phone' | undefined {
  if (address.includes('@')) return 'email';
  return /^\+\d{7,15}$/.test(address) ? 'phone' : undefined;
}

const firstTen = (items: readonly { readonly id: string }[], id: string): boolean =>
  items.slice(0, receiptsPerDay).some((item) => item.id === id);
