import { type ErrorCode, KapiError } from '@kapi/contract';
import type { Answer, AnswerOf, Command, GroupResult } from './command.ts';

/** Where the engine runs. `run` takes a group and answers it after its commit. */
export interface Hosted {
  run(commands: readonly Command[], done: (result: GroupResult) => void): void;
  close(): Promise<void>;
}

interface Waiting {
  readonly command: Command;
  resolve(answer: Answer): void;
}

/**
 * Collects commands into groups of at most `maxCommands`. Answers come in order, after the group's commit. At
 * most `maxInFlight` groups are under way; what comes meanwhile joins the next.
 */
export class Grouping {
  readonly #hosted: Hosted;
  readonly #maxInFlight: number;
  readonly #maxCommands: number;
  readonly #onResult: (result: GroupResult) => void;
  #collected: Waiting[] = [];
  #idle: (() => void) | undefined;
  #inFlight = 0;
  #closed = false;

  constructor(
    hosted: Hosted,
    limits: { readonly maxInFlight: number; readonly maxCommands?: number },
    onResult: (result: GroupResult) => void,
  ) {
    this.#hosted = hosted;
    this.#maxInFlight = limits.maxInFlight;
    this.#maxCommands = limits.maxCommands ?? Number.POSITIVE_INFINITY;
    this.#onResult = onResult;
  }

  /** @throws TransientError `store_unavailable` where the group was not committed */
  run<C extends Command>(command: C): Promise<AnswerOf[C['verb']]> {
    if (this.#closed) return Promise.reject(new KapiError('store_unavailable', 'The store is closed.'));
    return new Promise((resolve, reject) => {
      this.#collected.push({
        command,
        resolve: (answer) =>
          // The engine answers each command with the value of its verb; the types of a list cannot say so.
          'error' in answer ? reject(toError(answer.error)) : resolve(answer.value as AnswerOf[C['verb']]),
      });
      if (this.#collected.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    if (this.#inFlight >= this.#maxInFlight || this.#collected.length === 0) return;
    let group = this.#collected;
    if (group.length > this.#maxCommands) group = this.#collected.splice(0, this.#maxCommands);
    else this.#collected = [];
    this.#inFlight += 1;
    this.#hosted.run(
      group.map(({ command }) => command),
      (result) => {
        this.#inFlight -= 1;
        this.#flush();
        group.forEach((waiting, index) => {
          waiting.resolve(
            result.answers[index] ?? {
              error: { code: 'store_unavailable', message: 'The store gave no answer.' },
            },
          );
        });
        this.#onResult(result);
        if (this.#inFlight === 0 && this.#collected.length === 0) this.#idle?.();
      },
    );
    this.#flush();
  }

  /** Refuses new commands, waits for those under way, closes the engine. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#inFlight > 0 || this.#collected.length > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    await this.#hosted.close();
  }
}

export const toError = ({ code, message }: { code: ErrorCode; message: string }): KapiError =>
  new KapiError(code, message);
