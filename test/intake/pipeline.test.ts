import { describe, expect, it } from 'vitest';
import { apply } from '../../src/intake/events.ts';
import { createOperations } from '../../src/intake/operations.ts';
import { actor, eachInATown, noon, quietPorts, type Town } from '../support/town.ts';

let town: Town;
eachInATown((fresh) => {
  town = fresh;
});

const at = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();
const settled = 11 * 60_000;
const operations = () => createOperations(town.house, quietPorts);

describe('a provider’s message becomes a record', () => {
  it('with one event and one delivery to coordination', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'Sokağımızda su yok', at: at(0) }]);
    await town.work(settled);
    const [view, ...others] = await town.records();
    expect(others).toEqual([]);
    expect(view?.record).toMatchObject({
      body: 'Sokağımızda su yok',
      status: 'queued',
      version: 1,
      channel: 'sms',
    });
    expect(view?.events.map(({ name, sequence }) => [name, sequence])).toEqual([['received', 1]]);
    expect(await town.house.reader.queue('coordination')).toMatchObject({ ready: 1 });
  });

  it('once, whatever the provider repeats, in any order', async () => {
    const items = [
      { key: 'm1', text: 'bir', at: at(0) },
      { key: 'm2', text: 'iki', at: at(5) },
    ];
    await Promise.all(Array.from({ length: 50 }, () => town.deliver('e1', items)));
    await town.deliver('e2', [...items].reverse());
    await town.work(settled);
    await town.deliver('e3', [...items, { key: 'm3', text: 'üç', at: at(9) }]);
    await town.work(settled);
    const [view, ...others] = await town.records();
    expect(others).toEqual([]);
    expect(view?.record.body).toBe('bir\n\niki\n\nüç');
    expect(view?.events.map(({ name }) => name)).toEqual(['received', 'message_added']);
  });

  it('and a bad item of its batch is quarantined alone', async () => {
    await town.deliver('e1', [
      { key: 'm1', text: 'iyi', at: at(0) },
      { key: 'm2', kind: 'bad' },
      { key: 'm3', kind: 'ignored' },
    ]);
    await town.work(settled);
    expect(await town.records()).toHaveLength(1);
    const { items } = await town.house.reader.quarantine({ limit: 10 });
    expect(items).toMatchObject([{ what: 'item', code: 'payload_item' }]);
  });

  it('or its envelope is quarantined whole, and a replay through a better reading adds what was missed', async () => {
    await town.deliver('bad', []);
    await town.house.pipeline.accept([
      {
        envelope: {
          id: town.house.ids.uuid(),
          adapter: 'chat-test',
          account: 'chat',
          receivedAt: at(0),
          contentType: 'application/json',
          headers: {},
          body: Buffer.from('{"items":7}'),
        },
        key: 'broken',
        contentHash: 'x',
      },
    ]);
    await town.work();
    const { items } = await town.house.reader.quarantine({ limit: 10 });
    expect(items).toMatchObject([{ what: 'envelope', code: 'payload_unreadable' }]);
    await operations().replay(items[0]?.envelopeId ?? '', actor());
    await town.work();
    expect((await town.house.reader.quarantine({ limit: 10 })).items).toHaveLength(1);
  });
});

describe('what is said in one breath is one record', () => {
  it('and what is said later in the day joins it while it is open', async () => {
    await town.deliver('e1', [
      { key: 'm1', text: 'Merhaba', at: at(0) },
      { key: 'm2', text: 'parktaki salıncak kırık', at: at(20) },
      { key: 'm3', photo: 'salincak.png', at: at(40) },
    ]);
    await town.work(settled);
    town.clock.advance(3600_000);
    await town.deliver('e2', [{ key: 'm4', text: 'hâlâ kırık', at: at(3600) }]);
    await town.work(settled);
    const [view, ...others] = await town.records();
    expect(others).toEqual([]);
    expect(view?.record.body).toBe('Merhaba\n\nparktaki salıncak kırık\n\nhâlâ kırık');
    expect(view?.record.attachments).toMatchObject([
      { name: 'salincak.png', state: 'stored', mediaType: 'image/png' },
    ]);
  });

  it('and an edit amends the record it is in', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'Nilüfer caddesi', at: at(0) }]);
    await town.work(settled);
    await town.deliver('e2', [{ key: 'm1', text: 'Nilüfer bulvarı', at: at(0) }]);
    await town.work(settled);
    const [view] = await town.records();
    expect(view?.record).toMatchObject({ body: 'Nilüfer bulvarı', version: 2 });
    expect(view?.events.map(({ name }) => name)).toEqual(['received', 'amended']);
  });

  it('and an edit of an old record does not call the talk away from the new one', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'su yok', at: at(0) }]);
    await town.work(settled);
    const [old] = await town.records();
    const answer = { event: 'answered', citizenText: 'Geldi', outcome: 'positive' } as const;
    await apply(town.house, old?.record.number ?? '', answer, actor());
    await town.deliver('e2', [{ key: 'm2', text: 'yol bozuk', at: at(700) }]);
    await town.work(settled);
    await town.deliver('e3', [{ key: 'm1', text: 'suyumuz yok', at: at(0) }]);
    await town.work(settled);
    await town.deliver('e4', [{ key: 'm3', text: 'okulun önünde', at: at(1500) }]);
    await town.work(settled);
    const bodies = (await town.records()).map(({ record }) => record.body);
    expect(bodies).toEqual(['suyumuz yok', 'yol bozuk\n\nokulun önünde']);
  });

  it('and what a clerk has set stays as set through it', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'Yangın merdiveni kırık', at: at(0) }]);
    await town.work(settled);
    const [before] = await town.records();
    const set = { text: 'Yangın merdiveni kırık (okul)', urgency: 'normal' } as const;
    await apply(town.house, before?.record.number ?? '', { event: 'corrected', set }, actor());
    await town.deliver('e2', [{ key: 'm1', text: 'Yangın merdiveni kirik', at: at(0) }]);
    await town.work(settled);
    const [view] = await town.records();
    expect(view?.record).toMatchObject({ body: set.text, urgency: 'normal', version: 3 });
  });

  it('but what an unproven sender says goes to a record of its own', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'su yok', at: at(0) }]);
    await town.work(settled);
    await town.deliver('e2', [{ key: 'm2', text: 'benim adıma da', at: at(900), proven: false }]);
    await town.work(settled);
    expect(await town.records()).toHaveLength(2);
  });

  it('and a provider’s clock that is days ahead makes no message wait for it', async () => {
    await town.deliver('e1', [
      { key: 'm1', text: 'su yok', at: at(9 * 86_400) },
      { key: 'm2', text: 'hâlâ yok', at: 'dün' },
    ]);
    await town.work(settled);
    expect(await town.records()).toHaveLength(1);
  });

  it('but another citizen’s words are another record', async () => {
    await town.deliver('e1', [
      { key: 'm1', text: 'su yok', at: at(0) },
      { key: 'm2', text: 'çöp var', from: '+905329998877', at: at(1) },
    ]);
    await town.work(settled);
    expect(await town.records()).toHaveLength(2);
  });
});

describe('a greeting is not a case', () => {
  it('and is kept and listed', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'Merhaba', at: at(0) }]);
    await town.work(settled);
    expect(await town.records()).toEqual([]);
    const { items } = await town.house.reader.notCases({ limit: 10 });
    expect(items).toMatchObject([{ reason: 'greeting' }]);
    expect(await town.house.reader.queue('coordination')).toMatchObject({ ready: 0 });
  });
});

describe('what looks like spam', () => {
  it.each([
    ['and says that something burns', 'Casino binasında yangın var yaralı var', 'emergency'],
    [
      'and names a matter of the town',
      'Casino deneme bonusu ilanları parka yapıştırılmış, kaldırın',
      'normal',
    ],
    ['by one word alone', 'Casino önünde araçlar yolu kapatıyor', 'normal'],
    ['by nothing but a picture that applauds nobody', '🚨', 'normal'],
  ])('%s is a case', async (_name, text, urgency) => {
    await town.deliver('e1', [{ key: 'm1', text, at: at(0) }]);
    await town.work(settled);
    expect((await town.records()).map(({ record }) => record.urgency)).toEqual([urgency]);
  });

  it('by two of its phrases and nothing else is kept as such', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'Casino! Deneme bonusu!', at: at(0) }]);
    await town.work(settled);
    expect(await town.records()).toEqual([]);
    expect((await town.house.reader.notCases({ limit: 10 })).items).toMatchObject([{ reason: 'spam' }]);
  });
});

describe('a stranger cannot join a case', () => {
  it('who only names its number', async () => {
    await town.deliver('e1', [{ key: 'm1', text: 'su yok', at: at(0) }]);
    await town.work(settled);
    const number = (await town.records())[0]?.record.number ?? '';
    await town.deliver('e2', [
      { key: 'm2', text: 'bana da bilgi verin', from: '+905329998877', numbers: [number], at: at(900) },
    ]);
    await town.work(settled);
    const records = await town.records();
    expect(records).toHaveLength(2);
    expect(records[1]?.record.links.related).toEqual([number]);
    expect(records[0]?.record.version).toBe(1);
  });
});
