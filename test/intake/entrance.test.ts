import { describe, expect, it } from 'vitest';
import { keptMediaTypes } from '../../src/compose/house.ts';
import { PinLocks } from '../../src/intake/pin-locks.ts';
import { track } from '../../src/intake/track.ts';
import { upload } from '../../src/intake/upload.ts';
import { actor, eachInATown, noon, type Town } from '../support/town.ts';

let town: Town;
eachInATown((fresh) => {
  town = fresh;
});

describe('an own entrance', () => {
  it('answers number and PIN that open the tracking page', async () => {
    const receipt = await town.say({ text: 'Kaldırım bozuk' }, 'k1');
    expect(receipt).toMatchObject({ duplicate: false, trackingPin: expect.stringMatching(/^\d{6}$/) });
    const seen = await track(
      town.house,
      new PinLocks(),
      receipt.number.toLowerCase(),
      receipt.trackingPin ?? '',
    );
    expect(seen).toMatchObject({ number: receipt.number, statusLabel: 'Sırada' });
  });

  it('answers a thousand copies of one message with one record', async () => {
    const receipts = await Promise.all(Array.from({ length: 1000 }, () => town.say({}, 'same')));
    expect(new Set(receipts.map(({ number }) => number)).size).toBe(1);
    expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await town.records()).toHaveLength(1);
  });

  it('refuses the same key with other content and stores nothing', async () => {
    await town.say({ text: 'bir' }, 'k');
    await expect(town.say({ text: 'iki' }, 'k')).rejects.toMatchObject({ code: 'idempotency_conflict' });
    expect(await town.records()).toHaveLength(1);
  });

  it.each([
    [{ text: '  ' }, 'invalid_request'],
    [{ account: 'yok' }, 'unknown_account'],
    [{ attachments: [{ upload: 'up_x' }] }, 'unknown_upload'],
    [{ thread: 'SOK-26-0000001-0' }, 'invalid_request'],
  ])('refuses %j as %s', async (submission, code) => {
    await expect(town.say(submission, 'k')).rejects.toMatchObject({ code });
    expect(await town.records()).toEqual([]);
  });

  it('takes messages that join one record at once, one after the other', async () => {
    const { number } = await town.say({ text: 'ilk' }, 'k0');
    const joined = await Promise.all(
      [1, 2, 3, 4].map((n) => town.say({ text: `ek ${n}`, thread: number }, `k${n}`)),
    );
    expect(new Set(joined.map((receipt) => receipt.number))).toEqual(new Set([number]));
    expect((await town.house.reader.record({ number }))?.record).toMatchObject({ version: 5 });
  });

  it('refuses a file that another record has already, for good', async () => {
    const content = (async function* () {
      yield Buffer.from('89504e470d0a1a0a0000000d494844520000000100000001', 'hex');
    })();
    const file = { name: 'foto.png', mediaType: 'image/png', content };
    const { id } = await upload(town.house, file, actor(), { maxBytes: 1000, mediaTypes: keptMediaTypes });
    await town.say({ attachments: [{ upload: id }] }, 'k1');
    await expect(town.say({ attachments: [{ upload: id }] }, 'k2')).rejects.toMatchObject({
      code: 'unknown_upload',
    });
  });

  it('joins a case only with a key that may, else links it', async () => {
    const { number } = await town.say({ text: 'ilk' }, 'k1');
    const joined = await town.say({ text: 'ek', thread: number.toLowerCase() }, 'k2');
    expect(joined).toMatchObject({ number, thread: 'joined' });
    const linked = await town.say({ text: 'yabancı', thread: number }, 'k3', { scopes: new Set(['intake']) });
    expect(linked).toMatchObject({ thread: 'linked', trackingPin: expect.any(String) });
    expect(linked.number).not.toBe(number);
    const view = await town.house.reader.record({ number: linked.number });
    expect(view?.record.links.related).toEqual([number]);
  });
});

describe('the 48-hour clock', () => {
  it.each([
    ['phone', 6, 6],
    ['web', 6, 0],
  ] as const)('of a %s message said %i days ago started %i days ago', async (channel, said, started) => {
    const daysAgo = (days: number) => new Date(noon - days * 86_400_000).toISOString();
    const receipt = await town.say({ channel, occurredAt: daysAgo(said) }, 'k1');
    const view = await town.house.reader.record({ number: receipt.number });
    expect(Date.parse(view?.record.deadlines[0]?.startedAt ?? '')).toBe(Date.parse(daysAgo(started)));
    expect(Date.parse(receipt.promiseDueAt ?? '')).toBe(Date.parse(daysAgo(started - 2)));
    expect(Date.parse(view?.record.receivedAt ?? '')).toBe(noon);
  });
});

describe('a repeat', () => {
  it.each([
    ['with the same content', {}],
    ['with other content', { text: 'başka' }],
  ])('%s uses up no record number', async (_name, other) => {
    const first = await town.say({}, 'k1');
    const repeats = Array.from({ length: 20 }, () => town.say(other, 'k1').catch(() => undefined));
    await Promise.all(repeats);
    for (let n = 0; n < 20; n += 1) await town.say(other, 'k1').catch(() => undefined);
    const serial = (number: string) => Number(number.split('-')[2]);
    const numbers = await Promise.all(Array.from({ length: 30 }, (_, n) => town.say({}, `n${n}`)));
    const serials = numbers.map(({ number }) => serial(number));
    expect(new Set(serials).size).toBe(30);
    expect(Math.max(...serials)).toBe(serial(first.number) + 30);
  });
});

describe('who joins a record', () => {
  it.each(['at first', 'when it is repeated'])('is not shown its PIN or link, %s', async (when) => {
    const { number } = await town.say({ text: 'ilk' }, 'k1', { name: 'key:other' });
    const join = () => town.say({ text: 'ek', thread: number }, 'k2');
    if (when !== 'at first') await join();
    const receipt = await join();
    expect(receipt).toMatchObject({ number, thread: 'joined', duplicate: when !== 'at first' });
    expect(receipt).not.toHaveProperty('trackingPin');
    expect(receipt).not.toHaveProperty('trackingToken');
  });
});

describe('a file that is fetched later', () => {
  it('amends the record its message is in, once', async () => {
    const { number } = await town.say(
      { attachments: [{ url: 'https://ornek.example/cukur.png' }, { url: 'https://ornek.example/yok.png' }] },
      'k1',
    );
    await town.work();
    await town.work();
    const view = await town.house.reader.record({ number });
    expect(view?.record.attachments).toMatchObject([
      { name: 'cukur.png', state: 'stored', mediaType: 'image/png' },
      { name: 'yok.png', state: 'expired' },
    ]);
    expect(view?.events.map(({ name }) => name)).toEqual(['received', 'amended', 'amended']);
  });

  it('is the same file to a citizen who sends the form twice', async () => {
    const file = () => ({
      name: 'foto.png',
      mediaType: 'image/png',
      content: (async function* () {
        yield Buffer.from('89504e470d0a1a0a0000000d494844520000000100000001', 'hex');
      })(),
    });
    const [first, second] = [
      await upload(town.house, file(), actor(), { maxBytes: 1000, mediaTypes: keptMediaTypes }),
      await upload(town.house, file(), actor(), { maxBytes: 1000, mediaTypes: keptMediaTypes }),
    ];
    const receipt = await town.say({ attachments: [{ upload: first.id }] }, 'form-1');
    const again = await town.say({ attachments: [{ upload: second.id }] }, 'form-1');
    expect(again).toMatchObject({
      number: receipt.number,
      duplicate: true,
      trackingToken: receipt.trackingToken,
    });
    await expect(
      town.say({ attachments: [{ upload: first.id }], text: 'başka' }, 'form-1'),
    ).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
    await expect(
      town.say({ attachments: [{ upload: first.id }] }, 'k9', { name: 'key:other' }),
    ).rejects.toMatchObject({
      code: 'unknown_upload',
    });
  });
});
