import { profiles } from '@kapi/contract';
import { type Outgoing, renderEvent, toOutgoing } from '../../shared/rendering.ts';
import { bytes, integer, maybeBytes, type Row, text, word } from '../../shared/rows.ts';
import type { Owner } from '../../shared/sealed.ts';
import { keyed } from './records.ts';
import type { Writing } from './writing.ts';

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
  return toOutgoing(event, text(row, 'number'), body);
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
  const json = renderEvent(event, doc, text(row, 'number'), word(row, 'profile', profiles), w.institution);
  const { changes } = w.connection.run(
    'INSERT INTO event_bodies (position, profile, sealed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    integer(row, 'position'),
    text(row, 'profile'),
    w.documents.sealTo(owner, bodyField(row), json),
  );
  return changes > 0 ? json : undefined;
}
