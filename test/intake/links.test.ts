import { formatNumber } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Api, serve } from '../support/api.ts';
import { eachInATown, type Town } from '../support/town.ts';

let town: Town;
let api: Api;
let numbers: string[];
eachInATown((fresh) => {
  town = fresh;
});
beforeEach(async () => {
  api = await serve(town);
  numbers = [];
  for (const key of ['a', 'b', 'c']) numbers.push((await town.say({}, key)).number);
});
afterEach(() => api.close());

type As = 'duplicateOf' | 'related' | 'parent';
/** Records by letter; what is no letter stands as it is. */
const numberOf = (name: string) => numbers['abc'.indexOf(name)] ?? name;
const post = (event: 'linked' | 'unlinked', on: string, as: As, to: string) =>
  api.post(`/v1/records/${numberOf(on)}/events`, { event, link: { number: numberOf(to), as } });
const linksOf = async (name: string) =>
  (await town.house.reader.record({ number: numberOf(name) }))?.record.links;

type Step = readonly ['linked' | 'unlinked', string, As, string];

describe('a link', () => {
  it.each<[name: string, before: readonly Step[], step: Step, status: number, code?: string]>([
    ['to a record that exists is made', [], ['linked', 'a', 'duplicateOf', 'b'], 200],
    ['that stands may be made again', [['linked', 'a', 'parent', 'b']], ['linked', 'a', 'parent', 'b'], 200],
    [
      'to what is no number is refused',
      [],
      ['linked', 'a', 'duplicateOf', 'not-a-number'],
      400,
      'invalid_request',
    ],
    [
      'to a number that no record has is refused',
      [],
      ['linked', 'a', 'related', formatNumber('SOK', 2026, 99)],
      400,
      'invalid_request',
    ],
    ['to the record itself is refused', [], ['linked', 'a', 'duplicateOf', 'a'], 400, 'invalid_request'],
    ['to itself as related is refused', [], ['linked', 'a', 'related', 'a'], 400, 'invalid_request'],
    [
      'that closes a circle of two is refused',
      [['linked', 'a', 'duplicateOf', 'b']],
      ['linked', 'b', 'duplicateOf', 'a'],
      409,
      'link_conflict',
    ],
    [
      'that closes a circle of three is refused',
      [
        ['linked', 'a', 'parent', 'b'],
        ['linked', 'b', 'parent', 'c'],
      ],
      ['linked', 'c', 'parent', 'a'],
      409,
      'link_conflict',
    ],
    [
      'of two that name each other as related is made',
      [['linked', 'a', 'related', 'b']],
      ['linked', 'b', 'related', 'a'],
      200,
    ],
    [
      'does not quietly replace another',
      [['linked', 'a', 'parent', 'b']],
      ['linked', 'a', 'parent', 'c'],
      409,
      'link_conflict',
    ],
    [
      'is taken back where it stands',
      [['linked', 'a', 'duplicateOf', 'b']],
      ['unlinked', 'a', 'duplicateOf', 'b'],
      200,
    ],
    [
      'is not taken back by another number',
      [['linked', 'a', 'duplicateOf', 'b']],
      ['unlinked', 'a', 'duplicateOf', 'c'],
      409,
      'link_conflict',
    ],
    [
      'is not taken back as another kind',
      [['linked', 'a', 'related', 'b']],
      ['unlinked', 'a', 'parent', 'b'],
      409,
      'link_conflict',
    ],
    ['that does not stand is not taken back', [], ['unlinked', 'a', 'related', 'b'], 409, 'link_conflict'],
  ])('%s', async (_name, before, step, status, code) => {
    for (const earlier of before) expect((await post(...earlier)).status).toBe(200);
    const linksBefore = await linksOf(step[1]);
    const answer = await post(...step);
    expect(answer.status).toBe(status);
    if (status === 200) return;
    expect(answer.body).toMatchObject({ code, errors: [{ pointer: '/link/number' }] });
    expect(await linksOf(step[1])).toEqual(linksBefore);
  });

  it('is kept under the number as records write it', async () => {
    await post('linked', 'a', 'related', numberOf('b').toLowerCase());
    expect((await linksOf('a'))?.related).toEqual([numberOf('b')]);
  });
});
