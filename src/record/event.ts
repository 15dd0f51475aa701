import type { Status } from './vocabulary.ts';

/**
 * What can happen to a record. `status` is the status it leads to, none where the status stays;
 * `outgoing` is the CloudEvents type (without `kapi.record.` and `.v1`) that destinations see, none
 * where the event is for the house alone; `byPerson` events may be posted by the coordination centre.
 */
interface EventRule {
  readonly status?: Status;
  readonly outgoing?: 'received' | 'message-added' | 'amended' | 'status-changed' | 'erased';
  readonly byPerson: boolean;
  /** Meets the 48-hour promise when its text reaches the citizen (promise 8). */
  readonly meetsPromise?: true;
}

export const eventRules = {
  received: { status: 'queued', outgoing: 'received', byPerson: false },
  message_added: { outgoing: 'message-added', byPerson: false },
  amended: { outgoing: 'amended', byPerson: false },
  accepted: { status: 'accepted', outgoing: 'status-changed', byPerson: true },
  forwarded: { status: 'forwarded', outgoing: 'status-changed', byPerson: true },
  in_progress: { status: 'in_progress', outgoing: 'status-changed', byPerson: true, meetsPromise: true },
  asked: { status: 'incomplete', outgoing: 'status-changed', byPerson: true },
  answer_proposed: { outgoing: 'amended', byPerson: true },
  answered: { status: 'answered', outgoing: 'status-changed', byPerson: true, meetsPromise: true },
  closed: { status: 'closed', outgoing: 'status-changed', byPerson: true, meetsPromise: true },
  cancelled: { status: 'cancelled', outgoing: 'status-changed', byPerson: true },
  reopened: { status: 'in_progress', outgoing: 'status-changed', byPerson: true },
  restored: { status: 'queued', outgoing: 'status-changed', byPerson: true },
  corrected: { outgoing: 'amended', byPerson: true },
  rerouted: { outgoing: 'amended', byPerson: true },
  linked: { outgoing: 'amended', byPerson: true },
  unlinked: { outgoing: 'amended', byPerson: true },
  split: { outgoing: 'amended', byPerson: true },
  noted: { byPerson: true },
  transcribed: { outgoing: 'amended', byPerson: true },
  /** A person's plan, answer or reason has reached the citizen: the 48-hour clock stops. */
  promise_met: { byPerson: false },
  erased: { outgoing: 'erased', byPerson: false },
} as const satisfies Record<string, EventRule>;

export type EventName = keyof typeof eventRules;
export const eventRule = (name: EventName): EventRule => eventRules[name];
export const eventNames = Object.keys(eventRules) as readonly EventName[];
export const personEventNames = eventNames.filter((name) => eventRules[name].byPerson);

/** CloudEvents `type` of an event, or undefined where destinations do not see it. */
export function outgoingType(name: EventName): string | undefined {
  const { outgoing } = eventRule(name);
  return outgoing && `kapi.record.${outgoing}.v1`;
}

/**
 * True where this event, once it has reached the citizen, meets the 48-hour promise: its rule says so and
 * a person has given a text, a reason or a date.
 */
export function meetsPromise({
  name,
  data,
}: {
  readonly name: EventName;
  readonly data: Readonly<Record<string, unknown>>;
}): boolean {
  const given = [data.citizenText, data.reason, data.plannedDate];
  return (
    eventRule(name).meetsPromise === true &&
    given.some((value) => typeof value === 'string' && value.trim() !== '')
  );
}
