import type { Citizen, Finding, InboundMessage, MessageFacts, SokRecord } from '@kapi/contract';
import { kindOf } from '@kapi/contract';
import { toE164, validTckn } from '@kapi/kit';
import type { Lexicon } from './lexicon.ts';

/** What is understood of one or more messages said in one breath. */
export interface Understanding {
  readonly citizen: Citizen;
  readonly anonymity: SokRecord['anonymity'];
  readonly applicationType: SokRecord['applicationType'];
  readonly kind: SokRecord['kind'];
  readonly urgency: SokRecord['urgency'];
  readonly subject?: string;
  readonly body: string;
  readonly language?: string;
  readonly place?: NonNullable<SokRecord['place']>;
  readonly findings: Readonly<Record<string, Finding>>;
}

/** What one sender says of themself and the channel knows, merged: a later message fills what earlier ones left open. */
function mergeFacts(messages: readonly InboundMessage[]): MessageFacts {
  const merged: Record<string, unknown> = {};
  for (const { facts } of messages) {
    for (const [key, value] of Object.entries(facts ?? {})) {
      if (value !== undefined && merged[key] === undefined) merged[key] = value;
    }
  }
  return merged;
}

const said = (value: unknown): Finding => ({ value, confidence: 1, from: 'citizen' });
const known = (value: unknown): Finding => ({ value, confidence: 1, from: 'channel' });

const unique = (values: readonly string[]): string[] => [...new Set(values)];

function citizenOf(
  messages: readonly InboundMessage[],
  facts: MessageFacts,
  account: string,
  anonymity: SokRecord['anonymity'],
  findings: Record<string, Finding>,
): Citizen {
  const language = messages.find((message) => message.language !== undefined)?.language;
  const wishes = {
    ...(language !== undefined && { language }),
    ...(facts.preferredReply !== undefined && { preferredReply: facts.preferredReply }),
    ...(facts.answerBy !== undefined && { answerBy: facts.answerBy }),
    needs: [...(facts.needs ?? [])],
  };
  if (anonymity === 'anonymous') return { type: 'anonymous', phones: [], emails: [], handles: [], ...wishes };

  const senders = messages.map((message) => message.sender);
  const senderIds = (kind: 'phone' | 'email' | 'handle') =>
    unique(senders.filter((sender) => sender.kind === kind && sender.id !== '').map((sender) => sender.id));
  // The address it came from first: that one is sure to reach the citizen.
  const phones = unique(
    [...senderIds('phone'), ...(facts.phones ?? [])].map((phone) => toE164(phone) ?? phone),
  );
  const emails = unique([...senderIds('email'), ...(facts.emails ?? [])].map((email) => email.toLowerCase()));
  for (const [index, phone] of phones.entries()) findings[`/citizen/phones/${index}`] = known(phone);
  for (const [index, email] of emails.entries()) findings[`/citizen/emails/${index}`] = known(email);

  const name = facts.name ?? senders.find((sender) => sender.name !== undefined)?.name;
  if (name !== undefined) findings['/citizen/name'] = facts.name === undefined ? known(name) : said(name);
  const digits = facts.tckn?.replace(/\D/g, '');
  const tckn = digits === '' ? undefined : digits;
  const tcknStatus = tckn !== undefined && validTckn(tckn) ? 'valid' : 'invalid';
  if (tckn !== undefined)
    findings['/citizen/tckn'] = { ...said(tckn), confidence: tcknStatus === 'valid' ? 1 : 0.5 };

  return {
    type: facts.taxNo !== undefined || facts.organisation !== undefined ? 'company' : 'person',
    ...(name !== undefined && { name }),
    ...(tckn !== undefined && { tckn, tcknStatus }),
    ...(facts.taxNo !== undefined && { taxNo: facts.taxNo }),
    ...(facts.organisation !== undefined && { organisation: facts.organisation }),
    phones,
    emails,
    handles: senderIds('handle').map((handle) => ({ account, handle })),
    ...(facts.address !== undefined && { address: facts.address }),
    ...wishes,
  };
}

function placeOf(messages: readonly InboundMessage[], facts: MessageFacts): SokRecord['place'] {
  const pin = messages.find((message) => message.location !== undefined)?.location;
  if (facts.place === undefined && pin === undefined) return undefined;
  return {
    ...(pin && {
      lat: pin.lat,
      lon: pin.lon,
      ...(pin.accuracyM !== undefined && { accuracyM: pin.accuracyM }),
      ...(pin.text !== undefined && { text: pin.text }),
    }),
    ...facts.place,
  };
}

/** The body of a record: what was said, oldest first. */
export const bodyOf = (messages: readonly InboundMessage[]): string =>
  messages
    .map((message) => message.text.trim())
    .filter((text) => text !== '')
    .join('\n\n');

/** Pure. Facts named by sender or channel are taken over; unknown stays unknown. */
export function understand(
  messages: readonly InboundMessage[],
  account: string,
  lexicon: Lexicon,
): Understanding {
  const facts = mergeFacts(messages);
  const findings: Record<string, Finding> = {};
  const body = bodyOf(messages);
  const subject = messages.find((message) => (message.subject ?? '') !== '')?.subject;

  const applicationType = facts.applicationType ?? 'complaint';
  if (facts.applicationType !== undefined) findings['/applicationType'] = said(applicationType);
  // A tip-off protects its sender unless the sender says otherwise.
  const anonymity = facts.anonymity ?? (applicationType === 'tipoff' ? 'confidential' : 'open');

  const hit = lexicon.emergency(subject === undefined ? body : `${body}\n${subject}`);
  const urgency = facts.urgency ?? (hit ? 'emergency' : 'normal');
  if (facts.urgency !== undefined) findings['/urgency'] = said(urgency);
  else if (hit) {
    findings['/urgency'] = {
      value: 'emergency',
      confidence: 0.9,
      from: 'rule',
      rule: `emergency:${hit.word}`,
      ...(hit.span[1] <= body.length && { span: [hit.span[0], hit.span[1]] }),
    };
  }

  const place = placeOf(messages, facts);
  for (const [key, value] of Object.entries(place ?? {})) findings[`/place/${key}`] = said(value);
  const language = messages.find((message) => message.language !== undefined)?.language;

  return {
    citizen: citizenOf(messages, facts, account, anonymity, findings),
    anonymity,
    applicationType,
    kind: kindOf[applicationType],
    urgency,
    ...(subject !== undefined && { subject }),
    body,
    ...(language !== undefined && { language }),
    ...(place && { place }),
    findings,
  };
}
