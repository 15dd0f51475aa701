import type { StatusItem } from '@kapi/contract';
import { messageIdOf, noticeOfBounceAddress, ownDomain } from './address.ts';
import { addressesOf, messageIdsIn } from './address-fields.ts';
import type { Config } from './config.ts';
import { type MailHeaders, readHeaders } from './headers.ts';
import type { ParsedMail } from './payload.ts';

/** RFC 3464 delivery reports, joined to the notice they are about. */

const maxRecipients = 20;
type ReportState = 'sent' | 'delivered' | 'failed';

/** RFC 3464 §2.3.3; a delay is no change, and what a relay reports is not yet delivery. */
const states: Readonly<Record<string, ReportState>> = {
  failed: 'failed',
  delivered: 'delivered',
  relayed: 'sent',
  expanded: 'sent',
  delayed: 'sent',
};

/** Our Message-ID a report is about: by the signed bounce address it came to, else by the mail it returns. */
export function reportedRef(
  headers: MailHeaders,
  mail: ParsedMail | undefined,
  config: Config,
): string | undefined {
  const recipients = ['to', 'delivered-to', 'x-original-to', 'envelope-to'].flatMap((name) =>
    headers.all(name),
  );
  for (const field of recipients) {
    for (const { address } of addressesOf(field)) {
      const notice = noticeOfBounceAddress(config, address);
      if (notice !== undefined) return messageIdOf(config, notice);
    }
  }
  const domain = `@${ownDomain(config)}`;
  const named = [
    mail?.returnedMessageId,
    ...messageIdsIn([headers.first('in-reply-to'), headers.first('references')]),
  ];
  return named.find((id) => id?.toLowerCase().endsWith(domain) === true);
}

/** One status per recipient block; a report without blocks that came to a bounce address is a failure. */
export function deliveryStatuses(
  key: string,
  ref: string,
  mail: ParsedMail | undefined,
  at: string | undefined,
): StatusItem[] {
  const text = mail?.reports.find((report) => report.type.includes('delivery-status'))?.text;
  const blocks = text === undefined ? [] : recipientBlocks(text);
  if (blocks.length === 0) return [status(`${key}#1`, ref, 'failed', undefined, at)];
  return blocks.map((block, index) => {
    const action = /^[a-z]+/i.exec(block.first('action') ?? '')?.[0].toLowerCase() ?? '';
    const code = /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(block.first('status') ?? '')?.[0];
    return status(
      `${key}#${index + 1}`,
      ref,
      states[action] ?? (code?.startsWith('2') ? 'sent' : 'failed'),
      code,
      at,
    );
  });
}

function status(
  key: string,
  ref: string,
  state: ReportState,
  code: string | undefined,
  at: string | undefined,
): StatusItem {
  return {
    key,
    ...(at === undefined ? {} : { at }),
    what: {
      kind: 'report',
      ref,
      state,
      ...(state === 'failed' ? { permanent: code === undefined || code.startsWith('5') } : {}),
      ...(code === undefined ? {} : { code }),
    },
  };
}

function recipientBlocks(text: string): MailHeaders[] {
  return text
    .split(/\r?\n[ \t]*\r?\n/, maxRecipients + 5)
    .map((block) => readHeaders(Buffer.from(block.trimStart(), 'latin1')))
    .filter((block) => block.has('action') || block.has('final-recipient'))
    .slice(0, maxRecipients);
}
