import {
  applicationTypeLabels,
  applicationTypes,
  eventNames,
  type OutgoingEvent,
  statuses,
  statusLabels,
  urgencies,
  urgencyLabels,
} from '@kapi/contract';
import { z } from 'zod';
import { withoutTckn } from './tckn-guard.ts';

/** What a mail shows of an event; the `minimal` profile has little of it. */
const shownEvent = z.object({
  data: z.object({
    subject: z.string().optional(),
    body: z.string().optional(),
    applicationType: z.enum(applicationTypes).optional(),
    status: z.enum(statuses).optional(),
    urgency: z.enum(urgencies).optional(),
    receivedAt: z.string().optional(),
    topic: z.object({ code: z.string().optional() }).optional(),
    place: z
      .object({
        district: z.string().optional(),
        neighbourhood: z.string().optional(),
        street: z.string().optional(),
        doorNo: z.string().optional(),
        text: z.string().optional(),
      })
      .optional(),
    deadlines: z.array(z.object({ kind: z.string(), dueAt: z.string() })).optional(),
    attachments: z.array(z.unknown()).optional(),
    event: z.object({ name: z.enum(eventNames), citizenText: z.string().optional() }).optional(),
  }),
});
type Shown = z.output<typeof shownEvent>['data'];

export interface MailAddresses {
  readonly from: string;
  readonly fromName: string | undefined;
  readonly to: string;
  readonly replyTo: string | undefined;
}

/**
 * The mail of one event: bytes that are the same on every retry, under the Message-ID `<event id@domain>`.
 * Marked as written by a machine (RFC 3834) so that nothing answers it, and with our own `X-Kapi-Id` so
 * that our own mailbox knows it again. No TCKN stands in it, whatever field it came in.
 */
export async function toMail(event: OutgoingEvent, addresses: MailAddresses): Promise<Buffer> {
  const json: unknown = JSON.parse(Buffer.from(event.body).toString());
  const { data } = shownEvent.parse(json);
  const number = oneLine(event.subject);
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer/index.js');
  const composer = new MailComposer({
    from: { name: oneLine(addresses.fromName ?? ''), address: addresses.from },
    to: addresses.to,
    ...(addresses.replyTo !== undefined && { replyTo: addresses.replyTo }),
    subject: `[${number}] ${toSubject(data)}`,
    date: new Date(event.time),
    messageId: `<${event.id}@${addresses.from.slice(addresses.from.lastIndexOf('@') + 1)}>`,
    headers: {
      'X-SOK-No': number,
      'X-Kapi-Id': event.id,
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
    },
    text: toText(event, data),
    attachments: [
      {
        filename: `${number}-${event.sequence}.json`,
        content: guarded(event.body, json),
        contentType: 'application/cloudevents+json',
        contentTransferEncoding: 'base64',
      },
    ],
    baseBoundary: event.id,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return await composer.compile().build();
}

/** The bytes as they are, or where a TCKN slipped past the profile, the same document with it masked. */
function guarded(body: Uint8Array, json: unknown): Buffer {
  const plain = JSON.stringify(json);
  const clean = JSON.stringify(json, (_key, value: unknown) => {
    if (typeof value === 'string') return withoutTckn(value);
    return typeof value === 'number' && withoutTckn(String(value)) !== String(value)
      ? withoutTckn(String(value))
      : value;
  });
  return Buffer.from(clean === plain ? body : clean);
}

/** No control, line-break or direction characters: nothing a header could be broken with. */
const oneLine = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();

function toSubject(data: Shown): string {
  const topic = data.subject || data.body?.slice(0, 200) || data.topic?.code || '';
  const label =
    data.event?.name === 'received' || data.status === undefined
      ? data.applicationType && applicationTypeLabels[data.applicationType]
      : statusLabels[data.status];
  const urgency = data.urgency !== undefined && data.urgency !== 'normal' && urgencyLabels[data.urgency];
  const text = oneLine([urgency, label, topic].filter((part) => part).join(' – '));
  return withoutTckn([...text].slice(0, 120).join(''));
}

function toText(event: OutgoingEvent, data: Shown): string {
  const place = data.place;
  const address = [
    place?.district,
    place?.neighbourhood,
    place?.street,
    place?.doorNo && `No ${place.doorNo}`,
  ];
  const lines = [
    ['Kayıt no', event.subject],
    ['Tür', data.applicationType && applicationTypeLabels[data.applicationType]],
    ['Aciliyet', data.urgency && urgencyLabels[data.urgency]],
    ['Durum', data.status && statusLabels[data.status]],
    ['Konu', data.subject],
    ['Konu kodu', data.topic?.code],
    ['Yer', address.filter((part) => part).join(', ')],
    ['Yer tarifi', place?.text],
    ['Geliş', data.receivedAt && readable(data.receivedAt)],
    ['48 saat sonu', readable(data.deadlines?.find(({ kind }) => kind === '48h')?.dueAt)],
    ['Ek sayısı', data.attachments?.length ? String(data.attachments.length) : undefined],
  ].flatMap(([label, value]) => (value ? [`${label}: ${oneLine(value)}`] : []));
  const blocks = [
    lines.join('\n'),
    data.body,
    data.event?.citizenText && `Vatandaşa yazılan:\n${data.event.citizenText}`,
    [
      '---- kapı ----',
      `X-SOK-No: ${oneLine(event.subject)}`,
      `X-SOK-Event: ${event.type}`,
      `X-SOK-Sequence: ${event.sequence}`,
      `X-SOK-Id: ${event.id}`,
    ].join('\n'),
  ];
  return withoutTckn(`${blocks.filter((block) => block).join('\n\n')}\n`);
}

/** `2026-11-22T09:14:03+03:00` → `22.11.2026 09:14`. */
function readable(instant: string | undefined): string | undefined {
  return instant?.replace(/^(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2}).*$/, '$3.$2.$1 $4');
}
