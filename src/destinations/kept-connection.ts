import { TransientError } from '@kapi/contract';

/** What lies between us and a broker once it is open. */
export interface Open {
  /** Says good-bye, where the protocol has one; the life ends anyway. */
  leave(): Promise<unknown>;
}

/** Ends with the reason why: told by us, or by whoever notices that the connection has gone. */
export type Life = AbortController;

export interface KeptConnection<T extends Open> {
  /**
   * Runs `task` on the connection, which is opened where none is. A task that ends neither way in time,
   * or whose signal aborts, takes the connection with it: nobody can tell a slow one from a dead one, and
   * all that was on its way is sent again under the same ids.
   * @throws TransientError `destination_unavailable`; what `open` and `task` throw
   */
  use<R>(task: (open: T) => Promise<R>, timeoutMs: number, signal: AbortSignal): Promise<R>;
  close(): Promise<void>;
}

const leaveMs = 300;

/**
 * One connection for all sends of a destination, opened by the first of them and again by the first after
 * it was lost. No clock tries again: the waits between tries are those of the deliveries and of the breaker.
 *
 * @param open aborts `life` when the connection ends, closes it when `life` aborts, at any stage.
 */
export function keepConnection<T extends Open>(open: (life: Life) => Promise<T>): KeptConnection<T> {
  let kept: { readonly life: Life; readonly opening: Promise<T> } | undefined;

  function connection() {
    if (kept) return kept;
    const life = new AbortController();
    const opened = { life, opening: open(life) };
    kept = opened;
    life.signal.addEventListener('abort', () => {
      if (kept === opened) kept = undefined;
    });
    opened.opening.catch((error: unknown) => life.abort(error));
    return opened;
  }

  return {
    use(task, timeoutMs, signal) {
      const { life, opening } = connection();
      return new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', cut);
          life.signal.removeEventListener('abort', over);
          settle();
        };
        // A task may know better why it failed, and says so within this turn.
        const over = () => setImmediate(() => end(() => reject(life.signal.reason)));
        const cut = () => life.abort(unavailable('the gateway waited no longer'));
        const timer = setTimeout(
          () => life.abort(unavailable(`no answer within ${timeoutMs} ms`)),
          timeoutMs,
        );
        signal.addEventListener('abort', cut);
        life.signal.addEventListener('abort', over);
        opening.then(task).then(
          (result) => end(() => resolve(result)),
          (error: unknown) => end(() => reject(error)),
        );
        if (signal.aborted) cut();
      });
    },

    async close() {
      if (!kept) return;
      const { life, opening } = kept;
      const leaving = opening.then((opened) => opened.leave()).catch(() => undefined);
      await Promise.race([leaving, delay(leaveMs)]);
      life.abort(unavailable('the destination was closed'));
    },
  };
}

const unavailable = (detail: string) => new TransientError('destination_unavailable', detail);

const delay = (ms: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });
