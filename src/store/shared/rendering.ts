import {
  type CloudEvent,
  type EventData,
  eventType,
  type Profile,
  type RecordEvent,
  type SokRecord,
  toCloudEvent,
} from '@kapi/contract';
import type { PackedWork } from './command.ts';
import { fromJson } from './rows.ts';
import { eventName } from './words.ts';

/** A delivery as it leaves the engine. */
export type Outgoing = Pick<Extract<PackedWork, { stage: 'forward' }>, 'event' | 'body' | 'subject' | 'type'>;

/** The JSON of an event for a profile; `doc` is the record's version it led to, absent where that has been erased. */
export function renderEvent(
  event: Outgoing['event'],
  doc: string | undefined,
  number: string,
  profile: Profile,
  institution: string,
): string {
  return JSON.stringify(
    doc === undefined
      ? withoutRecord(event, number, institution)
      : toCloudEvent(toEvent(event), fromJson<SokRecord>(doc), profile, institution),
  );
}

export const toOutgoing = (event: Outgoing['event'], number: string, body: string): Outgoing => ({
  event,
  body: new Uint8Array(Buffer.from(body)),
  subject: number,
  type: eventType(eventName(event.name)),
});

const toEvent = (event: Outgoing['event']): RecordEvent => ({
  ...event,
  name: eventName(event.name),
  data: fromJson<EventData>(event.data),
});

/** What can still be said of a record that has been erased: that it has. */
const withoutRecord = (event: Outgoing['event'], number: string, institution: string): CloudEvent => ({
  specversion: '1.0',
  id: event.id,
  type: eventType(eventName(event.name)),
  source: `kapi/${institution}`,
  subject: number,
  sequence: event.sequence,
  time: event.at,
  datacontenttype: 'application/json',
  data: { number, event: { name: event.name } },
});
