import { type Page, type RecordSummary, toEpoch } from '@kapi/contract';
import type { Actor, Operations } from './gateway.ts';
import type { House } from './house.ts';
import { uploadUsableMs } from './upload.ts';

const dayMs = 86_400_000;

const actor: Actor = { name: 'retention', scopes: new Set(), account: 'api' };

export interface RetentionLimits {
  /** No record is older than this without its own time being up: the search begins here. */
  readonly recordDays: number;
  readonly envelopeDays: number;
}

/**
 * What is gone when its time is up (KVKK, periodic destruction): raw envelopes, uploads nobody used, and
 * each record whose own `retainUntil` has passed and that is not on hold. Every erasure is in the audit
 * chain. Answers how many records were erased.
 */
export async function retain(
  house: House,
  operations: Pick<Operations, 'erase'>,
  limits: RetentionLimits,
): Promise<number> {
  const now = house.clock.now();
  const envelopesBefore = now - limits.envelopeDays * dayMs;
  await house.pipeline.save([
    {
      changes: [
        { do: 'erase', what: { envelopesBefore }, at: now, actor: actor.name, reason: 'time is up' },
        { do: 'expire-uploads', before: now - uploadUsableMs },
      ],
    },
  ]);
  let erased = 0;
  let cursor: string | undefined;
  do {
    const page: Page<RecordSummary> = await house.reader.records({
      receivedTo: now - limits.recordDays * dayMs,
      order: 'oldest',
      limit: 100,
      ...(cursor !== undefined && { cursor }),
    });
    for (const { number } of page.items) {
      const view = await house.reader.record({ number });
      const { retainUntil, hold } = view?.record.privacy ?? {};
      if (retainUntil === undefined || hold === true || toEpoch(retainUntil) > now) continue;
      await operations.erase({ number }, 'time is up', actor);
      erased += 1;
    }
    cursor = page.next;
  } while (cursor !== undefined);
  return erased;
}
