import type { Envelope, FailedItem, InboundMessage, Normalized, StatusItem } from '@kapi/contract';
import { foldKey, toE164 } from '@kapi/kit';
import { mediaName, mediaPartKey } from './parts.ts';
import { readPayload, type TwilioEvent } from './payload.ts';

type MessageEvent = Extract<TwilioEvent, { kind: 'message' }>;
type StatusEvent = Extract<TwilioEvent, { kind: 'status' }>;
type ReportState = Extract<StatusItem['what'], { kind: 'report' }>['state'];

const none: Normalized = { messages: [], statuses: [], ignored: [], failed: [] };

/** Twilio's own words (https://help.twilio.com/articles/223134027, read 2026-11) and the Turkish ones, folded. */
const optOutWords = new Set([
  'stop',
  'stopall',
  'unsubscribe',
  'cancel',
  'end',
  'quit',
  'revoke',
  'optout',
  'dur',
  'iptal',
  'ret',
]);
const optInWords = new Set(['start', 'unstop', 'basla']);

const reportStates: Readonly<Record<string, ReportState | undefined>> = {
  sent: 'sent',
  delivered: 'delivered',
  read: 'read',
  undelivered: 'failed',
  failed: 'failed',
  canceled: 'failed',
};

/**
 * Errors after which this number will not take another message either, by https://www.twilio.com/docs/api/errors/…
 * (read 2026-11): not a number, opted out, not a mobile number, a landline, a landline or out of reach. 30005
 * (unknown handset) stands there by title only. Not 30004: its page names a phone without signal among the causes.
 */
const permanentErrors = new Set(['21211', '21610', '21614', '21635', '30005', '30006']);

export function normalize(envelope: Envelope): Normalized {
  const event = readPayload(envelope.contentType, envelope.body);
  return event.kind === 'status' ? fromStatus(event) : fromMessage(event);
}

function fromStatus({ sid, status, errorCode }: StatusEvent): Normalized {
  const key = `${sid}/${status}`;
  const state = Object.hasOwn(reportStates, status) ? reportStates[status] : undefined;
  if (state === undefined) return { ...none, ignored: [{ key, reason: 'intermediate-status' }] };
  const failure =
    state === 'failed'
      ? {
          permanent: permanentErrors.has(errorCode ?? ''),
          ...(errorCode === undefined ? {} : { code: errorCode }),
        }
      : {};
  return { ...none, statuses: [{ key, what: { kind: 'report', ref: sid, state, ...failure } }] };
}

function fromMessage(event: MessageEvent): Normalized {
  const { sid, from, body } = event;
  if (from.includes(':')) {
    const failed: FailedItem = {
      key: sid,
      code: 'payload_item',
      detail: 'sent over another channel than SMS',
    };
    return { ...none, failed: [failed] };
  }
  const statuses = wishOf(event);
  const lost = event.media.flatMap((media, index): readonly FailedItem[] =>
    media === undefined
      ? [
          {
            key: `${sid}/${mediaPartKey(index)}`,
            code: 'payload_item',
            detail: 'counted media without an https address',
          },
        ]
      : [],
  );
  if (statuses.length > 0 && isBareWish(body) && event.media.length === 0) {
    return { ...none, statuses, ignored: [{ key: sid, reason: 'opt-out-word' }] };
  }
  return { ...none, messages: [toMessage(event)], statuses, failed: lost };
}

function toMessage({ sid, from, body, media }: MessageEvent): InboundMessage {
  return {
    key: sid,
    channel: 'sms',
    sender: senderOf(from),
    text: body,
    attachments: media.flatMap((medium, index) =>
      medium === undefined
        ? []
        : [{ part: mediaPartKey(index), name: mediaName(medium, index), mediaType: medium.contentType }],
    ),
  };
}

/** A number, or the name or short number an institution sends under. */
function senderOf(from: string): InboundMessage['sender'] {
  const phone = toE164(from);
  return phone === undefined
    ? { id: from, kind: 'handle', proven: true }
    : { id: phone, kind: 'phone', proven: true };
}

const wordOf = (body: string): string => foldKey(body).replace(/[^a-z0-9]/g, '');
const isBareWish = (body: string): boolean => optOutWords.has(wordOf(body)) || optInWords.has(wordOf(body));

/** HELP is a message like any other: YARDIM may be a cry for it. */
function wishOf({ sid, from, body, optOutType }: MessageEvent): readonly StatusItem[] {
  const word = wordOf(body);
  const kind =
    optOutType === 'STOP' || optOutWords.has(word)
      ? 'opt-out'
      : optOutType === 'START' || optInWords.has(word)
        ? 'opt-in'
        : undefined;
  if (kind === undefined) return [];
  return [
    { key: `${sid}/${kind}`, what: { kind, address: senderOf(from).id, word: body.trim().slice(0, 32) } },
  ];
}
