import {
  type CloudEvent,
  type EventData,
  type Profile,
  profiles,
  type RecordEvent,
  type SokRecord,
  toCloudEvent,
} from '@kapi/contract';
import type { PackedWork } from '../command.ts';
import { bytes, fromJson, integer, maybeBytes, type Row, text, word } from '../rows.ts';
import { eventName } from '../words.ts';
import { keyed } from './records.ts';
import type { Writing } from './writing.ts';

type Outgoing = Pick<Extract<PackedWork, { stage: 'forward' }>, 'event' | 'body' | 'subject' | 'type'>;

/** The event's bytes for its profile: rendered at the first claim, from then on as stored. */
export function outgoing(w: Writing, row: Row): Outgoing {
  const position = integer(row, 'position');
  const profile: Profile = word(row, 'profile', profiles);
  const owner = keyed(w, text(row, 'record_id'));
  const event = {
    id: text(row, 'event_id'),
    recordId: owner.id,
    name: text(row, 'name'),
    sequence: integer(row, 'sequence'),
    version: integer(row, 'version'),
    at: text(row, 'at'),
    actor: text(row, 'actor'),
    data: w.documents.openFrom(owner, `event:${text(row, 'event_id')}`, maybeBytes(row, 'sealed')) ?? '{}',
  };
  const field = `body:${event.id}:${profile}`;
  const stored = w.connection.get(
    'SELECT sealed FROM event_bodies WHERE position = ? AND profile = ?',
    position,
    profile,
  );
  let json = stored && w.documents.openFrom(owner, field, bytes(stored, 'sealed'));
  if (json === undefined) {
    const doc = w.documents.recordDoc(owner, event.version);
    const rendered =
      doc === undefined
        ? withoutRecord(event, text(row, 'number'), w.institution)
        : toCloudEvent(toEvent(event), fromJson<SokRecord>(doc), profile, w.institution);
    json = JSON.stringify(rendered);
    w.connection.run(
      'INSERT INTO event_bodies (position, profile, sealed) VALUES (?, ?, ?)',
      position,
      profile,
      w.documents.sealTo(owner, field, json),
    );
  }
  const { type, subject } = fromJson<CloudEvent>(json);
  return { event, body: new Uint8Array(Buffer.from(json)), subject, type };
}

const toEvent = (event: Outgoing['event']): RecordEvent => ({
  ...event,
  name: eventName(event.name),
  data: fromJson<EventData>(event.data),
});

/** What can still be said of a record that has been erased: that it has. */
const withoutRecord = (event: Outgoing['event'], number: string, institution: string): CloudEvent => ({
  specversion: '1.0',
  id: event.id,
  type: `kapi.record.${event.name}.v1`,
  source: `kapi/${institution}`,
  subject: number,
  sequence: event.sequence,
  time: event.at,
  datacontenttype: 'application/json',
  data: { number, event: { name: event.name } },
});
