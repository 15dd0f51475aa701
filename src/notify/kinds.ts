import { type NoticeKind, type RecordEvent, type SokRecord, toEpoch } from '@kapi/contract';
import { type NoticeLanguage, noticeLanguages, type Templates } from './templates.ts';

/** What an event owes the citizen. Everything else happens inside the house. */
export function noticeKindOf(event: RecordEvent, templates: Templates): NoticeKind | undefined {
  switch (event.name) {
    case 'received':
      return 'receipt';
    case 'asked':
      return 'question';
    case 'answered':
      return 'answer';
    case 'accepted':
    case 'forwarded':
    case 'in_progress':
    case 'closed':
    case 'cancelled':
    case 'reopened':
    case 'restored':
      return saysSomething(event) || templates.status[event.name] ? 'status' : undefined;
    default:
      return undefined;
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;

/** What a person says to the citizen by this event: a text, or else the reason. */
export const wordsOf = ({ data }: RecordEvent): string | undefined =>
  textOf(data.citizenText) ?? textOf(data.reason);

export const plannedDateOf = ({ data }: RecordEvent): string | undefined => textOf(data.plannedDate);

/** A date alone is a plan, and is told. */
const saysSomething = (event: RecordEvent): boolean =>
  wordsOf(event) !== undefined || plannedDateOf(event) !== undefined;

export const hasOpenPromise = (record: SokRecord): boolean =>
  record.deadlines.some(({ kind, metAt }) => kind === '48h' && metAt === undefined);

/** Language to write to the citizen in; a language we do not write gets English. */
export function languageOf(record: SokRecord, byDefault: NoticeLanguage): NoticeLanguage {
  const tag = (record.citizen.language ?? record.language)?.toLowerCase().split('-')[0];
  if (tag === undefined || tag === 'und') return byDefault;
  return noticeLanguages.find((language) => language === tag) ?? 'en';
}

/** Hours of the promise as the citizen is told them. */
export function promiseHours(record: SokRecord): string | undefined {
  const promise = record.deadlines.find(({ kind }) => kind === '48h');
  if (!promise) return undefined;
  return String(Math.round((toEpoch(promise.dueAt) - toEpoch(promise.startedAt)) / 3_600_000));
}
