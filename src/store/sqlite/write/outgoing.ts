import {
  type CloudEvent,
  type EventData,
  eventType,
  profiles,
  type RecordEvent,
  type SokRecord,
  toCloudEvent,
} from '@kapi/contract';
import type { PackedWork } from '../command.ts';
import type { Owner } from '../documents.ts';
import { bytes, fromJson, integer, maybeBytes, type Row, text, word } from '../rows.ts';
import { eventName } from '../words.ts';
import { keyed } from './records.ts';
import type { Writing } from './writing.ts';

type Outgoing = Pick<Extract<PackedWork, { stage: 'forward' }>, 'event' | 'body' | 'subject' | 'type'>;

/** The event's bytes for its profile: rendered at the first claim, from then on as stored. */
export function outgoing(w: Writing, row: Row): Outgoing {
  const owner = ownerOf(w, row);
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
  const body =
    (integer(row, 'attempt') > 0 ? storedBody(w, owner, row) : undefined) ??
    renderBody(w, owner, row, event) ??
    storedBody(w, owner, row) ??
    '';
  return {
    event,
    body: new Uint8Array(Buffer.from(body)),
    subject: text(row, 'number'),
    type: eventType(eventName(event.name)),
  };
}

/** The record's own key where it has one, from the row at hand; one that was erased gets a fresh one. */
function ownerOf(w: Writing, row: Row): Owner {
  const owner = w.documents.recordIn(row);
  return owner?.key ? owner : keyed(w, text(row, 'record_id'));
}

const bodyField = (row: Row): string => `body:${text(row, 'event_id')}:${text(row, 'profile')}`;

function storedBody(w: Writing, owner: Owner, row: Row): string | undefined {
  const stored = w.connection.get(
    'SELECT sealed FROM event_bodies WHERE position = ? AND profile = ?',
    integer(row, 'position'),
    text(row, 'profile'),
  );
  return stored && w.documents.openFrom(owner, bodyField(row), bytes(stored, 'sealed'));
}

/** Renders and keeps the bytes; undefined where another destination of the profile had them rendered before. */
function renderBody(w: Writing, owner: Owner, row: Row, event: Outgoing['event']): string | undefined {
  const doc = w.documents.recordDoc(owner, event.version);
  const rendered =
    doc === undefined
      ? withoutRecord(event, text(row, 'number'), w.institution)
      : toCloudEvent(toEvent(event), fromJson<SokRecord>(doc), word(row, 'profile', profiles), w.institution);
  const json = JSON.stringify(rendered);
  const { changes } = w.connection.run(
    'INSERT INTO event_bodies (position, profile, sealed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    integer(row, 'position'),
    text(row, 'profile'),
    w.documents.sealTo(owner, bodyField(row), json),
  );
  return changes > 0 ? json : undefined;
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
  type: eventType(eventName(event.name)),
  source: `kapi/${institution}`,
  subject: number,
  sequence: event.sequence,
  time: event.at,
  datacontenttype: 'application/json',
  data: { number, event: { name: event.name } },
});
