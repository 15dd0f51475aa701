import { testStore } from '@kapi/contract/testing';
import { describe, it } from 'vitest';
import { missingPostgres, temporaryStores } from './testing.ts';

const missing = await missingPostgres();
if (missing === undefined) {
  const stores = temporaryStores();
  testStore('PostgreSQL', stores.open, stores.close, { runs: 10 });
} else describe.skip(`store contract: PostgreSQL (${missing})`, () => it('runs', () => undefined));
