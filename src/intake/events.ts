import { createHash } from 'node:crypto';
import {
  canMove,
  civilDate,
  type EventData,
  type EventSubmission,
  eventRule,
  kindOf,
  personEventNames,
  type RecordEvent,
  RefusedRequest,
  type SokRecord,
  TransientError,
  toInstant,
  transitions,
} from '@kapi/contract';
import { type EventSeed, writeEvent } from './changes.ts';
import { contactErrors } from './contact-errors.ts';
import { correct } from './correct.ts';
import type { Actor, AppliedEvent } from './gateway.ts';
import { canonicalJson } from './hash.ts';
import type { House } from './house.ts';
import { unknownNames } from './known-names.ts';
import { checkedLink, linked, withCanonicalLink } from './link.ts';
import { splitOff } from './split.ts';

const tries = 4;

/** The id of a posted event: its own where it has no key, else the same for the same record and key. */
function eventId(house: House, recordId: string, key: string | undefined): string {
  if (key === undefined) return house.ids.uuid();
  const hex = createHash('sha256').update(`${recordId}\n${key}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * An event of the coordination centre onto its record. A repeat under the same key answers as before; an
 * illegal move is refused naming the legal ones; without If-Match two clerks' events are put in order.
 */
export async function apply(
  house: House,
  number: string,
  submission: EventSubmission,
  actor: Actor,
  expectedVersion?: number,
): Promise<AppliedEvent> {
  for (let attempt = 1; attempt <= tries; attempt++) {
    const view = await house.reader.record({ number });
    if (view === undefined) throw new RefusedRequest('not_found', 'No such record.');
    const { record } = view;
    const id = eventId(house, record.id, submission.key);
    const known = view.events.find((event) => event.id === id);
    if (known) {
      refuseOtherContent(known, submission);
      return { id, sequence: known.sequence, version: known.version, status: record.status, duplicate: true };
    }
    if (expectedVersion !== undefined && expectedVersion !== record.version) {
      throw new RefusedRequest('version_conflict', `The record is at version ${record.version}.`, {
        extra: { version: record.version },
      });
    }
    const now = house.clock.now();
    refuseUnknown(house, submission);
    const checked = await checkedLink(house, record, submission);
    const after = moved(record, checked, actor, now);
    const seed: EventSeed = {
      id,
      name: submission.event,
      at: now,
      actor: actor.name,
      data: dataOf(checked),
      ...(submission.key !== undefined && { key: submission.key }),
    };
    const split = submission.event === 'split' ? await splitOff(house, after, submission, actor) : undefined;
    const written = writeEvent(record, split?.remaining ?? after, seed, house.settings(), house.planNotices);
    const [outcome] = await house.pipeline.save([
      { changes: [...written.changes, ...(split?.changes ?? [])] },
    ]);
    if (outcome?.result === 'saved') {
      const { sequence, version } = written.event;
      return { id, sequence, version, status: written.record.status, duplicate: false };
    }
    if (outcome?.result === 'conflict' && expectedVersion !== undefined) {
      throw new RefusedRequest('version_conflict', `The record is at version ${outcome.version}.`, {
        extra: { version: outcome.version },
      });
    }
    if (outcome?.result !== 'conflict' && outcome?.result !== 'exists') break;
  }
  throw new TransientError('store_unavailable', 'The event could not be stored now.', { retryAfterMs: 2000 });
}

/** @throws RefusedRequest `idempotency_conflict` where the key stands for an event that says something else */
function refuseOtherContent({ name, data }: RecordEvent, submission: EventSubmission): void {
  // `emergency` is the house's own word.
  const { emergency: _emergency, ...said } = data;
  if (
    canonicalJson([name, said]) === canonicalJson([submission.event, dataOf(withCanonicalLink(submission))])
  )
    return;
  throw new RefusedRequest(
    'idempotency_conflict',
    'This key was used before with other content; nothing was stored.',
    { errors: [{ pointer: '/key', message: `stands for another «${name}» event of this record` }] },
  );
}

/** What the event carries beyond the record it made. */
function dataOf(submission: EventSubmission): EventData {
  const { key: _key, event: _event, ...rest } = submission;
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
}

/** The record after the event. Pure. @throws RefusedRequest `illegal_transition`, `invalid_request` */
export function moved(
  record: SokRecord,
  submission: EventSubmission,
  actor: Pick<Actor, 'name'>,
  now: number,
): SokRecord {
  const rule = eventRule(submission.event);
  requireFields(submission, now);
  refuseContacts(submission);
  const to = rule.status;
  if (to !== undefined && !canMove(record.status, to)) {
    throw new RefusedRequest(
      'illegal_transition',
      `A record that is «${record.status}» cannot become «${to}».`,
      {
        extra: { status: record.status, legal: legalEvents(record) },
      },
    );
  }
  return steps[submission.event](
    { ...record, ...(to !== undefined && { status: to }) },
    submission,
    actor,
    now,
  );
}

/** Events that the record can take now. */
export const legalEvents = (record: SokRecord): string[] =>
  personEventNames.filter((name) => {
    const to = eventRule(name).status;
    return to === undefined || transitions[record.status].includes(to);
  });

type Step = (
  record: SokRecord,
  submission: EventSubmission,
  actor: Pick<Actor, 'name'>,
  now: number,
) => SokRecord;

const same: Step = (record) => record;

const routed: Step = (record, { unit, partner }, _actor, now) => {
  if (unit === undefined && partner === undefined) return record;
  const step = {
    ...(unit !== undefined && { unit }),
    ...(partner !== undefined && { partner }),
    mode: 'manual' as const,
  };
  return {
    ...record,
    route: { ...step, history: [...record.route.history, { ...step, at: toInstant(now) }] },
  };
};

const concluded: Step = (record, { outcome, reason, plannedDate }) => {
  const result = outcome ?? record.outcome?.result;
  if (result === undefined) return record;
  return {
    ...record,
    outcome: {
      result,
      ...(reason !== undefined && { reason }),
      ...(plannedDate !== undefined && { plannedDate }),
    },
  };
};

const corrected: Step = (record, submission) => {
  const after = correct(record, submission.set ?? {});
  return submission.set?.applicationType === undefined
    ? after
    : { ...after, kind: kindOf[submission.set.applicationType] };
};

const steps: Readonly<Record<EventSubmission['event'], Step>> = {
  accepted: routed,
  forwarded: routed,
  in_progress: (record, submission, actor, now) =>
    planned(routed(record, submission, actor, now), submission, now),
  asked: same,
  answer_proposed: same,
  answered: concluded,
  closed: concluded,
  cancelled: concluded,
  reopened: same,
  restored: same,
  corrected,
  rerouted: routed,
  linked,
  unlinked: linked,
  split: same,
  noted: same,
  transcribed: corrected,
};

/** A planned date is a promise of its own: its clock runs from the day it was given. */
function planned(record: SokRecord, { plannedDate }: EventSubmission, now: number): SokRecord {
  if (plannedDate === undefined) return record;
  const dueAt = `${plannedDate}T23:59:59+03:00`;
  const kept = record.deadlines.filter(({ kind }) => kind !== 'planned');
  return {
    ...record,
    deadlines: [
      ...kept,
      { kind: 'planned', startedAt: toInstant(now), dueAt, warnAt: `${plannedDate}T08:00:00+03:00` },
    ],
  };
}

/** A clerk who corrects has the citizen's words before them: what can be no contact is not written over one. */
function refuseContacts({ set }: EventSubmission): void {
  const errors = contactErrors(set?.citizen, '/set/citizen');
  if (errors.length > 0) throw new RefusedRequest('invalid_request', 'A contact can be none.', { errors });
}

/** @throws RefusedRequest `invalid_request` for a unit, partner or topic that the configuration does not have */
function refuseUnknown(house: House, { unit, partner, set }: EventSubmission): void {
  const errors = unknownNames({ unit, partner, topic: set?.topic }, house.settings(), '/set/topic');
  if (errors.length > 0)
    throw new RefusedRequest('invalid_request', 'The configuration does not have that name.', { errors });
}

/** Outcomes that are a no: the citizen is told why (promise 7). */
const refusals: ReadonlySet<unknown> = new Set(['negative', 'invalid']);

/** Fields an event cannot do without, and dates that cannot be kept. */
function requireFields(submission: EventSubmission, now: number): void {
  const missing: Partial<Record<EventSubmission['event'], readonly (keyof EventSubmission)[]>> = {
    forwarded: submission.partner === undefined ? ['unit'] : [],
    asked: ['citizenText'],
    answer_proposed: ['citizenText'],
    answered: ['citizenText'],
    closed: ['outcome'],
    corrected: ['set'],
    transcribed: ['set'],
    linked: ['link'],
    unlinked: ['link'],
    noted: ['internalNote'],
    rerouted: submission.partner === undefined ? ['unit'] : [],
    split: ['messages'],
  };
  const errors = (missing[submission.event] ?? [])
    .filter((field) => submission[field] === undefined || submission[field] === '')
    .map((field) => ({ pointer: `/${field}`, message: `required for «${submission.event}»` }));
  const { outcome, reason, citizenText, plannedDate } = submission;
  if (refusals.has(outcome) && !reason && !citizenText)
    errors.push({
      pointer: '/reason',
      message: `required with «${outcome}», or a citizenText that says why`,
    });
  if (plannedDate !== undefined && plannedDate < civilDate(now))
    errors.push({ pointer: '/plannedDate', message: 'a day that has passed' });
  if (errors.length > 0)
    throw new RefusedRequest('invalid_request', 'The event lacks fields it needs.', { errors });
}
