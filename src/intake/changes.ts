import {
  type Change,
  type EventData,
  type EventName,
  meetDeadline,
  meetsPromise,
  outgoingType,
  type RecordEvent,
  type SokRecord,
  toInstant,
} from '@kapi/contract';
import { lookupsOf } from './lookups.ts';
import { destinationsOf } from './route.ts';
import type { IntakeSettings } from './settings.ts';
import { warnAt } from './to-record.ts';

/** Notices to the citizen that an event owes, planned by notify in the same transaction. Pure. */
export type PlanNotices = (record: SokRecord, event: RecordEvent) => readonly Change[];

export interface Written {
  readonly record: SokRecord;
  readonly event: RecordEvent;
  readonly changes: readonly Change[];
}

export interface EventSeed {
  readonly id: string;
  readonly name: EventName;
  readonly at: number;
  readonly actor: string;
  readonly data: EventData;
  /** Idempotency key of a posted event. */
  readonly key?: string;
}

/**
 * One step of a record: its document at the next version, the event that made it, a delivery for each
 * destination, the notices it owes, its clocks. All of it is one transaction.
 */
export function writeEvent(
  before: SokRecord | undefined,
  after: SokRecord,
  seed: EventSeed,
  settings: IntakeSettings,
  planNotices: PlanNotices,
): Written {
  const version = (before?.version ?? 0) + 1;
  const alarming = after.urgency === 'emergency' && before?.urgency !== 'emergency';
  const event: RecordEvent = {
    id: seed.id,
    recordId: after.id,
    name: seed.name,
    sequence: version,
    version,
    at: toInstant(seed.at),
    actor: seed.actor,
    data: alarming && before !== undefined ? { ...seed.data, emergency: true } : seed.data,
  };
  const notices = planNotices({ ...after, version }, event);
  const record = { ...after, version, deadlines: deadlinesAfter(after, event, notices, seed.at) };
  const destinations =
    outgoingType(seed.name) === undefined ? [] : destinationsOf(record, settings.destinations);
  // The promise's warning, where the clock runs.
  const ringsAt = before === undefined ? warnAt(record) : undefined;
  const changes: Change[] = [
    {
      do: 'put-record',
      record,
      expectedVersion: version - 1,
      lookups: lookupsOf(record),
      ...(ringsAt !== undefined && { promiseRingsAt: ringsAt }),
    },
    {
      do: 'put-event',
      event,
      destinations: destinations.map(({ id, profile }) => ({ name: id, profile })),
      ...(seed.key !== undefined && { key: seed.key }),
    },
    ...notices,
  ];
  if (alarming) changes.push(emergencyTimer(record, seed.at));
  return { record, event, changes };
}

/**
 * Where there is no way to the citizen but the tracking page, the answer that stands there is what
 * reaches them, and the 48-hour clock stops with it.
 */
function deadlinesAfter(record: SokRecord, event: RecordEvent, notices: readonly Change[], at: number) {
  const onItsWay = notices.some(
    (change) =>
      change.do === 'put-callback' || (change.do === 'put-notice' && change.notice.state === 'pending'),
  );
  return meetsPromise(event) && !onItsWay ? meetDeadline(record.deadlines, '48h', at) : record.deadlines;
}

/** The alarm that repeats until someone takes up what has become an emergency by this event. */
const emergencyTimer = ({ id }: SokRecord, dueAt: number): Change => ({
  do: 'put-timer',
  timer: { id: `emergency:${id}`, kind: 'emergency', recordId: id, dueAt },
});
