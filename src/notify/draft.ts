import type { NotifyWork, ReplyDraft, StoredMessage } from '@kapi/contract';

/** What the citizen said before in this case, of which a reply names the latest; more tells a client nothing. */
const maxReferences = 20;

/**
 * A notice as its adapter gets it. It answers the latest of the citizen's messages that came by the same
 * account from the address it goes to; a message of somebody else in the case is not named to them. Pure.
 */
export function toDraft(
  { notice, record }: Pick<NotifyWork, 'notice' | 'record'>,
  messages: readonly StoredMessage[],
): ReplyDraft {
  const said = messages
    .filter(({ account, content }) => account === notice.account && isSame(content.sender.id, notice.to))
    .toSorted((a, b) => a.saidAt - b.saidAt)
    .map(({ content }) => content.key);
  const inReplyTo = said.at(-1);
  const references = said.slice(0, -1).slice(-maxReferences);
  return {
    idempotencyKey: notice.id,
    to: notice.to,
    ...(notice.subject !== undefined && { subject: notice.subject }),
    text: notice.text,
    recordNumber: record.number,
    ...(inReplyTo !== undefined && { inReplyTo }),
    ...(references.length > 0 && { references }),
    automatic: notice.kind === 'receipt' || notice.kind === 'survey' || notice.kind === 'status',
    language: notice.language,
  };
}

const isSame = (sender: string, to: string): boolean => sender.toLowerCase() === to.toLowerCase();
