import {
  type AdapterContext,
  RejectedError,
  type Reply,
  type ReplyDraft,
  type ReplyReceipt,
} from '@kapi/contract';
import { bounceAddress, messageIdOf, ownDomain, replyAddress } from './address.ts';
import { loopHeader } from './classify.ts';
import type { Config } from './config.ts';
import { messageIdOfKey } from './content-key.ts';
import { submit } from './submit.ts';

/** Mails to citizens: threaded, proof against loops, and with a bounce address that names the notice. */
export const reply: Reply<Config> = { send };

/** @throws TransientError · RejectedError `provider_rejected`; a plain Error where nobody can know whether it was taken */
async function send(draft: ReplyDraft, context: AdapterContext<Config>): Promise<ReplyReceipt> {
  const { config } = context;
  const to = checked(draft);
  const { from, raw } = await compose(draft, to, config);
  await submit({ from, to, raw }, context);
  return { ref: messageIdOf(config, draft.idempotencyKey), warnings: [] };
}

/** Nothing of a draft may add a header line or a recipient of its own. */
function checked(draft: ReplyDraft): string {
  const { idempotencyKey, subject, recordNumber, inReplyTo, references = [] } = draft;
  const oneLine = [idempotencyKey, subject, recordNumber, inReplyTo, ...references, draft.to];
  if (oneLine.some((text) => text !== undefined && /[\r\n\0]/.test(text))) {
    throw new RejectedError('provider_rejected', 'A field of the mail contains a line break');
  }
  const to = draft.to.trim();
  if (!/^[^\s<>@,;:"()[\]\\]{1,64}@[^\s<>@,;:"()[\]\\]{1,253}$/.test(to)) {
    throw new RejectedError('provider_rejected', 'The recipient is not a mail address');
  }
  return to;
}

/** The bytes of a mail and its envelope sender. Pure but for the Date header. */
async function compose(
  draft: ReplyDraft,
  to: string,
  config: Config,
): Promise<{ readonly from: string; readonly raw: Buffer }> {
  const number = draft.recordNumber;
  const thread = threadHeaders(draft);
  const bounce = bounceAddress(config, draft.idempotencyKey);
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer/index.js');
  const composer = new MailComposer({
    from: { name: config.displayName, address: config.address },
    to: { name: '', address: to },
    replyTo: (number === undefined ? undefined : replyAddress(config, number)) ?? config.address,
    subject: subjectOf(draft),
    text: draft.text,
    messageId: `<${messageIdOf(config, draft.idempotencyKey)}>`,
    ...thread,
    headers: {
      [loopHeader]: `${draft.idempotencyKey}@${ownDomain(config)}`,
      'X-Auto-Response-Suppress': 'All',
      'Content-Language': draft.language,
      ...(draft.automatic ? { 'Auto-Submitted': 'auto-replied' } : {}),
    },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // Without signed bounce addresses an automatic mail has the null sender: nothing may answer it (RFC 3834 §3.3).
  return { from: bounce ?? (draft.automatic ? '' : config.address), raw: await composer.compile().build() };
}

/** RFC 5322 §3.6.4. A message without a Message-ID of its own cannot be named. */
function threadHeaders({ inReplyTo, references = [] }: ReplyDraft) {
  const bracketed = (key: string) => {
    const id = messageIdOfKey(key);
    return id === undefined ? [] : [`<${id}>`];
  };
  const [answers] = inReplyTo === undefined ? [] : bracketed(inReplyTo);
  const all = [...references.flatMap(bracketed), ...(answers === undefined ? [] : [answers])];
  return {
    ...(answers === undefined ? {} : { inReplyTo: answers }),
    ...(all.length === 0 ? {} : { references: all.join(' ') }),
  };
}

/** `[SOK-26-0001234-9] …`: the thread survives clients that drop In-Reply-To. */
function subjectOf(draft: ReplyDraft): string {
  const subject = draft.subject ?? '';
  const number = draft.recordNumber;
  if (number === undefined || subject.includes(`[${number}]`)) return subject;
  return `[${number}] ${subject}`.trim();
}
