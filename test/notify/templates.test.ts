import { readFileSync } from 'node:fs';
import { segment } from '@kapi/kit';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { compose } from '../../src/notify/compose.ts';
import { noticeLanguages, render, type TemplateSet, templatesFor } from '../../src/notify/templates.ts';
import { event, house, record, sms } from '../../src/notify/test-house.ts';

const sample = {
  prefix: 'SOK',
  institution: 'Örnek Büyükşehir Belediyesi',
  shortUrl: 'ornek.bel.tr/takip',
  fits: segment,
};
const read = (language: string): unknown =>
  parse(readFileSync(new URL(`../../config/templates/${language}.yaml`, import.meta.url), 'utf8'));
const schema = templatesFor(sample);
const shipped: TemplateSet = {
  tr: schema.parse(read('tr')),
  en: schema.parse(read('en')),
  ar: schema.parse(read('ar')),
};

test.each(noticeLanguages)('the receipt of %s is one SMS part, link and promise included', (language) => {
  const of = record({ language, number: 'SOK-26-9999999-9' });
  const text = compose(
    { ...house, templates: shipped, fits: segment },
    of,
    event(of, 'received'),
    'receipt',
    sms,
    false,
  );
  expect(segment(text.text).parts).toBe(1);
  expect(text.text).toContain('SOK-26-9999999-9');
  if (language === 'tr') {
    expect(text.template).toBe('receipt.short');
    expect(text.text).toBe(
      'Başvurunuz alınmıştır. Kayıt no: SOK-26-9999999-9. 48 saat içinde bilgi verilecektir. Takip: ornek.bel.tr/takip/AAAAAAAAAAAAAAAAAAAAAA',
    );
  }
});

test('a record without the promise is not told of one', () => {
  const of = record({ deadlines: [] });
  const { text } = compose(
    { ...house, templates: shipped },
    of,
    event(of, 'received'),
    'receipt',
    sms,
    false,
  );
  expect(text).toBe(
    'Başvurunuz alınmıştır. Kayıt no: SOK-26-0001234-9. Takip: ornek.bel.tr/takip/AAAAAAAAAAAAAAAAAAAAAA',
  );
});

test('a long tracking address makes the receipt ASCII, a longer one is an error of the configuration', () => {
  const long = { ...sample, shortUrl: 'basvuru.ornekbuyuksehir.bel.tr/takip-sayfasi' };
  expect(templatesFor(long).safeParse(read('tr')).success).toBe(true);
  const of = record({ number: 'SOK-26-9999999-9' });
  const set = { ...house, templates: shipped, shortUrl: long.shortUrl, fits: segment };
  expect(compose(set, of, event(of, 'received'), 'receipt', sms, false).template).toBe('receipt.ascii');
  const issues =
    templatesFor({ ...sample, shortUrl: 'a'.repeat(80) }).safeParse(read('tr')).error?.issues ?? [];
  expect(issues.map(({ path }) => path.join('.'))).toEqual(['receipt.ascii']);
});

test.each([
  ['an unknown placeholder', 'Merhaba {isim}', /unknown placeholder \{isim\}/],
  ['a secret of the matter in neutral words', '{text}', /unknown placeholder \{text\}/],
  ['a brace without its pair', 'Merhaba {number', /brace/],
  ['brackets without their pair', 'Merhaba [[{number}', /\[\[/],
])('%s is an error that names its key', (_, text, message) => {
  const value = { ...shipped.tr, neutral: { ...shipped.tr.neutral, answer: text } };
  const issue = schema.safeParse(value).error?.issues[0];
  expect(issue?.path).toEqual(['neutral', 'answer']);
  expect(issue?.message).toMatch(message);
});

test('values are never read as templates', () => {
  expect(render('{text} {number}', { text: '{pin} [[x]]', number: '1' })).toBe('{pin} [[x]] 1');
});

test('every shipped text of every language is filled without a trace of its template', () => {
  for (const language of noticeLanguages) {
    const of = record({ language });
    const set = { ...house, templates: shipped, fits: segment };
    for (const neutral of [true, false]) {
      for (const [kind, name] of [
        ['receipt', 'received'],
        ['question', 'asked'],
        ['answer', 'answered'],
        ['status', 'in_progress'],
        ['status', 'forwarded'],
        ['status', 'cancelled'],
        ['survey', 'closed'],
      ] as const) {
        for (const channel of [
          sms,
          { ...sms, channel: 'email', reply: { ...sms.reply, addresses: 'email' } },
        ] as const) {
          for (const data of [
            {},
            { citizenText: 'Yarın gelinecek.', plannedDate: '2026-11-24', unit: 'park' },
          ]) {
            const { text, subject = '' } = compose(set, of, event(of, name, data), kind, channel, neutral);
            expect(`${subject}${text}`).not.toMatch(/[{}]|\[\[|\]\]|undefined/);
            expect(`${subject}${text}`).toContain(of.number);
          }
        }
      }
    }
  }
});
