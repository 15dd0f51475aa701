import { type Blobs, codeOf, type Pipeline, type Store, TransientError } from '@kapi/contract';
import type { Ballast } from '../platform/index.ts';

type Opened = Store & { readonly blobs: Blobs };

/** Senders come again after this long; the ballast looks for room each second. */
const retryAfterMs = 10_000;

const noSpace: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);
const isNoSpace = (thrown: unknown): boolean =>
  thrown instanceof Error && 'code' in thrown && noSpace.has(thrown.code);

/**
 * The store of a disk that may be full. A write that it refuses gives up the ballast; from then on, until
 * there is room again, nothing new is taken in and nothing fetched, and the room is left to what was taken
 * in before: claims, acknowledgements, deliveries, operators.
 */
export function sparing<S extends Opened>(store: S, ballast: Ballast): S {
  const { pipeline, blobs } = store;

  function requireRoom(): void {
    if (!ballast.spent()) return;
    throw new TransientError('store_unavailable', 'The disk is full; nothing new is taken in.', {
      retryAfterMs,
    });
  }

  /** What the verb gives; where it was refused, the ballast is told. */
  async function heeding<T>(verb: () => Promise<T>): Promise<T> {
    try {
      return await verb();
    } catch (thrown) {
      const full = isNoSpace(thrown);
      if (full || codeOf(thrown) === 'store_unavailable') ballast.refused();
      throw full ? new TransientError('store_unavailable', 'The disk is full.', { retryAfterMs }) : thrown;
    }
  }

  const guarded: Pipeline = {
    async accept(entries) {
      requireRoom();
      return heeding(() => pipeline.accept(entries));
    },
    // A file that is fetched takes more room than all else; it waits at its provider.
    claim: async (stage, options) =>
      stage === 'fetch' && ballast.spent() ? [] : heeding(() => pipeline.claim(stage, options)),
    save: (saves) => heeding(() => pipeline.save(saves)),
    settle: (settlements) => heeding(() => pipeline.settle(settlements)),
    reserveNumbers: (prefix, year, count) => heeding(() => pipeline.reserveNumbers(prefix, year, count)),
  };
  return {
    ...store,
    pipeline: guarded,
    blobs: {
      ...blobs,
      async put(content: Parameters<Blobs['put']>[0], maxBytes: number) {
        requireRoom();
        return heeding(() => blobs.put(content, maxBytes));
      },
    },
  };
}
