import { openSqliteStore as open } from '../../../src/store/sqlite/index.ts';
import { withPipeline } from './wrap-store.ts';

export * from '../../../src/store/sqlite/index.ts';

const laterMs = 500;

export const openSqliteStore = withPipeline(open, (real) => ({
  async accept(entries) {
    for (const { envelope, cursor } of entries) {
      if (cursor === undefined) continue;
      await real.save([{ changes: [{ do: 'put-cursor', account: envelope.account, cursor }] }]);
    }
    const whole = entries.map(({ cursor: _cursor, ...entry }) => entry);
    setTimeout(() => void real.accept(whole).catch(() => undefined), laterMs);
    return entries.map(({ envelope }) => ({ result: 'accepted', envelopeId: envelope.id }));
  },
}));
