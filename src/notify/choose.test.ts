import type { NoticeKind, NoticeState, SokRecord } from '@kapi/contract';
import { expect, test } from 'vitest';
import { choose } from './choose.ts';
import type { NoticeAccount } from './ports.ts';
import { account, mail, record, sms, whatsapp, x } from './test-house.ts';

const all = [sms, mail, whatsapp, x];
const phone = '+905321234567';
const handles = [{ account: 'x-1', handle: '@ayse' }];
const none = { phones: [], emails: [], handles: [] };
type Tried = readonly [NoticeAccount, string, NoticeState][];

const rows: readonly [
  name: string,
  record: SokRecord,
  kind: NoticeKind,
  accounts: readonly NoticeAccount[],
  tried: Tried,
  expected: string,
][] = [
  ['a form applicant hears by SMS first', record(), 'receipt', all, [], `sms-153 ${phone}`],
  [
    'the wished channel comes before all',
    record({ citizen: { preferredReply: 'email' } }),
    'receipt',
    all,
    [],
    'posta ayse@example.org',
  ],
  [
    'the channel they came by comes before SMS',
    record({ account: 'posta' }),
    'receipt',
    all,
    [],
    'posta ayse@example.org',
  ],
  [
    'a receipt on a foreign platform is neutral',
    record({ account: 'x-1', citizen: { handles } }),
    'receipt',
    all,
    [],
    'x-1 @ayse neutral',
  ],
  [
    'an answer prefers a channel that may carry it',
    record({ account: 'x-1', citizen: { handles } }),
    'answer',
    all,
    [],
    `sms-153 ${phone}`,
  ],
  [
    'an answer goes to a foreign platform where there is nothing else, in neutral words',
    record({ account: 'x-1', citizen: { ...none, handles } }),
    'answer',
    all,
    [],
    'x-1 @ayse neutral',
  ],
  [
    'a wish for a foreign platform is kept, in neutral words',
    record({ citizen: { preferredReply: 'whatsapp' } }),
    'answer',
    all,
    [],
    `wa ${phone} neutral`,
  ],
  [
    'a handle of another account is no address here',
    record({ account: 'x-1', citizen: { ...none, handles: [{ account: 'x-2', handle: '@a' }] } }),
    'receipt',
    all,
    [],
    'suppress no-channel',
  ],
  [
    'a landline gets no SMS',
    record({ citizen: { phones: ['+902241234567'], emails: [] } }),
    'receipt',
    all,
    [],
    'suppress no-channel',
  ],
  [
    'the mobile is taken where the landline comes first',
    record({ citizen: { phones: ['+902241234567', phone] } }),
    'receipt',
    all,
    [],
    `sms-153 ${phone}`,
  ],
  [
    'after a failure the next channel',
    record(),
    'receipt',
    all,
    [[sms, phone, 'failed']],
    'posta ayse@example.org',
  ],
  [
    'after a failure the second number',
    record({ citizen: { phones: [phone, '+905330000000'] } }),
    'receipt',
    all,
    [[sms, phone, 'failed']],
    'sms-153 +905330000000',
  ],
  [
    'after an unknown fate no second try on that channel',
    record({ citizen: { phones: [phone, '+905330000000'] } }),
    'receipt',
    all,
    [[sms, phone, 'unknown']],
    'posta ayse@example.org',
  ],
  [
    'when all have failed a person calls',
    record(),
    'receipt',
    [sms, mail],
    [
      [sms, phone, 'failed'],
      [mail, 'ayse@example.org', 'failed'],
    ],
    `callback receipt-failed ${phone}`,
  ],
  [
    'when all have failed and there is no phone a person still looks',
    record({ citizen: { phones: [] } }),
    'answer',
    all,
    [[mail, 'ayse@example.org', 'failed']],
    'callback answer-failed',
  ],
  [
    'who cannot use a phone is not called',
    record({ citizen: { needs: ['noPhone'] } }),
    'answer',
    [mail],
    [[mail, 'ayse@example.org', 'failed']],
    'callback answer-failed',
  ],
  ['a receipt that never had a way makes no task', record(), 'receipt', [], [], 'suppress no-channel'],
  [
    'an answer that never had a way makes one',
    record(),
    'answer',
    [],
    [],
    `callback answer-without-channel ${phone}`,
  ],
  [
    'an answer to an address that no account serves makes one',
    record({ citizen: { phones: [] } }),
    'answer',
    [sms],
    [],
    'callback answer-without-channel',
  ],
  [
    'an answer to a handle of an account that is off makes one',
    record({ citizen: { ...none, handles } }),
    'answer',
    [sms],
    [],
    'callback answer-without-channel',
  ],
  [
    'an answer without any address stays on the tracking page',
    record({ citizen: none }),
    'answer',
    all,
    [],
    'suppress no-channel',
  ],
  ['a survey never makes a task', record(), 'survey', [sms], [[sms, phone, 'failed']], 'suppress no-channel'],
  [
    'who wants to be called is called for the answer',
    record({ citizen: { preferredReply: 'phone' } }),
    'answer',
    all,
    [],
    `callback answer-by-phone-wished ${phone}`,
  ],
  [
    'who wants to be called gets the receipt by SMS',
    record({ citizen: { preferredReply: 'phone' } }),
    'receipt',
    all,
    [],
    `sms-153 ${phone}`,
  ],
  [
    'a confidential applicant hears on the channel they came by, neutrally',
    record({ anonymity: 'confidential', account: 'posta' }),
    'answer',
    all,
    [],
    'posta ayse@example.org neutral',
  ],
  [
    'a confidential applicant hears on the channel they asked for',
    record({ anonymity: 'confidential', citizen: { preferredReply: 'sms' } }),
    'status',
    all,
    [],
    `sms-153 ${phone} neutral`,
  ],
  [
    'a confidential applicant is written to nowhere else, a person finds a way',
    record({ anonymity: 'confidential' }),
    'answer',
    all,
    [],
    'callback answer-confidential',
  ],
  [
    'a confidential applicant’s number is in no task when it fails',
    record({ anonymity: 'confidential', account: 'posta' }),
    'answer',
    all,
    [[mail, 'ayse@example.org', 'failed']],
    'callback answer-confidential',
  ],
  [
    'a confidential applicant’s second address is not tried',
    record({
      anonymity: 'confidential',
      account: 'posta',
      citizen: { emails: ['a@example.org', 'b@example.org'] },
    }),
    'answer',
    all,
    [[mail, 'a@example.org', 'failed']],
    'callback answer-confidential',
  ],
  [
    'a confidential applicant without any address reads it on the tracking page',
    record({ anonymity: 'confidential', citizen: none }),
    'answer',
    all,
    [],
    'suppress confidential',
  ],
  [
    'a confidential applicant’s receipt makes no task',
    record({ anonymity: 'confidential' }),
    'receipt',
    all,
    [],
    'suppress confidential',
  ],
  [
    'an anonymous applicant who wants to be called is not',
    record({ anonymity: 'anonymous', citizen: { preferredReply: 'phone' } }),
    'answer',
    all,
    [],
    'suppress confidential',
  ],
  [
    'four steps are enough',
    record({ citizen: { phones: [1, 2, 3, 4, 5].map((n) => `+90532000000${n}`) } }),
    'receipt',
    all,
    [1, 2, 3, 4].map((n): [NoticeAccount, string, NoticeState] => [sms, `+90532000000${n}`, 'failed']),
    'callback receipt-failed +905320000001',
  ],
  [
    'a second account of the same channel is a way of its own',
    record({ citizen: { emails: [] } }),
    'receipt',
    [sms, account('sms-b', 'sms')],
    [[sms, phone, 'failed']],
    `sms-b ${phone}`,
  ],
];

for (const [name, of, kind, accounts, tried, expected] of rows) {
  test(name, () => {
    const choice = choose(
      of,
      kind,
      accounts,
      tried.map(([{ id, channel }, to, state]) => ({ account: id, channel, to, state })),
    );
    const said =
      choice.do === 'send'
        ? [choice.account.id, choice.to, ...(choice.neutral ? ['neutral'] : [])]
        : choice.do === 'callback'
          ? ['callback', choice.reason, ...(choice.phone === undefined ? [] : [choice.phone])]
          : ['suppress', choice.reason];
    expect(said.join(' ')).toBe(expected);
  });
}
