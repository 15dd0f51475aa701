import { expect, it } from 'vitest';
import type { Change } from '../../store.ts';
import type { OpenStore } from '../store.ts';
import {
  claimAt,
  claimOne,
  idOf,
  later,
  noon,
  putMessage,
  readInto,
  recordStep,
  saveOne,
  settlement,
} from './samples.ts';

const place = (n: number, revision: number, record: number): Change => ({
  do: 'place-message',
  messageId: idOf('me', n),
  revision,
  to: { state: 'in-record', recordId: idOf('re', record) },
});

/** Items become messages, messages settle in conversations, revisions find their record. */
export function assemblingRows(open: OpenStore): void {
  it('gives the messages of one sender together once they have been quiet long enough', async () => {
    const { store } = await open();
    await readInto(store, [1, 2], (n) => [putMessage(n, { at: noon + n * 50_000 })]);
    expect(await store.pipeline.claim('assemble', claimAt({ now: later(159_999) }))).toEqual([]);
    const work = await claimOne(store, 'assemble', { now: later(160_000) });
    expect(work.messages.map(({ id }) => id)).toEqual([idOf('me', 1), idOf('me', 2)]);
    expect(work).toMatchObject({ adapter: 'sms-twilio', placed: {} });
    expect(work.last).toBeUndefined();
  });

  it('does not wait for quiet longer than the latest moment', async () => {
    const { store } = await open();
    await readInto(
      store,
      Array.from({ length: 20 }, (_, n) => n + 1),
      (n) => [putMessage(n, { at: noon + n * 50_000 })],
    );
    expect(await store.pipeline.claim('assemble', claimAt({ now: later(649_999) }))).toEqual([]);
    expect(await store.pipeline.claim('assemble', claimAt({ now: later(650_000) }))).toHaveLength(1);
  });

  it('orders messages by provider time and keeps senders apart', async () => {
    const { store } = await open();
    await readInto(store, [1, 2, 3], (n) => [
      putMessage(n, { at: noon - n * 1000, ...(n === 3 && { sender: '+905550000000' }) }),
    ]);
    const works = await store.pipeline.claim('assemble', claimAt());
    expect(works.map((work) => work.messages.map(({ id }) => id)).sort()).toEqual([
      [idOf('me', 2), idOf('me', 1)],
      [idOf('me', 3)],
    ]);
  });

  it('placed messages are done; the next one finds the record of its conversation', async () => {
    const { store } = await open();
    await readInto(store, [1], (n) => [putMessage(n)]);
    const work = await claimOne(store, 'assemble');
    expect(await saveOne(store, [...recordStep(1), place(1, 1, 1)], settlement('assemble', work))).toEqual({
      result: 'saved',
    });
    expect(await store.pipeline.claim('assemble', claimAt())).toEqual([]);
    await readInto(store, [2], (n) => [putMessage(n)]);
    const next = await claimOne(store, 'assemble');
    expect(next.last?.id).toBe(idOf('re', 1));
    expect(next.messages.map(({ id }) => id)).toEqual([idOf('me', 2)]);
    expect(await store.reader.messages(idOf('re', 1))).toMatchObject([
      { id: idOf('me', 1), state: 'in-record' },
    ]);
  });

  it('a message that comes during a claim keeps the conversation due', async () => {
    const { store } = await open();
    await readInto(store, [1], (n) => [putMessage(n)]);
    const work = await claimOne(store, 'assemble');
    await readInto(store, [2], (n) => [putMessage(n)]);
    await saveOne(store, [...recordStep(1), place(1, 1, 1)], settlement('assemble', work));
    expect((await claimOne(store, 'assemble')).messages.map(({ id }) => id)).toEqual([idOf('me', 2)]);
  });

  it('an edit is a revision of its message and comes with the record that holds it', async () => {
    const { store } = await open();
    await readInto(store, [1], (n) => [putMessage(n)]);
    await saveOne(
      store,
      [...recordStep(1), place(1, 1, 1)],
      settlement('assemble', await claimOne(store, 'assemble')),
    );
    await readInto(store, [2], () => [putMessage(1, { envelope: 2, text: 'düzeltilmiş' })]);
    const work = await claimOne(store, 'assemble');
    expect(work.messages).toMatchObject([
      { id: idOf('me', 1), revision: 2, state: 'in-record', content: { text: 'düzeltilmiş' } },
    ]);
    expect(work.placed[idOf('me', 1)]?.record.id).toBe(idOf('re', 1));
    expect(work.placed[idOf('me', 1)]?.messages.map(({ revision }) => revision)).toEqual([2]);
    await saveOne(store, [...recordStep(1, 2), place(1, 2, 1)], settlement('assemble', work));
    expect(await store.pipeline.claim('assemble', claimAt())).toEqual([]);
  });

  it('a late repeat of the text before an edit does not undo the edit', async () => {
    const { store } = await open();
    await readInto(store, [1], (n) => [putMessage(n, { text: 'önce' })]);
    await readInto(store, [2], () => [putMessage(1, { envelope: 2, text: 'sonra' })]);
    await readInto(store, [3], () => [putMessage(1, { envelope: 3, text: 'önce' })]);
    expect((await claimOne(store, 'assemble')).messages).toMatchObject([
      { revision: 2, content: { text: 'sonra' } },
    ]);
    expect((await store.reader.books()).find(({ unit }) => unit === 'item')).toMatchObject({
      total: 3,
      parts: { messages: 2, repeated: 1 },
    });
  });

  it('counts every item of an envelope, and a repeat of one as repeated', async () => {
    const { store } = await open();
    const item = (n: number, kind: 'status' | 'ignored' | 'failed', envelope: number): Change => ({
      do: 'put-item',
      item: { envelopeId: idOf('en', envelope), account: 'sms-153', key: `${kind}-${n}`, contentHash: 'x' },
      kind,
      reason: kind === 'failed' ? 'payload_item' : 'own-loop',
      detail: 'field text is missing',
    });
    await readInto(store, [1], (n) => [
      putMessage(n),
      item(1, 'status', 1),
      item(1, 'ignored', 1),
      item(1, 'failed', 1),
    ]);
    await readInto(store, [2], () => [putMessage(1, { envelope: 2 }), item(1, 'status', 2)]);
    expect((await store.reader.books()).find(({ unit }) => unit === 'item')).toEqual({
      unit: 'item',
      total: 6,
      parts: { messages: 1, statuses: 1, ignored: 1, repeated: 2, failed: 1, erased: 0 },
    });
    expect((await store.reader.quarantine({ limit: 10 })).items).toMatchObject([
      { what: 'item', envelopeId: idOf('en', 1), code: 'payload_item', detail: 'field text is missing' },
    ]);
  });

  it('a replay adds what a newer adapter finds and counts nothing twice', async () => {
    const { store } = await open();
    const failed: Change = {
      do: 'put-item',
      item: { envelopeId: idOf('en', 1), account: 'sms-153', key: 'message-2', contentHash: 'x' },
      kind: 'failed',
      reason: 'payload_item',
    };
    await readInto(store, [1], (n) => [putMessage(n), failed]);
    await saveOne(store, [{ do: 'replay-envelope', id: idOf('en', 1), at: 0 }]);
    const work = await claimOne(store, 'read');
    await saveOne(store, [putMessage(1), putMessage(2, { envelope: 1 })], settlement('read', work));
    expect((await store.reader.books()).find(({ unit }) => unit === 'item')).toEqual({
      unit: 'item',
      total: 2,
      parts: { messages: 2, statuses: 0, ignored: 0, repeated: 0, failed: 0, erased: 0 },
    });
    expect((await store.reader.quarantine({ limit: 10 })).items).toEqual([]);
    expect((await claimOne(store, 'assemble')).messages).toHaveLength(2);
    expect(await store.reader.recount()).toEqual(await store.reader.books());
  });

  it('keeps what is not a case, lists it, and restores it to be assembled', async () => {
    const { store } = await open();
    await readInto(store, [1], (n) => [putMessage(n)]);
    await saveOne(
      store,
      [
        {
          do: 'place-message',
          messageId: idOf('me', 1),
          revision: 1,
          to: { state: 'not-a-case', reason: 'greeting' },
        },
      ],
      settlement('assemble', await claimOne(store, 'assemble')),
    );
    expect((await store.reader.notCases({ limit: 10 })).items).toMatchObject([
      { messageId: idOf('me', 1), reason: 'greeting' },
    ]);
    await saveOne(store, [{ do: 'restore-message', id: idOf('me', 1), at: noon }]);
    expect((await store.reader.notCases({ limit: 10 })).items).toEqual([]);
    const work = await claimOne(store, 'assemble');
    expect(work.messages).toMatchObject([{ id: idOf('me', 1), state: 'settling', restored: true }]);
    await saveOne(store, [...recordStep(1), place(1, 1, 1)], settlement('assemble', work));
    expect(await store.reader.messages(idOf('re', 1))).toMatchObject([
      { state: 'in-record', restored: true },
    ]);
    await readInto(store, [2], (n) => [putMessage(n)]);
    expect((await claimOne(store, 'assemble')).messages[0]).not.toHaveProperty('restored');
  });

  it('restores no message but one that is kept as not a case', async () => {
    const { store } = await open();
    await readInto(store, [1], (n) => [putMessage(n)]);
    expect(await saveOne(store, [{ do: 'restore-message', id: idOf('me', 1), at: noon }])).toMatchObject({
      result: 'exists',
    });
  });

  it('a conversation that cannot be assembled is seen in quarantine, and a replay tries it again', async () => {
    const { store } = await open();
    await readInto(store, [1], (n) => [putMessage(n)]);
    await store.pipeline.settle([
      settlement('assemble', await claimOne(store, 'assemble'), {
        end: 'parked',
        code: 'internal',
        detail: 'a fault',
      }),
    ]);
    expect(await store.pipeline.claim('assemble', claimAt())).toEqual([]);
    expect((await store.reader.quarantine({ limit: 10 })).items).toMatchObject([
      { envelopeId: idOf('en', 1), code: 'internal' },
    ]);
    await saveOne(store, [{ do: 'replay-envelope', id: idOf('en', 1), at: 0 }]);
    expect((await claimOne(store, 'assemble')).messages).toHaveLength(1);
    expect(await store.reader.recount()).toEqual(await store.reader.books());
  });
}
