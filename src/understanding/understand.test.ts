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
