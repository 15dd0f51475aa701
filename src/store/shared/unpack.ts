import {
  channels,
  type EventData,
  type Notice,
  type Part,
  type PartRef,
  type SokRecord,
  type StoredMessage,
  type WorkOf,
} from '@kapi/contract';
import type {
  PackedEnvelopeWork,
  PackedMessageWork,
  PackedNoticeWork,
  PackedPartWork,
  PackedWork,
} from './command.ts';
import type { EnvelopeHead, PartDoc } from './pack.ts';
import { fromJson } from './rows.ts';
import { eventName, messageStates, partStates } from './words.ts';

export type Work = {
  [S in keyof WorkOf]: { readonly stage: S; readonly work: WorkOf[S]; readonly blobId?: string };
}[keyof WorkOf];

/** Work as the contract says it, from the form in which it left the writer. */
export function unpackWork(packed: PackedWork): Work {
  const { id, token, attempt } = packed;
  const claim = { id, token, attempt };
  switch (packed.stage) {
    case 'read':
      return {
        stage: 'read',
        work: {
          ...claim,
          envelope: toEnvelope(packed.envelope),
          parts: packed.parts.map(toPart),
          acceptedAt: packed.acceptedAt,
        },
        ...blobOf(packed.envelope),
      };
    case 'fetch':
      return {
        stage: 'fetch',
        work: { ...claim, ref: toPartRef(packed.part), envelope: toEnvelope(packed.envelope) },
        ...blobOf(packed.envelope),
      };
    case 'assemble':
      return {
        stage: 'assemble',
        work: {
          ...claim,
          account: packed.account,
          adapter: packed.adapter,
          messages: packed.messages.map(toMessage),
          ...(packed.last !== undefined && { last: fromJson<SokRecord>(packed.last) }),
          placed: Object.fromEntries(
            packed.messages.flatMap((message) =>
              message.placed === undefined ? [] : [[message.id, toPlaced(message.placed)]],
            ),
          ),
        },
      };
    case 'forward':
      return {
        stage: 'forward',
        work: {
          ...claim,
          destination: packed.destination,
          profile: packed.profile,
          event: {
            ...packed.event,
            name: eventName(packed.event.name),
            data: fromJson<EventData>(packed.event.data),
          },
          body: packed.body,
          subject: packed.subject,
          type: packed.type,
          createdAt: packed.createdAt,
          urgency: packed.urgency,
        },
      };
    case 'notify':
      return {
        stage: 'notify',
        work: {
          ...claim,
          notice: toNotice(packed.notice),
          record: fromJson<SokRecord>(packed.record),
          earlier: packed.earlier.map(toNotice),
        },
      };
    case 'timer':
      return {
        stage: 'timer',
        work: {
          ...claim,
          timer: packed.timer,
          ...(packed.record !== undefined && { record: fromJson<SokRecord>(packed.record) }),
        },
      };
  }
}

const blobOf = ({ blobId }: PackedEnvelopeWork): { blobId?: string } =>
  blobId === undefined ? {} : { blobId };

function toEnvelope({ id, adapter, account, head, body }: PackedEnvelopeWork): WorkOf['read']['envelope'] {
  return { id, adapter, account, ...fromJson<EnvelopeHead>(head), body };
}

const toPlaced = ({
  record,
  messages,
}: NonNullable<PackedMessageWork['placed']>): WorkOf['assemble']['placed'][string] => ({
  record: fromJson<SokRecord>(record),
  messages: messages.map(toMessage),
});

export function toMessage(packed: PackedMessageWork): StoredMessage {
  const { placed: _placed, content, parts, channel, state, ...rest } = packed;
  const knownChannel = channels.find((candidate) => candidate === channel);
  const knownState = messageStates.find((candidate) => candidate === state);
  if (!knownChannel || !knownState) throw new Error('A message has an unknown channel or state.');
  return {
    ...rest,
    channel: knownChannel,
    state: knownState,
    content: fromJson<StoredMessage['content']>(content),
    parts: parts.map(toPart),
  };
}

export const toPart = ({ doc, state, reason }: PackedPartWork): Part => {
  const found = partStates.find((candidate) => candidate === state);
  if (!found) throw new Error('A part has an unknown state.');
  return { ...fromJson<PartDoc>(doc), state: found, ...(reason !== undefined && { reason }) };
};
export const toPartRef = ({ doc }: PackedPartWork): PartRef => {
  const { value: _value, blob: _blob, ...ref } = fromJson<PartDoc>(doc);
  return ref;
};
export const toNotice = ({ clear, doc }: PackedNoticeWork): Notice => ({
  ...clear,
  ...fromJson<Pick<Notice, 'to' | 'subject' | 'text'>>(doc),
});
