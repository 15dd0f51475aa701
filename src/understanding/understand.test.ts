import type { InboundMessage } from '@kapi/contract';
import { describe, expect, it } from 'vitest';
import { createLexicon } from './lexicon.ts';
import { understand } from './understand.ts';

const lexicon = createLexicon({
  emergency: ['yangın'],
  notEmergency: [],
  greetings: [],
  applause: [],
  spam: [],
  matters: [],
});

const message = (over: Partial<InboundMessage>): InboundMessage => ({
  key: 'k',
  channel: 'phone',
  sender: { id: '', kind: 'phone', proven: false },
  text: 'Su yok',
  attachments: [],
  ...over,
});

describe('what sender and channel state is taken over', () => {
  it('brings phones to E.164, drops doubles and checks the TCKN', () => {
    const { citizen } = understand(
      [
        message({
          sender: { id: '+905321234567', kind: 'phone', proven: true },
          facts: { phones: ['0532 123 45 67'], tckn: '100 000 001 46' },
        }),
      ],
      'api',
      lexicon,
    );
    expect(citizen.phones).toEqual(['+905321234567']);
    expect(citizen).toMatchObject({ tckn: '10000000146', tcknStatus: 'valid', type: 'person' });
  });

  it('keeps a TCKN with a wrong checksum and says so', () => {
    const { citizen } = understand([message({ facts: { tckn: '12345678901' } })], 'api', lexicon);
    expect(citizen).toMatchObject({ tckn: '12345678901', tcknStatus: 'invalid' });
  });

  it.each([
    ['a telephone of letters', { phones: ['abc'] }, { phone: ['abc'] }],
    ['a telephone with a digit too few', { phones: ['0532 123 45 6'] }, { phone: ['0532 123 45 6'] }],
    [
      'an address with a line break',
      { emails: ['nobody\r\nBcc: x@y.example'] },
      { email: ['nobody\r\nBcc: x@y.example'] },
    ],
    ['a TCKN of ten digits', { tckn: '1000000014' }, { tckn: ['1000000014'] }],
    ['a tax number of letters', { taxNo: 'zz' }, { taxNo: ['zz'] }],
    ['nothing', { phones: [' '], emails: [''] }, {}],
  ])('takes %s for none, and keeps it as it was written', (_name, facts, asWritten) => {
    const understood = understand([message({ facts })], 'api', lexicon);
    expect(understood.asWritten).toEqual(asWritten);
    expect(understood.citizen).toEqual({ type: 'person', phones: [], emails: [], handles: [], needs: [] });
  });

  it('keeps good contacts beside bad ones, and a tax number that is one makes a company', () => {
    const facts = {
      phones: ['abc', '0532 123 45 67'],
      emails: ['A@Example.org', 'x'],
      taxNo: '922 003 49 70',
    };
    const { citizen, asWritten } = understand([message({ facts })], 'api', lexicon);
    expect(citizen).toMatchObject({
      type: 'company',
      taxNo: '9220034970',
      phones: ['+905321234567'],
      emails: ['a@example.org'],
    });
    expect(asWritten).toEqual({ phone: ['abc'], email: ['x'] });
  });

  it('takes an address that a mail has come from, however odd, and no name that an SMS is sent under', () => {
    const odd = 'ayşe@example.org';
    const mail = message({ sender: { id: odd, kind: 'email', proven: true }, facts: { emails: [odd] } });
    expect(understand([mail], 'posta', lexicon)).toMatchObject({ citizen: { emails: [odd] }, asWritten: {} });
    const sms = message({ sender: { id: 'BANKA', kind: 'phone', proven: true } });
    expect(understand([sms], 'sms', lexicon).citizen.phones).toEqual([]);
  });

  it('keeps nothing that names an anonymous applicant', () => {
    const { citizen } = understand(
      [
        message({
          facts: {
            anonymity: 'anonymous',
            name: 'Ayşe Yılmaz',
            phones: ['05321234567'],
            tckn: '10000000146',
          },
        }),
      ],
      'api',
      lexicon,
    );
    expect(citizen).toEqual({ type: 'anonymous', phones: [], emails: [], handles: [], needs: [] });
  });

  it('makes a tip-off confidential unless its sender says otherwise', () => {
    const tipoff = { applicationType: 'tipoff' } as const;
    expect(understand([message({ facts: tipoff })], 'api', lexicon).anonymity).toBe('confidential');
    expect(understand([message({ facts: { ...tipoff, anonymity: 'open' } })], 'api', lexicon).anonymity).toBe(
      'open',
    );
  });

  it.each([
    ['opinion', 'suggestion'],
    ['thanks', 'contribution'],
    ['request', 'complaint'],
  ] as const)('counts %s as %s', (applicationType, kind) => {
    expect(understand([message({ facts: { applicationType } })], 'api', lexicon).kind).toBe(kind);
  });

  it('hears an emergency in text and subject, and points at the words', () => {
    const heard = understand([message({ text: 'Komşuda yangın var' })], 'api', lexicon);
    expect(heard.urgency).toBe('emergency');
    expect(heard.findings['/urgency']).toMatchObject({ from: 'rule', span: [8, 14] });
    expect(understand([message({ subject: 'YANGIN', text: 'gelin' })], 'api', lexicon).urgency).toBe(
      'emergency',
    );
  });

  it('takes the place a pin gives and the words beside it', () => {
    const { place } = understand(
      [
        message({ location: { lat: 40.2, lon: 28.9 } }),
        message({ facts: { place: { district: 'Nilüfer' } } }),
      ],
      'api',
      lexicon,
    );
    expect(place).toEqual({ lat: 40.2, lon: 28.9, district: 'Nilüfer' });
  });

  it('makes one body of all messages, oldest first, without empty ones', () => {
    expect(
      understand([message({ text: 'bir' }), message({ text: ' ' }), message({ text: 'iki' })], 'api', lexicon)
        .body,
    ).toBe('bir\n\niki');
  });
});
