import { testStore } from '@kapi/contract/testing';
import { temporaryStores } from './testing.ts';

for (const hosting of ['inline', 'thread'] as const) {
  const stores = temporaryStores(hosting);
  testStore(`SQLite, ${hosting}`, stores.open, stores.close, { runs: hosting === 'inline' ? 40 : 5 });
}
