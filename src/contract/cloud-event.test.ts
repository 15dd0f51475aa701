import { describe, expect, it } from 'vitest';
import { type EventData, type Profile, type SokRecord, toCloudEvent } from './index.ts';
import { sampleEvent, sampleRecord } from './testing/store/samples.ts';

const tckn = '10000000146';
const number = 'SOK-26-0001234-9';
const messageId = '0198a000-0000-7000-8000-00000000abcd';

/** Everything personal that an event can say, in every place it can stand. */
const said: EventData = {
  citizenText: `Sayın Zümrüt Kara, TC ${tckn}`,
  internalNote: 'Komşusu Zümrüt Kara',
  reason: 'Arayın: 0532 765 43 21',
  unit: 'su-isleri',
  partner: 'uedas',
  plannedDate: '2026-11-24',
  outcome: 'negative',
  link: { number, as: 'duplicateOf' },
  messageId,
  messages: [messageId],
  set: {
    citizen: { name: 'Zümrüt Kara', tckn, phone: '0532 765 43 21' },
    text: 'Zümrüt Kara',
    place: { text: 'x' },
  },
  later: { nested: ['zumrut@example.org'] },
};

const person: Partial<SokRecord> = {
  citizen: {
    type: 'person',
    name: 'Zümrüt Kara',
    tckn,
    phones: ['+905327654321'],
    emails: ['zumrut@example.org'],
    handles: [{ account: 'x', handle: 'zumrutkara' }],
    address: 'Zümrüt apartmanı',
    needs: ['wheelchair'],
  },
  createdBy: 'Zümrüt Kara',
  subject: `${tckn} hakkında`,
  body: `Ben ${tckn}, zumrut@example.org, 0532 765 43 21`,
  place: { district: 'Nilüfer', street: `${tckn} sokak`, text: `0532 765 43 21'i arayın` },
  outcome: { result: 'negative', reason: `TC ${tckn}` },
  external: { profile: 'cimer', institution: { name: 'CİMER' }, number: 'CM-778899' },
  gathering: { kind: 'meeting', id: 'm-1', date: '2026-11-20', agenda: 'Zümrüt Kara söz aldı' },
  call: { provider: 'santral', callId: 'call-778899' },
  attachments: [
    {
      id: 'b-1',
      name: `${tckn}.pdf`,
      mediaType: 'application/pdf',
      bytes: 1,
      state: 'stored',
      text: 'Zümrüt',
    },
  ],
  links: { related: [number], duplicateOf: number },
};

const render = (profile: Profile, over: Partial<SokRecord> = {}) =>
  toCloudEvent(
    sampleEvent(1, 1, { name: 'corrected', data: said }),
    sampleRecord(1, { ...person, ...over }),
    profile,
    'ornek',
  );

describe('an outgoing event', () => {
  it('says masked what its rows list, with patterns masked, and nothing else', () => {
    expect(render('masked').data.event).toEqual({
      name: 'corrected',
      citizenText: 'Sayın Zümrüt Kara, TC *********46',
      reason: 'Arayın: 0532 *** ** 21',
      unit: 'su-isleri',
      partner: 'uedas',
      plannedDate: '2026-11-24',
      outcome: 'negative',
      link: { number, as: 'duplicateOf' },
      messageId,
      messages: [messageId],
    });
  });

  it.each(['confidential', 'anonymous'] as const)(
    'says of a record that is %s no free text and no link',
    (anonymity) => {
      expect(render('masked', { anonymity }).data.event).toEqual({
        name: 'corrected',
        unit: 'su-isleri',
        partner: 'uedas',
        plannedDate: '2026-11-24',
        outcome: 'negative',
        messageId,
        messages: [messageId],
      });
    },
  );

  it('says minimal nothing but its name, and full everything', () => {
    expect(render('minimal').data.event).toEqual({ name: 'corrected' });
    expect(render('full').data.event).toEqual({ name: 'corrected', ...said });
  });

  it('passes no link whose number is none', () => {
    const event = sampleEvent(1, 1, { data: { link: { number: tckn, as: 'related' } } });
    expect(toCloudEvent(event, sampleRecord(1), 'masked', 'ornek').data.event).toEqual({ name: event.name });
  });

  const patterns = [tckn, '765 43 21', '7654321', 'zumrut@'];
  // What names the applicant or leads to somebody who knows the name.
  const names = [...patterns, 'Zümrüt', 'zumrut', '778899', number, 'wheelchair', '.pdf'];
  it.each([
    ['masked', 'open', patterns],
    ['minimal', 'open', [...patterns, 'Zümrüt', '778899']],
    ['masked', 'confidential', names],
    ['masked', 'anonymous', names],
    ['minimal', 'confidential', names],
  ] as const)('%s of an %s record holds no canary', (profile, anonymity, canaries) => {
    const { street: _street, ...place } = person.place ?? {};
    const event = render(profile, {
      anonymity,
      ...(anonymity === 'open' && profile === 'masked' ? {} : { place }),
    });
    const text = JSON.stringify({ ...event.data, number: undefined });
    for (const canary of canaries) expect(text).not.toContain(canary);
  });
});
