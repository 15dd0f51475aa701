import type { Citizen, Finding, InboundMessage, MessageFacts, SokRecord } from '@kapi/contract';
import { kindOf } from '@kapi/contract';
import { toE164 } from '@kapi/kit';
import { type Contacts, readContacts } from './contacts.ts';
import type { Lexicon } from './lexicon.ts';

/** What is understood of one or more messages said in one breath. */
export interface Understanding {
  readonly citizen: Citizen;
  /** What stands for a telephone, an address or a number of the citizen and can be none. */
  readonly asWritten: Contacts['asWritten'];
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

const e164 = /^\+[1-9]\d{6,14}$/;
const mailed = /^[^\s<>@,;:"()]{1,64}@[^\s<>@,;:"()]{1,253}$/;

/** Addresses of senders by kind: what a message has come from can be written to, also where no form would take it. */
function sendersOf(messages: readonly InboundMessage[]) {
  const ids = (kind: 'phone' | 'email' | 'handle') =>
    messages.flatMap(({ sender }) => (sender.kind === kind && sender.id !== '' ? [sender.id] : []));
  const phones = ids('phone').map((id) => toE164(id) ?? id);
  const emails = ids('email').map((id) => id.toLowerCase());
  return {
    phones: phones.filter((id) => e164.test(id)),
    emails: emails.filter((id) => mailed.test(id)),
    handles: unique(ids('handle')),
  };
}

function citizenOf(
  messages: readonly InboundMessage[],
  facts: MessageFacts,
  account: string,
  anonymity: SokRecord['anonymity'],
  findings: Record<string, Finding>,
): Pick<Understanding, 'citizen' | 'asWritten'> {
  const language = messages.find((message) => message.language !== undefined)?.language;
  const wishes = {
    ...(language !== undefined && { language }),
    ...(facts.preferredReply !== undefined && { preferredReply: facts.preferredReply }),
    ...(facts.answerBy !== undefined && { answerBy: facts.answerBy }),
    needs: [...(facts.needs ?? [])],
  };
  if (anonymity === 'anonymous')
    return {
      citizen: { type: 'anonymous', phones: [], emails: [], handles: [], ...wishes },
      asWritten: {},
    };

  const senders = sendersOf(messages);
  // An address that a mail has come from is one, if an odd one.
  const isSender = (email: string) => senders.emails.includes(email.toLowerCase());
  const named = readContacts({ ...facts, emails: facts.emails?.filter((email) => !isSender(email)) });
  // The address it came from first: that one is sure to reach the citizen.
  const phones = unique([...senders.phones, ...named.phones]);
  const emails = unique([...senders.emails, ...named.emails]);
  for (const [index, phone] of phones.entries()) findings[`/citizen/phones/${index}`] = known(phone);
  for (const [index, email] of emails.entries()) findings[`/citizen/emails/${index}`] = known(email);

  const name = facts.name ?? messages.find(({ sender }) => sender.name !== undefined)?.sender.name;
  if (name !== undefined) findings['/citizen/name'] = facts.name === undefined ? known(name) : said(name);
  const { tckn, taxNo } = named;
  if (tckn !== undefined)
    findings['/citizen/tckn'] = { ...said(tckn.digits), confidence: tckn.status === 'valid' ? 1 : 0.5 };

  return {
    citizen: {
      type: taxNo !== undefined || facts.organisation !== undefined ? 'company' : 'person',
      ...(name !== undefined && { name }),
      ...(tckn !== undefined && { tckn: tckn.digits, tcknStatus: tckn.status }),
      ...(taxNo !== undefined && { taxNo }),
      ...(facts.organisation !== undefined && { organisation: facts.organisation }),
      phones,
      emails,
      handles: senders.handles.map((handle) => ({ account, handle })),
      ...(facts.address !== undefined && { address: facts.address }),
      ...wishes,
    },
    asWritten: named.asWritten,
  };
}

function placeOf(messages: readonly InboundMessage[], facts: MessageFacts): SokRecord['place'] {
  const pin = messages.find((message) => message.location !== undefined)?.location;
  if (Object.keys(facts.place ?? {}).length === 0 && pin === undefined) return undefined;
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
    ...citizenOf(messages, facts, account, anonymity, findings),
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
