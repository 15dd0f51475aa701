import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Stage } from '@kapi/contract';
import { afterEach, expect, it } from 'vitest';
import {
  account,
  claimAt,
  entranceEntry,
  idOf,
  noon,
  putMessage,
  queue,
  readInto,
  sampleEntry,
  sampleNotice,
  saveOne,
} from '../../contract/testing/store/samples.ts';
import { loadKeyRing } from '../../sealing/index.ts';
import { openSqliteStore, type SqliteStore } from './index.ts';

const folders: string[] = [];
const stores: SqliteStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

async function openIn(dataDir: string, onDamage: (detail: string) => void = () => undefined) {
  const store = await openSqliteStore({
    dataDir,
    keys: loadKeyRing(dataDir),
    hosting: 'inline',
    institution: 'ornek',
    onFatal: (error) => {
      throw error;
    },
    onDamage,
  });
  stores.push(store);
  return store;
}

const part = { key: 'photo', kind: 'media', wait: 'needed', mediaType: 'image/jpeg' } as const;

/** What stands in the store, which cell of row 1 is then damaged, and where a person sees it. */
const rows: readonly {
  readonly stage: Stage;
  readonly fill: (store: SqliteStore) => Promise<unknown>;
  readonly damage: string;
  readonly left: number;
  readonly seen: (store: SqliteStore) => Promise<readonly { readonly code: string }[]>;
}[] = [
  {
    stage: 'read',
    fill: (store) => store.pipeline.accept([sampleEntry(1), sampleEntry(2)]),
    damage: 'UPDATE envelopes SET sealed = zeroblob(length(sealed)) WHERE eid = 1',
    left: 1,
    seen: async (store) => (await store.reader.quarantine({ limit: 9 })).items,
  },
  {
    stage: 'read',
    fill: (store) => store.pipeline.accept([sampleEntry(1), sampleEntry(2)]),
    damage: 'UPDATE envelopes SET dek = zeroblob(length(dek)) WHERE eid = 1',
    left: 1,
    seen: async (store) => (await store.reader.quarantine({ limit: 9 })).items,
  },
  {
    stage: 'fetch',
    fill: (store) =>
      store.pipeline.accept([sampleEntry(1, { parts: [part] }), sampleEntry(2, { parts: [part] })]),
    damage: 'UPDATE parts SET sealed = zeroblob(length(sealed)) WHERE pid = 1',
    left: 1,
    seen: async () => [{ code: 'data_damaged' }],
  },
  {
    stage: 'assemble',
    fill: (store) => readInto(store, [1, 2], (n) => [putMessage(n, { sender: `+9053200000${n}` })]),
    damage: 'UPDATE messages SET sealed = zeroblob(length(sealed)) WHERE mid = 1',
    left: 1,
    seen: async (store) => (await store.reader.quarantine({ limit: 9 })).items,
  },
  {
    stage: 'forward',
    fill: (store) => store.pipeline.accept([entranceEntry(1), entranceEntry(2)]),
    damage:
      'UPDATE record_versions SET sealed = zeroblob(length(sealed)) WHERE vid = (SELECT min(vid) FROM record_versions)',
    left: 1,
    seen: async (store) => (await store.reader.deadLetters({ limit: 9 })).items,
  },
  {
    stage: 'notify',
    fill: async (store) => {
      await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
      await saveOne(
        store,
        [1, 2].map((n) => ({ do: 'put-notice', notice: sampleNotice(n), dueAt: noon })),
      );
    },
    damage: 'UPDATE notices SET sealed = zeroblob(length(sealed)) WHERE nid = 1',
    left: 1,
    seen: async (store) => (await store.reader.deadLetters({ limit: 9 })).items,
  },
  {
    stage: 'timer',
    fill: async (store) => {
      await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
      await saveOne(
        store,
        [1, 2].map((n) => ({
          do: 'put-timer',
          timer: { id: `t${n}`, kind: 'promise', recordId: idOf('re', n), dueAt: noon },
        })),
      );
    },
    damage:
      'UPDATE record_versions SET sealed = zeroblob(length(sealed)) WHERE vid = (SELECT min(vid) FROM record_versions)',
    left: 1,
    seen: async () => [{ code: 'data_damaged' }],
  },
];

it.each(rows)('a row of $stage damaged by «$damage» is parked alone, seen and told of', async (row) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'kapi-damage-'));
  folders.push(dataDir);
  const before = await openIn(dataDir);
  await row.fill(before);
  await before.close();
  const db = new DatabaseSync(join(dataDir, 'kapi.db'));
  expect(db.prepare(row.damage).run().changes).toBe(1);
  db.close();

  const told: string[] = [];
  const store = await openIn(dataDir, (detail) => told.push(detail));
  const options = claimAt({ accounts: [account], ...(row.stage === 'forward' && { destination: queue }) });
  expect(await store.pipeline.claim(row.stage, options)).toHaveLength(row.left);
  expect(told).toEqual([expect.stringContaining(row.stage)]);
  expect((await row.seen(store)).map(({ code }) => code)).toEqual(['data_damaged']);
  expect(await store.pipeline.claim(row.stage, options)).toEqual([]);
  expect(told).toHaveLength(1);
  expect(await store.reader.recount()).toEqual(await store.reader.books());
});

it('a damaged record is left out of the stream, and what comes after it still arrives', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'kapi-damage-'));
  folders.push(dataDir);
  const before = await openIn(dataDir);
  await before.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
  await before.close();
  const db = new DatabaseSync(join(dataDir, 'kapi.db'));
  db.exec(
    'UPDATE record_versions SET sealed = zeroblob(length(sealed)) WHERE vid = (SELECT min(vid) FROM record_versions)',
  );
  db.close();
  const store = await openIn(dataDir);
  expect((await store.reader.stream(0, 10)).events.map(({ recordId }) => recordId)).toEqual([idOf('re', 2)]);
});
