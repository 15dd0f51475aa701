import { expect, it } from 'vitest';
import type { Change, NoticeState } from '../../store.ts';
import type { OpenStore } from '../store.ts';
import {
  account,
  claimAt,
  claimOne,
  entranceEntry,
  idOf,
  noon,
  sampleNotice,
  saveOne,
  settlement,
} from './samples.ts';

const put = (step = 1, over = {}): Change => ({
  do: 'put-notice',
  notice: sampleNotice(1, step, over),
  dueAt: noon,
});
const move = (to: NoticeState, from: readonly NoticeState[], ref?: string): Change => ({
  do: 'move-notice',
  id: idOf('no', 101),
  from,
  to,
  at: noon,
  ...(ref !== undefined && { ref }),
});
const report = (state: 'sent' | 'delivered' | 'failed', ref = 'SM1'): Change => ({
  do: 'put-report',
  account,
  ref,
  state,
  at: noon,
  reason: 'code 30003',
});

/** Promise 7: what becomes of a message to the citizen. */
export function notifyingRows(open: OpenStore): void {
  it('gives a notice with its record and what was tried before it', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [put(1)]);
    const work = await claimOne(store, 'notify');
    expect(work).toMatchObject({ notice: sampleNotice(1), earlier: [], record: { id: idOf('re', 1) } });
    await saveOne(
      store,
      [move('failed', ['pending']), put(2, { channel: 'email', to: 'a@example.org' })],
      settlement('notify', work),
    );
    const next = await claimOne(store, 'notify');
    expect(next.notice).toMatchObject({ step: 2, to: 'a@example.org' });
    expect(next.earlier).toMatchObject([{ step: 1, state: 'failed' }]);
  });

  it('is not claimable before its time, nor when it was suppressed', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [put(1), put(2, { state: 'suppressed', reason: 'confidential' })]);
    expect(await store.pipeline.claim('notify', claimAt({ now: noon - 1 }))).toEqual([]);
    expect(await store.pipeline.claim('notify', claimAt({ now: noon }))).toHaveLength(1);
    expect((await store.reader.record({ id: idOf('re', 1) }))?.notices).toMatchObject([
      { step: 1, state: 'pending' },
      { step: 2, state: 'suppressed', reason: 'confidential' },
    ]);
  });

  it('is unique by event, kind and step', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [put(1)]);
    expect(await saveOne(store, [put(1, { id: idOf('no', 999) })])).toEqual({
      result: 'exists',
      what: 'notice',
    });
    expect(await saveOne(store, [put(1, { id: idOf('no', 999), kind: 'survey' })])).toEqual({
      result: 'saved',
    });
  });

  it('moves only from a state it is in', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [put(1)]);
    expect(await saveOne(store, [move('sent', ['sending'])])).toEqual({ result: 'exists', what: 'notice' });
    expect(await saveOne(store, [move('sending', ['pending'])])).toEqual({ result: 'saved' });
    expect(await saveOne(store, [move('sending', ['pending'])])).toEqual({
      result: 'exists',
      what: 'notice',
    });
  });

  it.each<{ reports: ('sent' | 'delivered' | 'failed')[]; state: NoticeState; claimable: number }>([
    { reports: ['delivered'], state: 'delivered', claimable: 0 },
    { reports: ['delivered', 'sent'], state: 'delivered', claimable: 0 },
    { reports: ['failed'], state: 'failed', claimable: 1 },
    { reports: ['delivered', 'failed'], state: 'delivered', claimable: 0 },
    { reports: ['failed', 'delivered'], state: 'failed', claimable: 1 },
  ])('the reports $reports leave a sent notice $state', async ({ reports, state, claimable }) => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [put(1)]);
    const work = await claimOne(store, 'notify');
    await saveOne(
      store,
      [move('sending', ['pending']), move('sent', ['sending'], 'SM1')],
      settlement('notify', work),
    );
    for (const one of reports) await saveOne(store, [report(one)]);
    expect((await store.reader.record({ id: idOf('re', 1) }))?.notices).toMatchObject([
      { state, ref: 'SM1', sentAt: noon },
    ]);
    expect(await store.pipeline.claim('notify', claimAt())).toHaveLength(claimable);
  });

  it('a report that comes before its notice is sent waits for it', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [put(1)]);
    const work = await claimOne(store, 'notify');
    await saveOne(store, [move('sending', ['pending'])]);
    await saveOne(store, [report('failed')]);
    await saveOne(store, [report('delivered', 'other')]);
    await saveOne(store, [move('sent', ['sending'], 'SM1')], settlement('notify', work));
    expect((await claimOne(store, 'notify')).notice).toMatchObject({ state: 'failed', reason: 'code 30003' });
  });

  it('parked, it is a dead letter', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [put(1)]);
    await store.pipeline.settle([
      settlement('notify', await claimOne(store, 'notify'), {
        end: 'parked',
        code: 'provider_rejected',
        detail: 'unknown number',
      }),
    ]);
    expect((await store.reader.deadLetters({ limit: 10 })).items).toMatchObject([
      {
        what: 'notice',
        id: idOf('no', 101),
        destination: account,
        code: 'provider_rejected',
        detail: 'unknown number',
      },
    ]);
    expect(await store.pipeline.claim('notify', claimAt())).toEqual([]);
  });

  it('leads back to its record, so that a reply finds its case', async () => {
    const { store } = await open();
    await store.pipeline.accept([entranceEntry(1)]);
    await saveOne(store, [put(1)]);
    expect((await store.reader.recordByNotice(idOf('no', 101)))?.record.id).toBe(idOf('re', 1));
    expect(await store.reader.recordByNotice('unknown')).toBeUndefined();
  });

  it('keeps who does not want to hear from an account, whichever word came last', async () => {
    const { store } = await open();
    const out = (value: boolean, at: number): Change => ({
      do: 'opt-out',
      account,
      address: '+905321234567',
      out: value,
      at,
    });
    await saveOne(store, [out(true, noon)]);
    expect(await store.reader.optedOut(account, '+905321234567')).toBe(true);
    expect(await store.reader.optedOut('other', '+905321234567')).toBe(false);
    await saveOne(store, [out(false, noon - 1)]);
    expect(await store.reader.optedOut(account, '+905321234567')).toBe(true);
    await saveOne(store, [out(false, noon + 1)]);
    expect(await store.reader.optedOut(account, '+905321234567')).toBe(false);
  });
}
