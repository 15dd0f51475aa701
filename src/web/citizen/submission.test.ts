import { messageSubmission } from '@kapi/contract';
import { describe, expect, it } from 'vitest';
import { type FieldName, toValues } from './form-values.ts';
import { fieldOf, problemsIn, toSubmission } from './submission.ts';
import { readNumber, readPin } from './tracking-page.ts';

const typed = (fields: Partial<Record<FieldName, string>>) => toValues(Object.entries(fields));
const from = { language: 'tr', noticeVersion: '2026-11-1', province: 'Bursa', uploads: [] } as const;
const base = { channel: 'web', citizen: { language: 'tr' }, anonymity: 'open', noticeVersion: '2026-11-1' };

describe('a filled form', () => {
  it.each<[name: string, fields: Partial<Record<FieldName, string>>, submission: object]>([
    ['one sentence', { text: 'SOKAKTA CUKUR VAR' }, { ...base, text: 'SOKAKTA CUKUR VAR' }],
    ['lines as browsers send them', { text: ' bir\r\n\r\niki\u0000 ' }, { ...base, text: 'bir\n\niki' }],
    [
      'everything about the citizen, as typed',
      {
        text: 'x',
        name: ' ayse \t YILMAZ\r\n',
        phone: '0 532 / 000-00.00',
        email: 'AYSE@ORNEK',
        tckn: '123',
        preferredReply: 'sms',
      },
      {
        ...base,
        text: 'x',
        citizen: {
          language: 'tr',
          name: 'ayse YILMAZ',
          phone: '0 532 / 000-00.00',
          email: 'AYSE@ORNEK',
          tckn: '123',
          preferredReply: 'sms',
        },
      },
    ],
    [
      'an anonymous application after a name was typed: nobody is named',
      {
        text: 'x',
        anonymity: 'anonymous',
        name: 'Ayşe',
        phone: '0532',
        email: 'a@b.c',
        tckn: '1',
        preferredReply: 'sms',
      },
      { ...base, text: 'x', anonymity: 'anonymous' },
    ],
    [
      'a confidential one',
      { text: 'x', anonymity: 'confidential', name: 'Ayşe' },
      { ...base, text: 'x', anonymity: 'confidential', citizen: { language: 'tr', name: 'Ayşe' } },
    ],
    ['an unknown anonymity', { text: 'x', anonymity: 'root' }, { ...base, text: 'x' }],
    [
      'a tip-off marked open: the house decides',
      { text: 'x', applicationType: 'tipoff' },
      { ...base, text: 'x', applicationType: 'tipoff', anonymity: undefined },
    ],
    ['an unknown kind', { text: 'x', applicationType: 'sikayet' }, { ...base, text: 'x' }],
    [
      'a place by address',
      {
        text: 'x',
        district: 'Nilüfer',
        neighbourhood: 'ihsaniye',
        street: 'aras sk',
        doorNo: '12/3',
        placeText: 'okulun\r\nkarsisi',
      },
      {
        ...base,
        text: 'x',
        place: {
          province: 'Bursa',
          district: 'Nilüfer',
          neighbourhood: 'ihsaniye',
          street: 'aras sk',
          doorNo: '12/3',
          text: 'okulun\nkarsisi',
        },
      },
    ],
    [
      'a place by device',
      { text: 'x', lat: '40.2', lon: '28.9', accuracyM: '12' },
      { ...base, text: 'x', place: { province: 'Bursa', lat: 40.2, lon: 28.9, accuracyM: 12 } },
    ],
    ['half a position', { text: 'x', lat: '40.2' }, { ...base, text: 'x' }],
    ['a position off the earth', { text: 'x', lat: '91', lon: '28.9' }, { ...base, text: 'x' }],
    ['a position that is no number', { text: 'x', lat: 'NaN', lon: '0x1c' }, { ...base, text: 'x' }],
  ])('becomes a message: %s', (_name, fields, submission) => {
    const made = toSubmission(typed(fields), from);
    expect(made).toEqual(submission);
    expect(messageSubmission.safeParse(made).error).toBeUndefined();
  });

  it('names the uploaded files', () => {
    expect(toSubmission(typed({}), { ...from, uploads: ['up_1', 'up_2'] })).toEqual({
      ...base,
      attachments: [{ upload: 'up_1' }, { upload: 'up_2' }],
    });
  });

  it('takes nothing from names it does not know, whatever they are', () => {
    const values = toValues([
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['text', 'a'],
      ['text', 'b'],
    ]);
    expect(values.text).toBe('b');
    expect(Object.keys(values)).not.toContain('constructor');
  });

  it.each<[name: string, fields: Partial<Record<FieldName, string>>, files: number, kinds: string[]]>([
    ['a text', { text: 'x' }, 0, []],
    ['a photo alone', {}, 1, []],
    ['nothing', {}, 0, ['empty']],
    ['white space alone', { text: ' \r\n\t ' }, 0, ['empty']],
    ['a filled trap', { text: 'x', website: 'http://' }, 0, ['trap']],
    ['a text of 5,001 characters', { text: 'x'.repeat(5001) }, 0, ['too_long']],
    ['a name of 201', { text: 'x', name: 'x'.repeat(201) }, 0, ['too_long']],
    ['an e-mail without @ and a phone of letters', { text: 'x', email: 'yok', phone: 'yok' }, 0, []],
  ])('is judged: %s', (_name, fields, files, kinds) => {
    expect(problemsIn(typed(fields), files, 5000).map((problem) => problem.kind)).toEqual(kinds);
  });

  it.each([
    ['/citizen/email', 'email'],
    ['/place/text', 'placeText'],
    ['/place/district', 'district'],
    ['/text', 'text'],
    ['/place/province', undefined],
    ['/anything', undefined],
  ])('finds the field a pointer means: %s', (pointer, field) => {
    expect(fieldOf(pointer)).toBe(field);
  });
});

describe('what a citizen types to track', () => {
  it.each([
    ['SOK-26-0000001-4', 'SOK-26-0000001-4'],
    [' sok 26 0000001 4 ', 'SOK-26-0000001-4'],
    ['ŞÖK–26–0000001–4', 'SOK-26-0000001-4'],
    ['sok2600000014', 'SOK-26-0000001-4'],
    ['26 0000001 4', 'SOK-26-0000001-4'],
    ['SOK-26-0000001-5', undefined],
    ['SOK-26-1-4', undefined],
    ['', undefined],
    ["SOK-26-0000001-4' OR 1=1", undefined],
  ])('number %j is read', (text, number) => {
    expect(readNumber(text, 'SOK')).toBe(number);
  });

  it.each([
    ['402913', '402913'],
    [' 402 913 ', '402913'],
    ['402-913', '402913'],
    ['40291', undefined],
    ['4029134', undefined],
    ['abcdef', undefined],
  ])('PIN %j is read', (text, pin) => {
    expect(readPin(text)).toBe(pin);
  });
});
