import type { AccountHealth, PullBatch, PulledEnvelope, PullSource, Store } from '@kapi/contract';
import { codeOf, TransientError, toEpoch } from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import { stands, toEntry } from './accept.ts';
import type { House } from './house.ts';
import type { RunningAccount } from './running.ts';
import { backoffMs, describe } from './stage.ts';

export interface PullLoop {
  stop(graceMs: number): Promise<void>;
}

const holdMs = 30_000;

/** For the operator: what a coded error says holds no secret; any other may quote anything. */
const reasonOf = (error: unknown): string =>
  codeOf(error) !== undefined && error instanceof Error ? error.message : 'the source failed';

/** As the source says, but never later than now. */
function receivedAt({ receivedAt: claimed }: PulledEnvelope, now: number): number {
  const at = claimed === undefined ? now : toEpoch(claimed);
  return Number.isNaN(at) ? now : Math.min(at, now);
}

/**
 * Keeps one pull source of one account open: holds the account's lease, opens the source at the last
 * committed cursor, commits each batch with its cursor in one transaction, then lets the source mark
 * what is stored. A source that ends or throws is opened again with back-off.
 */
export function runPull(
  house: House,
  timers: Store['timers'],
  account: RunningAccount,
  source: PullSource<unknown>,
  holder: string,
  health: (state: AccountHealth) => void,
): PullLoop {
  const stopping = new AbortController();
  const { id } = account.settings;

  async function commit(batch: PullBatch): Promise<void> {
    const now = house.clock.now();
    const entries = batch.envelopes.map((pulled, index) =>
      toEntry(
        house,
        account,
        {
          id: house.ids.uuid(),
          at: receivedAt(pulled, now),
          key: pulled.key,
          contentType: pulled.contentType,
          headers: pulled.headers,
          body: pulled.body,
        },
        // The cursor moves with the last envelope of the batch, in the same transaction.
        index === batch.envelopes.length - 1 ? batch.cursor : undefined,
      ),
    );
    let refused: unknown;
    const outcomes = await house.pipeline.accept(entries).catch((error: unknown) => {
      refused = error;
      return entries.map(() => undefined);
    });
    failpoint('before-mark');
    const marking = batch.settle(outcomes.map((outcome) => (stands(outcome) ? 'stored' : 'left')));
    failpoint('mid-mark');
    await marking;
    failpoint('after-mark');
    if (refused !== undefined) throw refused;
    // One envelope alone was not taken: the source offers it again and meanwhile goes on with the others.
    for (const outcome of outcomes) {
      if (outcome?.result !== 'failed') continue;
      const { code, detail } = outcome;
      house.log.error({ account: id, code, detail }, 'an envelope could not be stored and was left');
    }
  }

  /** Nothing to take, but the source has come on: so that it need not look there again. */
  async function moveOn(batch: PullBatch): Promise<void> {
    if (batch.cursor !== undefined) {
      const change = { do: 'put-cursor', account: id, cursor: batch.cursor } as const;
      const [outcome] = await house.pipeline.save([{ changes: [change] }]);
      if (outcome?.result !== 'saved')
        throw new TransientError('store_unavailable', 'the cursor was not stored');
    }
    await batch.settle([]);
  }

  async function session(): Promise<void> {
    const lost = new AbortController();
    const signal = AbortSignal.any([stopping.signal, lost.signal]);
    const renewal = setInterval(() => {
      timers.hold(id, holder, holdMs, house.clock.now()).then(
        (held) => held ?? lost.abort(),
        () => lost.abort(),
      );
    }, holdMs / 3);
    try {
      const cursor = await house.reader.cursor(id);
      for await (const batch of source.open(account.context(signal, cursor))) {
        if (batch.envelopes.length > 0) await commit(batch);
        else await moveOn(batch);
        if (signal.aborted) break;
      }
    } finally {
      clearInterval(renewal);
    }
  }

  const loop = (async () => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const held = await timers.hold(id, holder, holdMs, house.clock.now()).catch(() => undefined);
      if (held === undefined) {
        health({ state: 'connecting', detail: 'another process holds this account' });
        await house.clock.sleep(holdMs / 3, stopping.signal).catch(() => undefined);
        continue;
      }
      const openedAt = house.clock.now();
      let askedMs = 0;
      try {
        await session();
        failures = 0;
      } catch (error) {
        // A session that lived for a while starts the back-off anew.
        failures = house.clock.now() - openedAt > 60_000 ? 1 : failures + 1;
        askedMs = (error as { retryAfterMs?: number } | null)?.retryAfterMs ?? 0;
        health({ state: 'failing', detail: reasonOf(error) });
        house.log.warn({ account: id, error: describe(error), failures }, 'a pull source ended');
      }
      if (stopping.signal.aborted) break;
      const waitMs = Math.max(backoffMs(Math.max(1, failures)), askedMs);
      await house.clock.sleep(waitMs, stopping.signal).catch(() => undefined);
    }
    await timers.release(id, holder).catch(() => undefined);
    health({ state: 'stopped' });
  })();

  return {
    async stop(graceMs) {
      stopping.abort();
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        loop,
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, graceMs);
        }),
      ]);
      clearTimeout(timer);
    },
  };
}
