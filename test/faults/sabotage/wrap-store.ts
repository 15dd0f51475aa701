import type { Pipeline } from '../../../src/contract/index.ts';
import type { SqliteStore, SqliteStoreOptions } from '../../../src/store/sqlite/index.ts';

type Open = (options: SqliteStoreOptions) => Promise<SqliteStore>;

/** The real store with some verbs of its pipeline replaced. */
export const withPipeline =
  (open: Open, broken: (real: Pipeline) => Partial<Pipeline>): Open =>
  async (options) => {
    const store = await open(options);
    return { ...store, pipeline: { ...store.pipeline, ...broken(store.pipeline) } };
  };
