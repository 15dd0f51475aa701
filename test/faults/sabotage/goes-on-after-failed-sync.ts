import type { Command, GroupResult } from '../../../src/store/shared/command.ts';
import { type EngineOptions, SqliteEngine as Honest } from '../../../src/store/sqlite/engine.ts';

export type { EngineOptions };

export class SqliteEngine {
  readonly #options: EngineOptions;
  #engine: Honest;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#engine = new Honest(options);
  }

  run(commands: readonly Command[]): GroupResult {
    const { fatal, ...result } = this.#engine.run(commands);
    if (fatal !== undefined) this.#engine = new Honest(this.#options);
    return result;
  }

  close(): void {
    this.#engine.close();
  }
}
