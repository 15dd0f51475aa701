import { describe, expect, it } from 'vitest';
import { breaths } from './assemble.ts';
import { mayJoin, stillTalking } from './join.ts';
import { noon, sampleAccount, sampleMessage, sampleRecord, sampleStored } from './testing/samples.ts';

const at = (seconds: number, id: string) => sampleStored({ id, saidAt: noon + seconds * 1000 });
const cut = (...messages: ReturnType<typeof at>[]) =>
  breaths(messages, sampleAccount()).map((group) => group.map(({ id }) => id).join(''));

describe('messages said in one breath', () => {
  it.each([
    [
      'a photo, a sentence and a pin within a minute of each other are one',
      [at(0, 'a'), at(50, 'b'), at(100, 'c')],
      ['abc'],
    ],
    ['a minute and a second of quiet cuts', [at(0, 'a'), at(61, 'b')], ['a', 'b']],
    ['order of arrival does not matter, provider time does', [at(40, 'b'), at(0, 'a')], ['ab']],
    [
      'ten minutes of talking are cut at the longest',
      Array.from({ length: 13 }, (_, n) => at(n * 55, 'abcdefghijklm'[n] ?? '')),
      ['abcdefghijk', 'lm'],
    ],
  ])('%s', (_name, messages, groups) => {
    expect(cut(...messages)).toEqual(groups);
  });
});

describe('who may join a case', () => {
  const mail = { id: 'ayse@example.org', kind: 'email' } as const;
  const byMail = sampleRecord({
    citizen: { type: 'person', phones: [], emails: ['ayse@example.org'], handles: [], needs: [] },
    account: 'posta',
  });
  it.each([
    ['the same number on the same account', sampleRecord(), sampleMessage(), 'sms-153', true],
    ['the same number on another account', sampleRecord(), sampleMessage(), 'sms-999', false],
    [
      'another number',
      sampleRecord(),
      sampleMessage({ sender: { id: '+905329999999', kind: 'phone', proven: true } }),
      'sms-153',
      false,
    ],
    [
      'a mail whose sender DMARC vouches for',
      byMail,
      sampleMessage({ sender: { ...mail, proven: true } }),
      'posta',
      true,
    ],
    [
      'a mail that only claims the address',
      byMail,
      sampleMessage({ sender: { ...mail, proven: false } }),
      'posta',
      false,
    ],
    [
      'a signed reply address for this record',
      byMail,
      sampleMessage({
        sender: { ...mail, proven: false },
        thread: { numbers: ['SOK-26-0001234-9'], references: [], proof: 'signed-address' },
      }),
      'posta',
      true,
    ],
    [
      'a signed reply address for another record',
      byMail,
      sampleMessage({
        sender: { ...mail, proven: false },
        thread: { numbers: ['SOK-26-0000001-0'], references: [], proof: 'signed-address' },
      }),
      'posta',
      false,
    ],
  ])('%s', (_name, record, message, account, joins) => {
    expect(mayJoin(record, message, account)).toBe(joins);
  });

  it.each([
    ['within the day, open', sampleRecord(), 3600, true],
    ['after the day', sampleRecord(), 25 * 3600, false],
    ['answered already', sampleRecord({ status: 'answered' }), 3600, false],
  ])('a conversation goes on: %s', (_name, record, seconds, goesOn) => {
    expect(stillTalking(record, noon + seconds * 1000, 24)).toBe(goesOn);
  });
});
