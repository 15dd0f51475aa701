import {
  maskTcknsIn,
  type NoticeKind,
  type RecordEvent,
  type SokRecord,
  type Status,
  statusLabels,
} from '@kapi/contract';
import { languageOf, plannedDateOf, promiseHours, wordsOf } from './kinds.ts';
import type { Fits, NoticeAccount } from './ports.ts';
import { type NoticeLanguage, render, type TemplateSet, type Templates, type Values } from './templates.ts';

/** What the house puts into texts; the same for every notice. */
export interface House {
  readonly institution: string;
  /** Language where the citizen's is unknown. */
  readonly language: NoticeLanguage;
  readonly templates: TemplateSet;
  /** Address of the tracking page as it stands in an SMS, without scheme; the token follows a slash. */
  readonly shortUrl: string;
  /** The same page in full, e.g. `https://kapi.example.org/takip`. */
  readonly trackingUrl: string;
  readonly unitName: (id: string) => string | undefined;
  readonly fits: Fits;
}

export interface Text {
  /** Key path in the language file. */
  readonly template: string;
  readonly subject?: string;
  readonly text: string;
  readonly language: NoticeLanguage;
}

const englishStatus: Readonly<Record<Status, string>> = {
  draft: 'draft',
  received: 'received',
  incomplete: 'waiting for information',
  queued: 'in the queue',
  accepted: 'accepted',
  forwarded: 'forwarded',
  in_progress: 'in progress',
  answered: 'answered',
  closed: 'closed',
  cancelled: 'cancelled',
  duplicate: 'duplicate',
};
const arabicStatus: Readonly<Record<Status, string>> = {
  draft: 'مسودة',
  received: 'مستلم',
  incomplete: 'بانتظار معلومات',
  queued: 'قيد الانتظار',
  accepted: 'مقبول',
  forwarded: 'محال إلى الجهة المعنية',
  in_progress: 'قيد المعالجة',
  answered: 'تمت الإجابة',
  closed: 'منتهٍ',
  cancelled: 'ملغى',
  duplicate: 'مكرر',
};
const statusWords = { tr: statusLabels, en: englishStatus, ar: arabicStatus };

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

function valuesOf(house: House, record: SokRecord, event: RecordEvent, form: 'short' | 'email'): Values {
  const unitId =
    typeof event.data.unit === 'string' ? event.data.unit : (record.route.unit ?? record.route.partner);
  const unit = unitId === undefined ? undefined : house.unitName(unitId);
  const hours = promiseHours(record);
  const words = wordsOf(event);
  const plannedDate = plannedDateOf(event);
  const reason = typeof event.data.reason === 'string' ? event.data.reason : undefined;
  return {
    number: record.number,
    pin: record.trackingPin,
    link: `${form === 'short' ? house.shortUrl : house.trackingUrl}/${record.trackingToken}`,
    institution: house.institution,
    status: statusWords[languageOf(record, house.language)][record.status],
    ...(hours !== undefined && { promiseHours: hours }),
    ...(words !== undefined && { text: maskTcknsIn(words) }),
    ...(unit !== undefined && { unit }),
    ...(reason !== undefined && { reason: maskTcknsIn(reason) }),
    ...(plannedDate !== undefined && { plannedDate: civilDate(plannedDate) }),
  };
}

/** `2026-11-24` → `24.11.2026`. */
const civilDate = (date: string): string => date.replace(/^(\d{4})-(\d{2})-(\d{2}).*$/, '$3.$2.$1');

/** A rendering no longer than `max`: the citizen's text gives way, the rest stays. */
function renderWithin(template: string, values: Values, max: number | null): string {
  const whole = render(template, values);
  if (max === null || whole.length <= max || values.text === undefined) return whole;
  const room = values.text.length - (whole.length - max) - 1;
  return render(template, { ...values, text: `${values.text.slice(0, Math.max(0, room)).trimEnd()}…` });
}

function pairOf(templates: Templates, kind: Exclude<NoticeKind, 'receipt'>, event: RecordEvent) {
  if (kind !== 'status') return { key: kind, pair: templates[kind] };
  if (wordsOf(event) === undefined) {
    const entry = Object.entries(templates.status).find(([name]) => name === event.name)?.[1];
    if (entry) return { key: `status.${event.name}`, pair: entry };
  }
  return { key: 'status.text', pair: templates.status.text };
}

/** The text of a notice for one account. Pure. */
export function compose(
  house: House,
  record: SokRecord,
  event: RecordEvent,
  kind: NoticeKind,
  account: NoticeAccount,
  neutral: boolean,
): Text {
  const language = languageOf(record, house.language);
  const templates = house.templates[language];
  const form = account.reply.addresses === 'email' ? 'email' : 'short';
  const values = valuesOf(house, record, event, form);
  const max = account.reply.maxCharacters;

  if (neutral) {
    const text = renderWithin(templates.neutral[kind], values, max);
    const subject = form === 'email' ? { subject: oneLine(render(templates.neutral.subject, values)) } : {};
    return { template: `neutral.${kind}`, text, language, ...subject };
  }
  if (kind === 'receipt' && form === 'short') {
    const text = render(templates.receipt.short, values);
    if (account.channel !== 'sms' || house.fits(text).parts === 1)
      return { template: 'receipt.short', text, language };
    return { template: 'receipt.ascii', text: render(templates.receipt.ascii, values), language };
  }
  const { key, pair } =
    kind === 'receipt' ? { key: kind, pair: templates.receipt } : pairOf(templates, kind, event);
  if (form === 'short') {
    return { template: `${key}.short`, text: renderWithin(pair.short, values, max), language };
  }
  return {
    template: `${key}.email`,
    subject: oneLine(render(pair.email.subject, values)),
    text: renderWithin(pair.email.text, values, max),
    language,
  };
}
