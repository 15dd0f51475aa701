import type { EventSubmission, Finding, SokRecord } from '@kapi/contract';
import { readContacts } from '../understanding/index.ts';

type Corrections = NonNullable<EventSubmission['set']>;

const byClerk = (value: unknown): Finding => ({ value, confidence: 1, from: 'clerk' });

/** The record with a clerk's values, each a finding from the clerk; `contactErrors` has judged the citizen's. Pure. */
export function correct(record: SokRecord, set: Corrections): SokRecord {
  const findings: Record<string, Finding> = { ...record.findings };
  const note = (pointer: string, value: unknown) => {
    findings[pointer] = byClerk(value);
  };
  let after: SokRecord = record;
  if (set.subject !== undefined) {
    after = { ...after, subject: set.subject };
    note('/subject', set.subject);
  }
  if (set.text !== undefined) {
    after = { ...after, body: set.text };
    note('/body', set.text);
  }
  if (set.applicationType !== undefined) {
    after = { ...after, applicationType: set.applicationType };
    note('/applicationType', set.applicationType);
  }
  if (set.topic !== undefined) {
    after = { ...after, topic: { code: set.topic, candidates: record.topic?.candidates ?? [] } };
    note('/topic/code', set.topic);
  }
  if (set.urgency !== undefined) {
    after = { ...after, urgency: set.urgency };
    note('/urgency', set.urgency);
  }
  if (set.anonymity !== undefined) {
    after = { ...after, anonymity: set.anonymity };
    note('/anonymity', set.anonymity);
  }
  if (set.place !== undefined) {
    after = {
      ...after,
      place: { ...after.place, ...set.place },
      missing: after.missing.filter((element) => element !== 'place'),
    };
    for (const [key, value] of Object.entries(set.place)) note(`/place/${key}`, value);
  }
  if (set.citizen !== undefined) {
    const citizen = correctCitizen(after.citizen, set.citizen, note);
    const reachable = citizen.phones.length + citizen.emails.length + citizen.handles.length > 0;
    after = {
      ...after,
      citizen,
      missing: after.missing.filter((element) => element !== 'contact' || !reachable),
    };
  }
  return { ...after, findings };
}

function correctCitizen(
  before: SokRecord['citizen'],
  set: NonNullable<Corrections['citizen']>,
  note: (pointer: string, value: unknown) => void,
): SokRecord['citizen'] {
  const { phone, email, tckn, taxNo, needs, ...plain } = set;
  let after: SokRecord['citizen'] = { ...before };
  for (const [key, value] of Object.entries(plain)) {
    if (value === undefined) continue;
    after = { ...after, [key]: value };
    note(`/citizen/${key}`, value);
  }
  if (needs !== undefined) after = { ...after, needs };
  const read = readContacts({
    phones: phone === undefined ? undefined : [phone],
    emails: email === undefined ? undefined : [email],
    tckn,
    taxNo,
  });
  if (read.tckn !== undefined) {
    after = { ...after, tckn: read.tckn.digits, tcknStatus: read.tckn.status };
    note('/citizen/tckn', read.tckn.digits);
  }
  if (read.taxNo !== undefined) {
    after = { ...after, taxNo: read.taxNo };
    note('/citizen/taxNo', read.taxNo);
  }
  const [number] = read.phones;
  if (number !== undefined) {
    after = { ...after, phones: [number, ...before.phones.filter((other) => other !== number)] };
    note('/citizen/phones/0', number);
  }
  const [address] = read.emails;
  if (address !== undefined) {
    after = { ...after, emails: [address, ...before.emails.filter((other) => other !== address)] };
    note('/citizen/emails/0', address);
  }
  return after;
}
