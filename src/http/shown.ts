import type { Callback, Notice, RecordEvent, RecordSummary, RecordView, SokRecord } from '@kapi/contract';
import {
  maskEmail,
  maskPhone,
  maskText,
  type Profile,
  project,
  projectEvent,
  toInstant,
} from '@kapi/contract';

/** What the API shows of stored things. `masked` is the default; `full` only after a reveal. Pure. */

const optionalInstant = <K extends string>(key: K, epochMs: number | undefined) =>
  epochMs === undefined ? {} : { [key]: toInstant(epochMs) };

export const showSummary = (summary: RecordSummary) => ({
  id: summary.id,
  number: summary.number,
  version: summary.version,
  status: summary.status,
  kind: summary.kind,
  applicationType: summary.applicationType,
  topic: summary.topic,
  channel: summary.channel,
  account: summary.account,
  unit: summary.unit,
  district: summary.district,
  neighbourhood: summary.neighbourhood,
  urgency: summary.urgency,
  confidential: summary.confidential,
  receivedAt: toInstant(summary.receivedAt),
  updatedAt: toInstant(summary.updatedAt),
  ...optionalInstant('promiseDueAt', summary.promiseDueAt),
  ...optionalInstant('promiseMetAt', summary.promiseMetAt),
});

export const showEvent = (
  event: RecordEvent & { readonly position: number },
  record: SokRecord,
  profile: Profile,
) => ({
  id: event.id,
  name: event.name,
  sequence: event.sequence,
  version: event.version,
  position: event.position,
  at: event.at,
  actor: event.actor,
  data: projectEvent(event.data, record.anonymity, profile),
});

const maskAddress = (to: string): string =>
  to.includes('@') ? maskEmail(to) : to.startsWith('+') ? maskPhone(to) : '***';

export const showNotice = (notice: Notice, profile: Profile, open: boolean) => ({
  id: notice.id,
  kind: notice.kind,
  step: notice.step,
  channel: notice.channel,
  account: notice.account,
  to: profile === 'full' ? notice.to : open ? maskAddress(notice.to) : '***',
  template: notice.template,
  language: notice.language,
  state: notice.state,
  createdAt: toInstant(notice.createdAt),
  ...optionalInstant('sentAt', notice.sentAt),
  reason: notice.reason && maskText(notice.reason),
  // A receipt's text carries the tracking PIN: for the citizen alone.
  ...(profile === 'full' && notice.kind !== 'receipt' && { text: notice.text }),
});

export const showCallback = (callback: Callback, profile: Profile, open = true) => ({
  id: callback.id,
  recordId: callback.recordId,
  reason: maskText(callback.reason),
  ...(callback.phone !== undefined && {
    phone: profile === 'full' ? callback.phone : open ? maskPhone(callback.phone) : '***',
  }),
  tells: callback.tells.map(({ eventId, reason, toldAt }) => ({
    eventId,
    reason,
    ...optionalInstant('toldAt', toldAt),
  })),
  createdAt: toInstant(callback.createdAt),
  ...optionalInstant('closedAt', callback.closedAt),
  closedBy: callback.closedBy,
});

export const showRecord = (view: RecordView, profile: Profile) => ({
  profile,
  record: project(view.record, profile),
  events: view.events.map((event) => showEvent(event, view.record, profile)),
  notices: view.notices.map((notice) => showNotice(notice, profile, view.record.anonymity === 'open')),
  callbacks: view.callbacks.map((callback) =>
    showCallback(callback, profile, view.record.anonymity === 'open'),
  ),
});
