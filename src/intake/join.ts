import { type InboundMessage, openStatuses, type SokRecord } from '@kapi/contract';
import { bodyOf, type Lexicon } from '../understanding/index.ts';
import { type Said, toAttachments, toMessageRefs } from './to-record.ts';

/** Words that cannot wait: by what they say, or because their sender says so. */
export const isEmergency = ({ subject = '', text, facts }: InboundMessage, lexicon: Lexicon): boolean =>
  facts?.urgency === 'emergency' || lexicon.emergency(`${subject}\n${text}`) !== undefined;

/**
 * The record with later messages added: its body grows, nothing that stood is changed, but that an
 * emergency among them makes it one. Pure.
 */
export function joinedRecord(record: SokRecord, messages: readonly Said[], lexicon: Lexicon): SokRecord {
  const added = bodyOf(messages.map((message) => message.content));
  return {
    ...record,
    body: [record.body, added].filter((text) => text !== '').join('\n\n'),
    messages: [...record.messages, ...toMessageRefs(messages)],
    attachments: [...record.attachments, ...toAttachments(messages)],
    ...(messages.some(({ content }) => isEmergency(content, lexicon)) && { urgency: 'emergency' as const }),
  };
}

/** The record with the latest revision of all its messages. What a clerk has set stays as set. Pure. */
export function revisedRecord(record: SokRecord, messages: readonly Said[], lexicon: Lexicon): SokRecord {
  const byClerk = (pointer: string) => record.findings[pointer]?.from === 'clerk';
  const urgent = !byClerk('/urgency') && messages.some(({ content }) => isEmergency(content, lexicon));
  return {
    ...record,
    ...(!byClerk('/body') && { body: bodyOf(messages.map((message) => message.content)) }),
    ...(urgent && { urgency: 'emergency' as const }),
    messages: toMessageRefs(messages),
    attachments: toAttachments(messages),
  };
}

/** Promise 9: the sender of this message is proved to be a contact of the record. */
export function mayJoin(record: SokRecord, message: InboundMessage, account: string): boolean {
  const { sender, thread } = message;
  if (thread?.proof === 'signed-address' && thread.numbers.includes(record.number)) return true;
  if (!sender.proven) return false;
  if (sender.kind === 'email') return record.citizen.emails.includes(sender.id.toLowerCase());
  if (record.account !== account) return false;
  return sender.kind === 'phone'
    ? record.citizen.phones.includes(sender.id)
    : record.citizen.handles.some(({ handle }) => handle === sender.id);
}

/** A conversation's next words still belong to its last record while that is open and the talk is young. */
export function stillTalking(record: SokRecord, nextSaidAt: number, joinHours: number): boolean {
  const last = record.messages.at(-1);
  const lastAt = last === undefined ? 0 : Date.parse(last.at);
  return openStatuses.has(record.status) && nextSaidAt - lastAt <= joinHours * 3600_000;
}
