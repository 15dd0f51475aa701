import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../../src/compose/store.ts';
import { entranceEntry, idOf } from '../../src/contract/testing/store/samples.ts';
import { loadKeyRing } from '../../src/sealing/index.ts';
import { ask, missingPostgres, testUrl } from '../../src/store/postgres/testing.ts';

const missing = await missingPostgres();

/** Choosing an engine is a line of the configuration. */
describe('the store that the configuration names', () => {
  const schema = `kapi_test_compose_${process.pid}`;
  let dataDir = '';
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'kapi-store-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  const acceptAndFind = async (store: Parameters<typeof openStore>[0]): Promise<string | undefined> => {
    const open = () =>
      openStore(store, {
        dataDir,
        keys: loadKeyRing(dataDir),
        institution: 'ornek',
        onFatal: (error) => {
          throw error;
        },
      });
    const first = await open();
    await first.pipeline.accept([entranceEntry(1)]);
    await first.close();
    const again = await open();
    const found = await again.reader.record({ id: idOf('re', 1) });
    await again.close();
    return found?.record.id;
  };

  test('is the embedded one where nothing else is said', async () => {
    expect(await acceptAndFind({ engine: 'sqlite', ballastMiB: 0 })).toBe(idOf('re', 1));
  });

  test.skipIf(missing !== undefined)(
    `is a PostgreSQL database${missing ? ` (${missing})` : ''}`,
    async () => {
      await ask(`CREATE SCHEMA ${schema}`);
      try {
        expect(await acceptAndFind({ engine: 'postgres', url: testUrl, schema, ballastMiB: 0 })).toBe(
          idOf('re', 1),
        );
        const [row] = await ask(`SELECT count(*)::int AS n FROM ${schema}.records`);
        expect(row?.n).toBe(1);
      } finally {
        await ask(`DROP SCHEMA ${schema} CASCADE`);
      }
    },
  );

  test('needs its address', async () => {
    await expect(acceptAndFind({ engine: 'postgres', ballastMiB: 0 })).rejects.toMatchObject({
      code: 'config_invalid',
    });
  });
});
