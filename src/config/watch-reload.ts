import type { EventEmitter } from 'node:events';
import type { Config, Loaded } from './load.ts';
import type { Problem } from './problem.ts';

export interface Reload<Templates> {
  load(): Loaded<Templates>;
  /** The new configuration; rejects where a part will not run with it, then the old goes on. */
  apply(config: Config<Templates>): Promise<void>;
  /** The old configuration goes on; why. */
  refuse(reason: { readonly problems: readonly Problem[] } | { readonly thrown: unknown }): void;
  /** The process, or what stands for it. */
  readonly signals: EventEmitter;
}

/**
 * Reads the configuration anew at each SIGHUP. A bad one changes nothing. Signals that come during a
 * reload lead to one more reload after it. Returns what ends the watching.
 */
export function watchReload<Templates>(reload: Reload<Templates>): () => void {
  let running = false;
  let again = false;
  const once = async () => {
    const loaded = reload.load();
    if (loaded.problems) return reload.refuse({ problems: loaded.problems });
    try {
      await reload.apply(loaded.config);
    } catch (thrown) {
      reload.refuse({ thrown });
    }
  };
  const onSignal = async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await once();
    }
    running = false;
  };
  reload.signals.on('SIGHUP', onSignal);
  return () => {
    reload.signals.off('SIGHUP', onSignal);
  };
}
