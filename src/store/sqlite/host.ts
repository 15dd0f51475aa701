import type { Hosted } from '../shared/grouping.ts';
import { type EngineOptions, SqliteEngine } from './engine.ts';

/** In this thread: for commands and tests; each commit holds up the event loop. */
export function hostInline(options: EngineOptions): Hosted {
  const engine = new SqliteEngine(options);
  return {
    run: (commands, done) => done(engine.run(commands)),
    close: async () => engine.close(),
  };
}
