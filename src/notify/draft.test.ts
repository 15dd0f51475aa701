import type { Notice, StoredMessage } from '@kapi/contract';
import { expect, test } from 'vitest';
import { toDraft } from './draft.ts';
import { record, start } from './test-house.ts';

const of = record();
const notice: Notice = {
  id: 'n1',
  recordId: of.id,
  eventId: 'e1',
  kind: 'answer',
  step: 1,
  channel: 'email',
  account: 'posta',
  to: 'ayse@example.org',
  template: 'answer.email',
  subject: 'cevap',
  text: 'Onarıldı.',
  language: 'tr',
  state: 'sending',
  createdAt: start,
};

function said(key: string, minute: number, from = 'ayse@example.org', account = 'posta'): StoredMessage {
  return {
    id: key,
    account,
    adapter: 'email-imap',
    envelopeId: key,
    revision: 1,
    channel: 'email',
    receivedAt: start,
    saidAt: start + minute * 60_000,
    content: {
      key,
      channel: 'email',
      sender: { id: from, kind: 'email', proven: true },
      text: key,
      attachments: [],
    },
    parts: [],
    state: 'in-record',
  };
}

const rows: readonly [
  name: string,
  messages: readonly StoredMessage[],
  inReplyTo: string | undefined,
  references: readonly string[] | undefined,
][] = [
  ['nothing', [], undefined, undefined],
  ['the only message', [said('a', 1)], 'a', undefined],
  [
    'the latest of three, in the order they were said',
    [said('c', 3), said('a', 1), said('b', 2)],
    'c',
    ['a', 'b'],
  ],
  [
    'no message of another account',
    [said('a', 1), said('b', 2, 'ayse@example.org', 'posta-2')],
    'a',
    undefined,
  ],
  [
    'no message of somebody else in the case',
    [said('a', 1), said('b', 2, 'komsu@example.org')],
    'a',
    undefined,
  ],
  ['an address in other letters', [said('a', 1, 'Ayse@Example.org')], 'a', undefined],
  [
    'the last twenty of many',
    Array.from({ length: 30 }, (_, n) => said(`m${n}`, n)),
    'm29',
    Array.from({ length: 20 }, (_, n) => `m${n + 9}`),
  ],
];
test.each(rows)('a notice answers %s', (_name, messages, inReplyTo, references) => {
  const draft = toDraft({ notice, record: of }, messages);
  expect(draft.inReplyTo).toBe(inReplyTo);
  expect(draft.references).toEqual(references);
});
