import { expect, it } from 'vitest';
import type { Change } from '../../store.ts';
import type { OpenStore } from '../store.ts';
import {
  claimAt,
  claimOne,
  entranceEntry,
  idOf,
  noon,
  putMessage,
  queue,
  readInto,
  recordStep,
  sampleEvent,
  sampleNotice,
  sampleRecord,
  saveOne,
  settlement,
} from './samples.ts';

const erase = (what: Extract<Change, { do: 'erase' }>['what']): Change => ({
  do: 'erase',
  what,
  at: noon,
  actor: 'key:dpo',
  reason: 'request',
});

/** Promise 10: gone when its time is up, while keys and books stay. */
export function erasingRows(open: OpenStore): void {
  it('an erased record is gone everywhere, its repeat is known and recreates nothing', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
    await saveOne(store, [{ do: 'put-notice', notice: sampleNotice(1), dueAt: noon }]);
    await saveOne(store, [erase({ recordId: idOf('re', 1) })]);
    expect(await store.reader.record({ id: idOf('re', 1) })).toBeUndefined();
    expect((await store.reader.records({ limit: 10 })).items.map(({ id }) => id)).toEqual([idOf('re', 2)]);
    expect(await store.reader.envelope(idOf('en', 1))).toMatchObject({
      state: 'erased',
      envelope: { headers: {} },
    });
    expect(await store.reader.messages(idOf('re', 1))).toEqual([]);
    expect(await store.pipeline.claim('notify', claimAt())).toEqual([]);
    expect((await store.reader.stream(0, 10)).events.map(({ recordId }) => recordId)).toEqual([
      idOf('re', 2),
    ]);
    expect(await store.pipeline.accept([entranceEntry(1)])).toEqual([
      { result: 'repeated', sameContent: true },
    ]);
    expect((await store.reader.audit({ limit: 10 })).items).toMatchObject([
      { action: 'erased', actor: 'key:dpo', subject: idOf('re', 1) },
    ]);
    expect(await store.reader.recount()).toEqual(await store.reader.books());
  });

  it('what was not delivered yet is not; the erasure itself can be told in the same save', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    const work = await claimOne(store, 'forward');
    const told: Change = {
      do: 'put-event',
      event: sampleEvent(1, 2, { name: 'erased', data: {} }),
      destinations: [{ name: queue, profile: 'masked' }],
    };
    expect(await saveOne(store, [erase({ recordId: idOf('re', 1) }), told])).toEqual({
      result: 'saved',
      reached: { records: 1 },
    });
    expect(await store.pipeline.settle([settlement('forward', work)])).toEqual([{ result: 'stale' }]);
    const next = await claimOne(store, 'forward');
    expect(next).toMatchObject({ type: 'kapi.record.erased.v1', subject: sampleRecord(1).number });
    expect(Buffer.from(next.body).toString()).not.toContain('çukur');
    expect(await store.reader.queue(queue)).toMatchObject({ erased: 1, claimed: 1 });
  });

  it('a record can be written anew after its erasure, as a stub without a person', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [
      erase({ recordId: idOf('re', 1) }),
      ...recordStep(1, 2, {
        record: { body: '', citizen: { type: 'anonymous', phones: [], emails: [], handles: [], needs: [] } },
      }),
    ]);
    expect((await store.reader.record({ id: idOf('re', 1) }))?.record.body).toBe('');
    expect((await store.reader.records({ limit: 10 })).items).toEqual([]);
    expect(Buffer.from((await claimOne(store, 'forward')).body).toString()).not.toContain('Ayşe');
  });

  it('an envelope that others have items in stays until its time is up', async () => {
    const { store } = await open();
    await readInto(store, [1], () => [
      putMessage(1),
      putMessage(2, { envelope: 1, sender: '+905550000000' }),
    ]);
    for (const work of await store.pipeline.claim('assemble', claimAt())) {
      const n = work.messages[0]?.id === idOf('me', 1) ? 1 : 2;
      await saveOne(
        store,
        [
          ...recordStep(n),
          {
            do: 'place-message',
            messageId: idOf('me', n),
            revision: 1,
            to: { state: 'in-record', recordId: idOf('re', n) },
          },
        ],
        settlement('assemble', work),
      );
    }
    await saveOne(store, [erase({ recordId: idOf('re', 1) })]);
    expect(await store.reader.envelope(idOf('en', 1))).toMatchObject({ state: 'read' });
    await saveOne(store, [erase({ recordId: idOf('re', 2) })]);
    expect(await store.reader.envelope(idOf('en', 1))).toMatchObject({ state: 'erased' });
    expect((await store.reader.books()).find(({ unit }) => unit === 'item')?.parts).toMatchObject({
      messages: 0,
      erased: 2,
    });
  });

  it('erases all records of a person and the messages outside records', async () => {
    const { store } = await open();
    await store.pipeline.accept([
      entranceEntry(1),
      entranceEntry(2, { record: { citizen: { ...sampleRecord(2).citizen, phones: ['+905550000000'] } } }),
    ]);
    await readInto(store, [3], (n) => [putMessage(n)]);
    const subject = { kind: 'phone', value: '+905321234567' } as const;
    const outcome = await saveOne(store, [erase({ subject })]);
    expect(outcome).toEqual({ result: 'saved', reached: { records: 1, messages: 1 } });
    const rows = (await store.reader.audit({ limit: 10 })).items.length;
    expect(await saveOne(store, [erase({ subject })])).toMatchObject({ result: 'failed', code: 'not_found' });
    expect((await store.reader.audit({ limit: 10 })).items).toHaveLength(rows);
    expect((await store.reader.records({ limit: 10 })).items.map(({ id }) => id)).toEqual([idOf('re', 2)]);
    expect(await store.pipeline.claim('assemble', claimAt())).toEqual([]);
    expect(await store.reader.envelope(idOf('en', 3))).toMatchObject({ state: 'erased' });
    expect(await store.reader.recount()).toEqual(await store.reader.books());
  });

  it('drops raw envelopes by age: records stay whole, unread and settling ones stay', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await readInto(store, [2], (n) => [putMessage(n)]);
    await store.pipeline.accept(
      [{ ...entranceEntry(3), key: 'key-3b' }].map(({ changes: _changes, ...entry }) => entry),
    );
    await saveOne(store, [erase({ envelopesBefore: noon + 1 })]);
    const states = await Promise.all(
      [1, 2, 3].map(async (n) => (await store.reader.envelope(idOf('en', n)))?.state),
    );
    expect(states).toEqual(['erased', 'read', 'unread']);
    expect((await store.reader.record({ id: idOf('re', 1) }))?.record.body).toBe('Sokakta çukur var 1');
    expect(await store.reader.messages(idOf('re', 1))).toHaveLength(1);
    expect(await store.reader.recount()).toEqual(await store.reader.books());
  });
}
