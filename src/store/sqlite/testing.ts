import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@kapi/contract';
import { loadKeyRing } from '../../sealing/index.ts';
import { openSqliteStore, type SqliteStore } from './index.ts';

/** Stores in folders of their own for one test file; `close` ends and removes all of them. */
export function temporaryStores(hosting: 'inline' | 'thread'): {
  open(): Promise<{ store: SqliteStore; dataDir: string; fatal: Error[]; reopen(): Promise<Store> }>;
  close(): Promise<void>;
} {
  const endings: (() => Promise<void>)[] = [];
  return {
    open: async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'kapi-store-'));
      const fatal: Error[] = [];
      const openHere = (): Promise<SqliteStore> =>
        openSqliteStore({
          dataDir,
          keys: loadKeyRing(dataDir),
          hosting,
          institution: 'ornek',
          onFatal: (error) => fatal.push(error),
        });
      let current = await openHere();
      endings.push(async () => {
        await current.close();
        rmSync(dataDir, { recursive: true, force: true });
      });
      return {
        store: current,
        dataDir,
        fatal,
        reopen: async () => {
          await current.close();
          current = await openHere();
          return current;
        },
      };
    },
    close: async () => {
      for (const end of endings.splice(0)) await end();
    },
  };
}
