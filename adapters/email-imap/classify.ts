import { ownDomain } from './address.ts';
import { addressesOf } from './address-fields.ts';
import type { Config } from './config.ts';
import { headerParameter, type MailHeaders } from './headers.ts';
import type { ParsedMail } from './payload.ts';

/** Written by `reply.ts` into every mail of ours; a mail that carries it has come back to us. */
export const loopHeader = 'x-kapi-id';

export type Verdict =
  | { readonly is: 'message'; readonly automatic: boolean }
  | { readonly is: 'delivery-report' }
  | {
      readonly is: 'ignored';
      readonly reason:
        | 'own-loop'
        | 'auto-reply'
        | 'read-receipt'
        | 'abuse-report'
        | 'mailing-list'
        | 'calendar-reply';
    };

/** Subjects of absence notes; they count only beside a header that says a machine wrote. */
const absence =
  /^\s*(?:automatic reply|auto(?:matic)?[- ]?reply|autoreply|out of (?:the )?office|otomatik (?:yanıt|cevap|ileti)|ofis dışında|ofiste değilim|abwesenheits|automatische antwort|réponse automatique)/i;
const daemons = /^(?:mailer-daemon|postmaster|mail-daemon|mdaemon)@/i;

/**
 * What kind of mail it is, from what its headers say. RFC 3834 (automatic responses), RFC 3462 and 3464
 * (reports), RFC 2919 (List-Id); `X-Auto-Response-Suppress` asks for silence and proves nothing alone.
 */
export function classify(headers: MailHeaders, mail: ParsedMail | undefined, config: Config): Verdict {
  if (isOurs(headers, config)) return { is: 'ignored', reason: 'own-loop' };
  const report = reportType(headers, mail);
  if (report === 'delivery-status') return { is: 'delivery-report' };
  if (report === 'disposition-notification') return { is: 'ignored', reason: 'read-receipt' };
  if (report === 'feedback-report') return { is: 'ignored', reason: 'abuse-report' };

  const submitted = word(headers.first('auto-submitted'));
  const precedence = word(headers.first('precedence'));
  const nullSender = headers.first('return-path')?.trim() === '<>';
  const from = addressesOf(headers.first('from') ?? '')[0]?.address ?? '';
  const machine = (submitted !== '' && submitted !== 'no') || nullSender;
  if (daemons.test(from) && (machine || headers.has('x-failed-recipients'))) return { is: 'delivery-report' };
  if (isAutoReply(headers, submitted, precedence, machine)) return { is: 'ignored', reason: 'auto-reply' };
  if (isList(headers, precedence, config)) return { is: 'ignored', reason: 'mailing-list' };
  if (mail?.calendarMethod === 'REPLY' && mail.text.length < 500)
    return { is: 'ignored', reason: 'calendar-reply' };
  const foreignGateway = headers.has(loopHeader);
  return { is: 'message', automatic: machine || foreignGateway || /^(?:bulk|list|junk)$/.test(precedence) };
}

const word = (value: string | undefined) => (/^[a-z_-]+/i.exec(value?.trim() ?? '')?.[0] ?? '').toLowerCase();

function isOurs(headers: MailHeaders, config: Config): boolean {
  const id = headers.first(loopHeader);
  if (id === undefined) return false;
  return (
    !id.includes('@') ||
    id
      .trim()
      .toLowerCase()
      .endsWith(`@${ownDomain(config)}`)
  );
}

function reportType(headers: MailHeaders, mail: ParsedMail | undefined): string | undefined {
  const type = headers.first('content-type') ?? '';
  const inside = mail?.reports[0]?.type.replace('message/', '').replace('global-', '');
  if (!/^\s*multipart\/report/i.test(type)) return inside;
  return headerParameter(type, 'report-type')?.toLowerCase() ?? inside;
}

function isAutoReply(headers: MailHeaders, submitted: string, precedence: string, machine: boolean): boolean {
  if (submitted === 'auto-replied' || precedence === 'auto_reply') return true;
  if (headers.has('x-autorespond') || headers.has('x-auto-reply-from')) return true;
  if (/^yes/i.test(headers.first('x-autoreply') ?? '')) return true;
  return absence.test(headers.text('subject') ?? '') && (machine || headers.has('x-auto-response-suppress'));
}

/** A list we are a member of; a List-Id of our own domain is our own address with several readers. */
function isList(headers: MailHeaders, precedence: string, config: Config): boolean {
  const id = headers.first('list-id');
  if (id !== undefined) {
    const name = /<([^<>]{1,300})>/.exec(id)?.[1] ?? id;
    return !`.${name.trim().toLowerCase()}`.endsWith(`.${ownDomain(config)}`);
  }
  return precedence === 'list' && (headers.has('list-post') || headers.has('list-unsubscribe'));
}
