import { eventNames, meetsPromise, type RecordEvent, type SokRecord, toInstant } from '@kapi/contract';
import { expect, test } from 'vitest';
import { planNotices } from './plan.ts';
import type { NoticeAccount } from './ports.ts';
import { account, event, house, mail, record, sms, start, testId, whatsapp } from './test-house.ts';

const plan = (
  of: SokRecord,
  what: RecordEvent,
  { accounts = [sms, mail], sends = true }: { accounts?: readonly NoticeAccount[]; sends?: boolean } = {},
) =>
  planNotices(
    { house, accounts: { list: () => accounts, sendsNotices: () => sends }, newId: testId },
    of,
    what,
  );

const texts = (changes: ReturnType<typeof plan>): string[] =>
  changes.map((change) =>
    change.do === 'put-notice' ? `${change.notice.template}: ${change.notice.text}` : change.do,
  );

const rows: readonly [
  name: string,
  of: SokRecord,
  event: Parameters<typeof event>[1],
  data: RecordEvent['data'],
  expected: string[],
][] = [
  [
    'a new record owes a receipt',
    record(),
    'received',
    {},
    ['receipt.short: Alındı SOK-26-0001234-9 ornek.bel.tr/takip/AAAAAAAAAAAAAAAAAAAAAA'],
  ],
  [
    'a question goes out with its text',
    record(),
    'asked',
    { citizenText: 'Kapı no?' },
    ['question.short: soru SOK-26-0001234-9 Kapı no?'],
  ],
  [
    'an answer goes out with its text',
    record(),
    'answered',
    { citizenText: 'Yarın.' },
    ['answer.short: cevap SOK-26-0001234-9 Yarın.'],
  ],
  [
    'a status with words goes out with them',
    record(),
    'accepted',
    { citizenText: 'Bakıyoruz.' },
    ['status.text.short: durum SOK-26-0001234-9 Bakıyoruz.'],
  ],
  [
    'a reason counts as words',
    record(),
    'closed',
    { reason: 'Görev alanımız dışında' },
    ['status.text.short: durum SOK-26-0001234-9 Görev alanımız dışında'],
  ],
  [
    'a closing that is a no tells the citizen why',
    record({ status: 'closed' }),
    'closed',
    { outcome: 'negative', citizenText: 'Bütçe yok' },
    ['status.text.short: durum SOK-26-0001234-9 Bütçe yok'],
  ],
  [
    'a status without words uses its own template',
    record(),
    'forwarded',
    { unit: 'park' },
    ['status.forwarded.short: SOK-26-0001234-9 iletildi: Park ve Bahçeler'],
  ],
  [
    'what has no value is left out with its brackets',
    record(),
    'forwarded',
    { unit: 'gizli' },
    ['status.forwarded.short: SOK-26-0001234-9 iletildi'],
  ],
  [
    'a plan is told by its date alone',
    record({ status: 'in_progress' }),
    'in_progress',
    { plannedDate: '2026-12-01' },
    ['status.text.short: durum SOK-26-0001234-9'],
  ],
  ['a status without words or template owes nothing', record(), 'closed', {}, []],
  ['an internal note is not a notice', record(), 'noted', { internalNote: 'x' }, []],
  ['words of a correction stay in the house', record(), 'corrected', { citizenText: 'x' }, []],
  ['a follow-up message owes no receipt', record(), 'message_added', {}, []],
  [
    'identity numbers in a clerk’s text are masked, phones stay',
    record(),
    'answered',
    { citizenText: '10000000146 için 02241234567 arayın' },
    ['answer.short: cevap SOK-26-0001234-9 *********46 için 02241234567 arayın'],
  ],
  [
    'a confidential applicant gets number and status only',
    record({ anonymity: 'confidential', citizen: { preferredReply: 'sms' } }),
    'in_progress',
    { citizenText: 'Komşunuz A.B. uyarıldı' },
    ['neutral.status: SOK-26-0001234-9 Sırada'],
  ],
  [
    'an answer with no way makes a call-back task',
    record({ citizen: { phones: ['+902241234567'], emails: [] } }),
    'answered',
    { citizenText: 'x' },
    ['put-callback'],
  ],
];

for (const [name, of, what, data, expected] of rows) {
  test(name, () => {
    expect(texts(plan(of, event(of, what, data)))).toEqual(expected);
  });
}

test('no event plans more than one change, and imports plan none', () => {
  for (const name of eventNames) {
    const of = record();
    const what = event(of, name, { citizenText: 'söz' });
    expect(plan(of, what).length).toBeLessThanOrEqual(1);
    expect(plan(of, what, { sends: false })).toEqual([]);
  }
});

test('a notice is step 1, pending, due at once, with the time of its event', () => {
  const of = record();
  const what = event(of, 'received');
  expect(plan(of, what)[0]).toMatchObject({
    do: 'put-notice',
    dueAt: start,
    notice: {
      recordId: of.id,
      eventId: what.id,
      kind: 'receipt',
      step: 1,
      state: 'pending',
      createdAt: start,
      to: '+905321234567',
      language: 'tr',
    },
  });
});

test('the receipt to an automatic sender is written down and not sent', () => {
  const of = record({ account: 'posta' });
  expect(plan(of, event(of, 'received', { automatic: true }))[0]).toMatchObject({
    notice: { state: 'suppressed', reason: 'automatic-sender', to: 'ayse@example.org' },
  });
  expect(plan(of, event(of, 'answered', { automatic: true, citizenText: 'x' }))[0]).toMatchObject({
    notice: { state: 'pending' },
  });
});

test('a receipt that takes two SMS parts goes in ASCII; a chat does not care', () => {
  const of = record();
  const tight = { ...house, fits: (text: string) => ({ parts: text.includes('ı') ? 2 : 1 }) };
  const with1 = (accounts: NoticeAccount[]) =>
    planNotices(
      { house: tight, accounts: { list: () => accounts, sendsNotices: () => true }, newId: testId },
      of,
      event(of, 'received'),
    );
  expect(texts([...with1([sms])])[0]).toMatch(/^receipt\.ascii: Alindi/);
  expect(texts([...with1([{ ...whatsapp, abroad: false }])])).toEqual([]);
  const chat = record({ account: 'wa' });
  const changes = planNotices(
    {
      house: tight,
      accounts: { list: () => [{ ...whatsapp, abroad: false }], sendsNotices: () => true },
      newId: testId,
    },
    chat,
    event(chat, 'received'),
  );
  expect(texts([...changes])[0]).toMatch(/^receipt\.short/);
});

test('a text too long for the channel gives way, its number stays', () => {
  const of = record();
  const narrow = account('sms-153', 'sms', { maxCharacters: 60 });
  const [text = ''] = texts(
    plan(of, event(of, 'answered', { citizenText: 'a'.repeat(500) }), { accounts: [narrow] }),
  );
  expect(text.replace('answer.short: ', '')).toHaveLength(60);
  expect(text).toMatch(/SOK-26-0001234-9 a+…$/);
});

test('a mail has a one-line subject whatever stands in the values', () => {
  const of = record({ citizen: { phones: [] }, number: 'SOK-26-0001234-9\r\nBcc: a@example.org' });
  expect(plan(of, event(of, 'received'))[0]).toMatchObject({
    notice: {
      subject: '[SOK-26-0001234-9 Bcc: a@example.org] alındı',
      text: expect.stringContaining('48 saat'),
    },
  });
});

for (const [language, expected] of [
  ['tr', 'tr'],
  ['en-GB', 'en'],
  ['ar', 'ar'],
  ['de', 'en'],
  ['und', 'tr'],
  [undefined, 'tr'],
] as const) {
  test(`a citizen who writes ${language ?? 'no known language'} is written to in ${expected}`, () => {
    const of = record(language === undefined ? {} : { language });
    expect(plan(of, event(of, 'received'))[0]).toMatchObject({ notice: { language: expected } });
  });
}

for (const [name, data, meets] of [
  ['answered', { citizenText: 'Yarın.' }, true],
  ['in_progress', { plannedDate: '2026-11-24' }, true],
  ['closed', { reason: 'Yetkimiz yok' }, true],
  ['in_progress', {}, false],
  ['answered', { citizenText: '  ' }, false],
  ['received', { citizenText: 'x' }, false],
  ['asked', { citizenText: 'x' }, false],
  ['forwarded', { citizenText: 'x' }, false],
] as const) {
  test(`${name} with ${JSON.stringify(data)} ${meets ? 'meets' : 'does not meet'} the promise`, () => {
    const of = record({ receivedAt: toInstant(start) });
    expect(meetsPromise(event(of, name, data))).toBe(meets);
  });
}
