import { type Change, type EventSubmission, RefusedRequest, type SokRecord } from '@kapi/contract';
import { writeEvent } from './changes.ts';
import type { Actor } from './gateway.ts';
import type { House } from './house.ts';
import { revisedRecord } from './join.ts';
import { toRecord } from './to-record.ts';

/**
 * Two matters in one record: the named messages become a record of their own, child of the first, with
 * its own number and the clock of when they were heard. Nothing is copied; each message stays in exactly
 * one record.
 */
export async function splitOff(
  house: House,
  record: SokRecord,
  submission: EventSubmission,
  actor: Actor,
): Promise<{ readonly remaining: SokRecord; readonly changes: readonly Change[] }> {
  const chosen = new Set(submission.messages ?? []);
  const messages = await house.reader.messages(record.id);
  const [first, ...others] = messages.filter((message) => chosen.has(message.id));
  const staying = messages.filter((message) => !chosen.has(message.id));
  if (first === undefined || staying.length === 0 || others.length + 1 !== chosen.size) {
    throw new RefusedRequest(
      'invalid_request',
      'A split names some, not all, of the messages of the record.',
      {
        errors: [{ pointer: '/messages', message: 'some, not all, of the messages of this record' }],
      },
    );
  }
  const settings = house.settings();
  const account = settings.accounts.get(record.account);
  if (account === undefined)
    throw new RefusedRequest('unknown_account', 'The account of the record is not configured any more.');
  const id = house.ids.uuid();
  const child = toRecord(
    {
      id,
      number: await house.numbers(house.clock.now()),
      trackingPin: house.ids.pin(),
      trackingToken: house.tracking.tokenOf(id),
      createdBy: actor.name,
      related: [],
    },
    [first, ...others],
    account,
    settings,
  );
  const written = writeEvent(
    undefined,
    // Facts stated once for the whole record hold for the child too.
    {
      ...child,
      citizen: record.citizen,
      anonymity: record.anonymity,
      links: { related: [], parent: record.number },
    },
    { id: house.ids.uuid(), name: 'received', at: house.clock.now(), actor: actor.name, data: {} },
    settings,
    house.planNotices,
  );
  return {
    remaining: revisedRecord(record, staying, settings.lexicon),
    changes: [
      ...written.changes,
      ...[first, ...others].map(
        (message): Change => ({
          do: 'place-message',
          messageId: message.id,
          revision: message.revision,
          to: { state: 'in-record', recordId: child.id },
        }),
      ),
    ],
  };
}
