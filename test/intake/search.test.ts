import type { MessageSubmission } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Api, serve } from '../support/api.ts';
import { eachInATown, type Town } from '../support/town.ts';

let town: Town;
let api: Api;
eachInATown((fresh) => {
  town = fresh;
});
beforeEach(async () => {
  api = await serve(town);
});
afterEach(() => api.close());

const by = (name: string, over: Partial<MessageSubmission> = {}) =>
  town.say({ citizen: { name }, ...over }, crypto.randomUUID());
const search = async (name: string, reveal?: string) => {
  const { status, body } = await api.post('/v1/records/search', { name }, undefined, reveal);
  expect(status).toBe(200);
  return body.items.map(({ number }: { number: string }) => number);
};

describe('a search by name alone', () => {
  it.each([
    ['Ayşe Nur Yılmaz', true],
    ['AYSE NUR YILMAZ', true],
    ['yılmaz ayşe nur', true],
    ['Ayşe Yılmaz', false],
    ['Ayşe', false],
    ['Nur', false],
  ])('finds «Ayşe Nur Yılmaz» by «%s»: %s', async (asked, finds) => {
    const { number } = await by('Ayşe Nur Yılmaz');
    await by('Fatma Demir');
    expect(await search(asked)).toEqual(finds ? [number] : []);
  });

  it.each(['confidential', 'anonymous'] as const)(
    'names no %s applicant to a key that gives no reason to reveal',
    async (anonymity) => {
      const { number } = await by('Ayşe Yılmaz', { anonymity });
      expect(await search('Ayşe Yılmaz')).toEqual([]);
      expect(await search('Ayşe Yılmaz', 'geri arama')).toEqual(anonymity === 'confidential' ? [number] : []);
    },
  );

  it('finds a record by the name a clerk has corrected, no more by the old one', async () => {
    const { number } = await by('Ayse Yilmas');
    const correction = { event: 'corrected', set: { citizen: { name: 'Ayşe Yılmaz' } } };
    await api.post(`/v1/records/${number}/events`, correction);
    expect(await search('Ayşe Yılmaz')).toEqual([number]);
    expect(await search('Ayse Yilmas')).toEqual([]);
  });
});
