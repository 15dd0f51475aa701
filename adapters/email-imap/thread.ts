import { type InboundMessage, numbersIn } from '@kapi/contract';
import { noticeOfMessageId, numberOfReplyAddress } from './address.ts';
import { addressesOf, messageIdsIn } from './address-fields.ts';
import type { Config } from './config.ts';
import type { MailHeaders } from './headers.ts';

/** Which case a mail says it belongs to, and whether that is proved (a stranger cannot join a case). */
export function threadOf(
  headers: MailHeaders,
  own: { readonly subject: string; readonly text: string },
  dmarc: boolean,
  config: Config,
): InboundMessage['thread'] {
  const references = messageIdsIn([headers.first('in-reply-to'), headers.first('references')]).map(
    (id) => noticeOfMessageId(config, id) ?? id,
  );
  const signed = signedNumber(headers, config);
  // The signature proves this one number; others in the text are only claims and would borrow the proof.
  if (signed !== undefined) return { numbers: [signed], references, proof: 'signed-address' };
  const numbers = numbersIn(`${own.subject}\n${own.text.slice(0, 20_000)}`);
  if (numbers.length === 0 && references.length === 0) return undefined;
  return { numbers, references, ...(dmarc ? { proof: 'dmarc' as const } : {}) };
}

function signedNumber(headers: MailHeaders, config: Config): string | undefined {
  for (const name of ['to', 'cc', 'delivered-to', 'x-original-to', 'envelope-to']) {
    for (const field of headers.all(name)) {
      for (const { address } of addressesOf(field)) {
        const number = numberOfReplyAddress(config, address);
        if (number !== undefined) return number;
      }
    }
  }
  return undefined;
}

/**
 * True where our own mail server wrote that DMARC passed for the domain of the one From address.
 * RFC 8601: only fields of a trusted authserv-id count, and of those the topmost, which is the newest.
 */
export function dmarcPassed(headers: MailHeaders, config: Config): boolean {
  const from = headers.all('from').flatMap((field) => addressesOf(field));
  const domain = from.length === 1 ? from[0]?.address.split('@')[1] : undefined;
  if (domain === undefined || config.trustedAuthservIds.length === 0) return false;
  const trusted = new Set(config.trustedAuthservIds.map((id) => id.toLowerCase()));
  for (const field of headers.all('authentication-results')) {
    const [service = '', ...results] = withoutComments(field).split(';');
    if (!trusted.has((/^\s*([^\s;]+)/.exec(service)?.[1] ?? '').toLowerCase())) continue;
    return results.some((result) => {
      const text = result.trim().toLowerCase();
      return (
        /^dmarc\s*=\s*pass\b/.test(text) &&
        /\bheader\.from\s*=\s*([^\s;]+)/.exec(text)?.[1]?.replace(/^.*@/, '') === domain
      );
    });
  }
  return false;
}

/** RFC 8601 values without comments and quoted strings: a sender could hide results of their own in them. */
function withoutComments(field: string): string {
  let out = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < field.length; at += 1) {
    const char = field[at] ?? '';
    if (char === '\\') at += 1;
    else if (quoted) quoted = char !== '"';
    else if (char === '"' && depth === 0) quoted = true;
    else if (char === '(') depth += 1;
    else if (char === ')') depth = Math.max(0, depth - 1);
    else if (depth === 0) out += char;
  }
  return out;
}
