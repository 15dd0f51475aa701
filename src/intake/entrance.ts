import {
  type Change,
  canonicalNumber,
  type MessageReceipt,
  type MessageSubmission,
  RefusedRequest,
  type SokRecord,
  TransientError,
  toEpoch,
  toInstant,
} from '@kapi/contract';
import { writeEvent } from './changes.ts';
import { contactErrors } from './contact-errors.ts';
import type { Actor } from './gateway.ts';
import { canonicalJson, sha256 } from './hash.ts';
import type { House } from './house.ts';
import { joinedRecord } from './join.ts';
import { unknownNames } from './known-names.ts';
import type { AccountSettings } from './settings.ts';
import { toMessage } from './to-message.ts';
import { type Said, toRecord } from './to-record.ts';
import { filesOf, noFiles } from './upload.ts';

/** Where an entrance's envelope says which record it made or joined. */
export const recordHeader = 'kapi-record';

/** The entrance account a submission belongs to: never a provider's, whose keys and media are its own. */
export function entranceAccount(house: House, submission: MessageSubmission, actor: Actor): AccountSettings {
  const id = submission.account ?? actor.account;
  if (actor.bound && id !== actor.account) {
    throw new RefusedRequest('wrong_account', `This key hands in messages for «${actor.account}» alone.`, {
      errors: [{ pointer: '/account', message: `not «${actor.account}»` }],
    });
  }
  const account = house.settings().accounts.get(id);
  if (account === undefined || !account.enabled || !account.entrance) {
    throw new RefusedRequest('unknown_account', `No enabled entrance «${id}» exists.`, {
      errors: [{ pointer: '/account', message: 'no enabled entrance of that name' }],
    });
  }
  return account;
}

/** @throws RefusedRequest `invalid_request` naming all that a message lacks beyond its schema, and names that are none */
function requireContent(house: House, submission: MessageSubmission): void {
  const said = (submission.text ?? '').trim() !== '' || (submission.attachments?.length ?? 0) > 0;
  const errors = [
    ...(said ? [] : [{ pointer: '/text', message: 'required where there is no attachment' }]),
    ...unknownNames({ unit: submission.unit }, house.settings()),
  ];
  if (errors.length > 0)
    throw new RefusedRequest('invalid_request', 'Fields are missing or wrong.', { errors });
}

const threadNumber = (thread: string | undefined): string | undefined =>
  thread === undefined ? undefined : canonicalNumber(thread);

/** The record a message is to join, where it names one and may (promise 9); else the number it is only linked to. */
async function threadOf(
  house: House,
  submission: MessageSubmission,
  actor: Actor,
): Promise<{ join?: SokRecord; related: string[] }> {
  if (submission.thread === undefined) return { related: [] };
  const number = threadNumber(submission.thread);
  const view = number === undefined ? undefined : await house.reader.record({ number });
  if (view === undefined) {
    throw new RefusedRequest('invalid_request', 'The record named in thread does not exist.', {
      errors: [{ pointer: '/thread', message: 'no such record' }],
    });
  }
  return actor.scopes.has('records:join')
    ? { join: view.record, related: [] }
    : { related: [view.record.number] };
}

/**
 * One message in by an own entrance: envelope, message and record in one durable transaction, so that
 * number and PIN in the answer are final. The same key with the same content answers as before; with
 * other content it is refused and nothing is stored.
 */
export async function receive(
  house: House,
  submission: MessageSubmission,
  idempotencyKey: string,
  actor: Actor,
  tries = 6,
): Promise<MessageReceipt> {
  requireContent(house, submission);
  const account = entranceAccount(house, submission, actor);
  const now = house.clock.now();
  const { join, related } = await threadOf(house, submission, actor);
  const envelopeId = house.ids.uuid();
  const files = await filesOf(house, submission, actor, envelopeId);

  const bytes = JSON.stringify(submission);
  const contentHash =
    files === noFiles
      ? sha256(bytes)
      : sha256(canonicalJson([{ ...submission, attachments: undefined }, files.identity]));
  const content = toMessage(submission, idempotencyKey, files.references);
  const saidAt = submission.occurredAt === undefined ? now : Math.min(now, toEpoch(submission.occurredAt));
  const said: Said = {
    id: house.ids.uuid(),
    revision: 1,
    content,
    parts: files.parts,
    receivedAt: now,
    saidAt,
  };
  const written =
    join === undefined
      ? await newRecord(house, said, account, actor, related)
      : writeEvent(
          join,
          joinedRecord(join, [said], house.settings().lexicon),
          {
            id: house.ids.uuid(),
            name: 'message_added',
            at: now,
            actor: actor.name,
            data: { messageId: said.id },
          },
          house.settings(),
          house.planNotices,
        );

  const changes: Change[] = [
    {
      do: 'put-message',
      item: { envelopeId, account: account.id, key: idempotencyKey, contentHash },
      message: {
        id: said.id,
        account: account.id,
        adapter: account.adapter,
        envelopeId,
        channel: content.channel,
        receivedAt: now,
        saidAt,
        content,
      },
      placement: { place: 'in-record', recordId: written.record.id },
    },
    ...files.parts.map((part): Change => ({ do: 'put-part', envelopeId, part })),
    ...written.changes,
    ...files.uploads.map(
      (upload): Change => ({
        do: 'use-upload',
        id: upload.id,
        owner: actor.name,
        recordId: written.record.id,
      }),
    ),
  ];
  const [outcome] = await house.pipeline.accept([
    {
      envelope: {
        id: envelopeId,
        adapter: account.adapter,
        account: account.id,
        receivedAt: toInstant(now),
        contentType: 'application/json; charset=utf-8',
        headers: { [recordHeader]: written.record.id },
        body: Buffer.from(bytes),
      },
      key: idempotencyKey,
      contentHash,
      changes,
    },
  ]);
  if (outcome?.result === 'accepted') {
    return toReceipt(written.record, false, submission);
  }
  // The store has answered that it wrote nothing: the number made for this record is in nobody's hands.
  if (outcome !== undefined && join === undefined) house.numbers.giveBack(written.record.number, now);
  if (outcome?.result === 'repeated') {
    if (!outcome.sameContent) {
      throw new RefusedRequest(
        'idempotency_conflict',
        'This key was used before with other content; nothing was stored.',
      );
    }
    const known = outcome.record && (await house.reader.record({ id: outcome.record.id }));
    if (known) return toReceipt(known.record, true, submission);
    throw new RefusedRequest('not_found', 'This message was received before and has been erased since.');
  }
  // Somebody else wrote to the record it joins: look at that again.
  if (outcome?.code === 'version_conflict' && tries > 1)
    return receive(house, submission, idempotencyKey, actor, tries - 1);
  if (outcome?.code === 'unknown_upload')
    throw new RefusedRequest('unknown_upload', 'An attachment names an upload that is used already.');
  throw new TransientError('store_unavailable', 'The message could not be stored now.', {
    retryAfterMs: 5000,
  });
}

function toReceipt(
  record: SokRecord,
  duplicate: boolean,
  { citizen, thread }: MessageSubmission,
): MessageReceipt {
  const promise = record.deadlines.find(({ kind }) => kind === '48h');
  const joined = record.number === threadNumber(thread);
  const warnings = contactErrors(citizen);
  return {
    id: record.id,
    number: record.number,
    // Numbers can be guessed: whoever joins a record is not thereby let into its tracking page.
    ...(!joined && { trackingPin: record.trackingPin, trackingToken: record.trackingToken }),
    ...(thread !== undefined && { thread: joined ? 'joined' : 'linked' }),
    ...(promise && { promiseDueAt: promise.dueAt }),
    duplicate,
    ...(warnings.length > 0 && { warnings }),
  };
}

async function newRecord(
  house: House,
  said: Said,
  account: AccountSettings,
  actor: Actor,
  related: string[],
) {
  const settings = house.settings();
  const number = house.numbers(said.receivedAt);
  const id = house.ids.uuid();
  const record = toRecord(
    {
      id,
      number: typeof number === 'string' ? number : await number,
      trackingPin: house.ids.pin(),
      trackingToken: house.tracking.tokenOf(id),
      createdBy: actor.name,
      related,
    },
    [said],
    account,
    settings,
  );
  return writeEvent(
    undefined,
    record,
    { id: house.ids.uuid(), name: 'received', at: said.receivedAt, actor: actor.name, data: {} },
    settings,
    house.planNotices,
  );
}
