import { type Envelope, type InboundMessage, type Normalized, type Part, PayloadError } from '@kapi/contract';
import { addressesOf, messageIdsIn } from './address-fields.ts';
import { classify } from './classify.ts';
import type { Config } from './config.ts';
import { contentKey, messageKey } from './content-key.ts';
import { deliveryStatuses, reportedRef } from './delivery-report.ts';
import { headerDate, type MailHeaders, readHeaders } from './headers.ts';
import { minimalText } from './minimal.ts';
import { tooLargeHeader } from './parts.ts';
import { mailPart, type ParsedMail, parsedMailOf } from './payload.ts';
import { cutQuoted, foldI } from './quote.ts';
import { cutSignature } from './signature.ts';
import { dmarcPassed, threadOf } from './thread.ts';

/** Written by the puller: the content key, which covers the whole mail and not only what was stored of it. */
export const contentKeyHeader = 'x-kapi-content-key';
/** Written by the puller: INTERNALDATE, when the mailbox had the mail. */
export const arrivedHeader = 'x-kapi-arrived';

const nothing: Normalized = { messages: [], statuses: [], ignored: [], failed: [] };
const day = 86_400_000;
/** Nobody writes more; the rest of a longer body stands in the full text only. */
const maxText = 100_000;

/** One mail is one item: a message, delivery statuses, or ignored by name. @throws PayloadError `payload_unreadable` */
export function normalize(envelope: Envelope, parts: readonly Part[], config: Config): Normalized {
  const headers = readHeaders(envelope.body);
  if (!['from', 'sender', 'subject', 'date', 'received', 'message-id'].some((name) => headers.has(name))) {
    throw new PayloadError('payload_unreadable', 'The bytes do not begin with the header of a mail');
  }
  const mail = parsedMailOf(parts);
  const messageId = messageIdsIn([headers.first('message-id')])[0];
  const key = messageKey(envelope.headers[contentKeyHeader] ?? contentKey(envelope.body), messageId);
  const verdict = classify(headers, mail, config);
  if (verdict.is === 'ignored') return { ...nothing, ignored: [{ key, reason: verdict.reason }] };
  // The mailbox had it then, however long it waited there for us.
  const arrivedAt = envelope.headers[arrivedHeader];
  const sentAt = sentAtOf(headers, envelope);
  if (verdict.is === 'delivery-report') {
    const ref = reportedRef(headers, mail, config);
    if (ref === undefined) return { ...nothing, ignored: [{ key, reason: 'bounce-without-ref' }] };
    return { ...nothing, statuses: deliveryStatuses(key, ref, mail, sentAt) };
  }
  const sender = senderOf(headers);
  if (sender === undefined) {
    return {
      ...nothing,
      failed: [{ key, code: 'payload_item', detail: 'The mail names no sender address' }],
    };
  }
  const subject = headers.text('subject')?.slice(0, 500) ?? '';
  const { text, full } = texts(envelope, headers, mail, subject);
  const dmarc = dmarcPassed(headers, config);
  const thread = threadOf(headers, { subject, text }, dmarc, config);
  const unread = unreadReason(envelope, parts, mail);
  const replyTo = addressesOf(headers.first('reply-to') ?? '')[0]?.address;
  const extra = {
    ...(messageId === undefined ? {} : { messageId }),
    ...(replyTo === undefined || replyTo === sender.address ? {} : { replyTo }),
    ...(unread === undefined ? {} : { unparsed: unread }),
    ...((mail?.warnings.length ?? 0) === 0 ? {} : { warnings: mail?.warnings }),
  };
  const message: InboundMessage = {
    key,
    channel: 'email',
    sender: {
      id: sender.address,
      kind: 'email',
      ...(sender.name === undefined ? {} : { name: sender.name }),
      proven: dmarc,
    },
    ...(sentAt === undefined ? {} : { sentAt }),
    ...(arrivedAt === undefined ? {} : { heardAt: arrivedAt }),
    ...(subject === '' ? {} : { subject }),
    text,
    ...(full === text ? {} : { fullText: full }),
    attachments: (mail?.attachments ?? []).map(({ part, name, mediaType }) => ({ part, name, mediaType })),
    ...(thread === undefined ? {} : { thread }),
    ...(verdict.automatic ? { automatic: true } : {}),
    facts: {
      ...(sender.name === undefined ? {} : { name: sender.name }),
      emails: [sender.address],
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    },
  };
  return { ...nothing, messages: [message] };
}

/** What the citizen wrote, and everything: mails inside included. Nothing is cut where nothing would be left. */
function texts(envelope: Envelope, headers: MailHeaders, mail: ParsedMail | undefined, subject: string) {
  const body = mail?.text ?? minimalText(envelope.body);
  const nested = (mail?.nested ?? []).map(
    (inner) => `\n\n--- ${inner.subject} (${inner.from}, ${inner.date}) ---\n\n${inner.text}`,
  );
  const reply =
    headers.has('in-reply-to') ||
    headers.has('references') ||
    /^\s*(?:re|ynt|yan|cvp|cevap|yanit|aw)\s*:/i.test(foldI(subject));
  const forwarded = /^\s*(?:fwd?|ilt|yön|wg|tr)\s*:/i.test(foldI(subject));
  const quoted = cutQuoted(body.slice(0, maxText), { reply, forwarded });
  return { text: cutSignature(quoted.text).text, full: `${body}${nested.join('')}`.slice(0, 1_000_000) };
}

function senderOf(headers: MailHeaders) {
  for (const name of ['from', 'sender', 'reply-to', 'return-path']) {
    const found = addressesOf(headers.first(name) ?? '')[0];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The Date header where it can be true: not after the mail reached us, not from another century. */
function sentAtOf(headers: MailHeaders, envelope: Envelope): string | undefined {
  const date = headerDate(headers.first('date') ?? '');
  if (date === undefined) return undefined;
  const sent = Date.parse(date);
  return sent > Date.parse(envelope.receivedAt) + day || sent < Date.UTC(2000, 0, 1) ? undefined : date;
}

/** Why the message is only what a minimal reader found. */
function unreadReason(
  envelope: Envelope,
  parts: readonly Part[],
  mail: ParsedMail | undefined,
): string | undefined {
  if (mail !== undefined) return undefined;
  if (envelope.headers[tooLargeHeader] !== undefined) return 'too-large';
  return parts.find((part) => part.key === mailPart)?.reason ?? 'parser';
}
