import type { Gateway } from '../intake/gateway.ts';
import type { House } from '../intake/house.ts';
import { type RetentionLimits, retain } from '../intake/retention.ts';
import { describe } from '../intake/stage.ts';

export interface HousekeepingParts {
  readonly house: House;
  readonly gateway: Pick<Gateway, 'operations'>;
  /** As configured now. */
  readonly limits: () => RetentionLimits;
  /** Drops files that no row refers to any more. */
  readonly sweepBlobs: () => Promise<number>;
}

const hourMs = 3600_000;

/** Once an hour after the start, then once a day: erases what has had its time, sweeps what nothing refers to. */
export function startHousekeeping(parts: HousekeepingParts): () => void {
  const { house } = parts;
  async function clean(): Promise<void> {
    try {
      const erased = await retain(house, parts.gateway.operations, parts.limits());
      const files = await parts.sweepBlobs();
      house.log.info({ erased, files }, 'housekeeping');
    } catch (error) {
      house.log.error({ error: describe(error) }, 'housekeeping failed; it is tried again tomorrow');
    }
  }
  let daily: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    void clean();
    daily = setInterval(() => void clean(), 24 * hourMs);
    daily.unref();
  }, hourMs);
  first.unref();
  return () => {
    clearTimeout(first);
    clearInterval(daily);
  };
}
