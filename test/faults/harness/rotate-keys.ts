import { loadKeyRing } from '../../../src/sealing/index.ts';
import { openSqliteStore } from '../../../src/store/sqlite/index.ts';

/** A process that rotates the sealing key of a stopped gateway's folder, and prints how much it wrapped anew. */
const [dataDir = ''] = process.argv.slice(2);
const store = await openSqliteStore({
  dataDir,
  keys: loadKeyRing(dataDir),
  institution: 'ornek',
  onFatal: (error) => {
    throw error;
  },
});
process.stdout.write(`${await store.rotateKey()}\n`);
await store.close();
