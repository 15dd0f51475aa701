import type { CallbackDoc } from './pack.ts';

/** What an open call-back becomes when there is more to tell. */
export function joined(before: CallbackDoc, added: CallbackDoc): CallbackDoc {
  const known = new Set(before.tells.map(({ eventId }) => eventId));
  const news = added.tells.filter(({ eventId }) => !known.has(eventId));
  return { ...before, ...added, tells: [...before.tells, ...news] };
}

/** What it becomes when some of it has been told, and whether that was all. */
export function afterTelling(
  before: CallbackDoc,
  told: readonly string[],
  at: number,
): { readonly doc: CallbackDoc; readonly all: boolean } {
  const tells = before.tells.map((telling) =>
    told.includes(telling.eventId) && telling.toldAt === undefined ? { ...telling, toldAt: at } : telling,
  );
  return { doc: { ...before, tells }, all: tells.every(({ toldAt }) => toldAt !== undefined) };
}

/** What is sealed of a call-back. */
export const docOf = ({ reason, phone, tells }: CallbackDoc): CallbackDoc => ({
  reason,
  ...(phone !== undefined && { phone }),
  tells,
});
