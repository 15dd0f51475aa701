import { sha256 } from './hash.ts';
import type { House } from './house.ts';

export interface RefusedCall {
  readonly adapter: string;
  readonly account: string;
  readonly verdict: 'forged' | 'stale';
  readonly body: Uint8Array;
}

const quietMs = 60_000;

/**
 * Logs calls that are not a provider's: of each account and verdict the first at once, then one a minute
 * at most, with the number of those that went by unsaid. A flood costs two numbers and no disk.
 */
export class RefusedCalls {
  readonly #said = new Map<string, { at: number; unsaid: number }>();

  note({ clock, log }: Pick<House, 'clock' | 'log'>, call: RefusedCall): void {
    const { adapter, account, verdict, body } = call;
    const name = `${account} ${verdict}`;
    const last = this.#said.get(name);
    const now = clock.now();
    // A clock set back must not silence it.
    if (last && now >= last.at && now - last.at < quietMs) {
      last.unsaid += 1;
      return;
    }
    this.#said.set(name, { at: now, unsaid: 0 });
    const unsaid = last?.unsaid ?? 0;
    const line = { adapter, account, verdict, bytes: body.byteLength, sha256: sha256(body), unsaid };
    log.warn(line, 'a call was refused');
  }
}
