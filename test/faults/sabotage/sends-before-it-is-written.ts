import { openSqliteStore as open } from '../../../src/store/sqlite/index.ts';
import { withPipeline } from './wrap-store.ts';

export * from '../../../src/store/sqlite/index.ts';

const laterMs = 2_000;

export const openSqliteStore = withPipeline(open, (real) => ({
  async save(saves) {
    const sending = saves.some(({ changes }) =>
      changes.some((change) => change.do === 'move-notice' && change.to === 'sending'),
    );
    if (!sending) return real.save(saves);
    setTimeout(() => void real.save(saves).catch(() => undefined), laterMs);
    return saves.map(() => ({ result: 'saved' }));
  },
}));
