import { openSqliteStore as open } from '../../../src/store/sqlite/index.ts';
import { withPipeline } from './wrap-store.ts';

export * from '../../../src/store/sqlite/index.ts';

const slowerMs = 150;

export const openSqliteStore = withPipeline(open, (real) => ({
  async accept(entries) {
    await new Promise((resolve) => setTimeout(resolve, slowerMs));
    return real.accept(entries);
  },
}));
