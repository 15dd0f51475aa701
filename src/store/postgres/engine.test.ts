import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from '@kapi/contract';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import {
  account,
  claimAt,
  claimOne,
  entranceEntry,
  idOf,
  noon,
  putMessage,
  queue,
  readInto,
  recordStep,
  sampleEntry,
  sampleNotice,
  saveOne,
  settlement,
} from '../../contract/testing/store/samples.ts';
import { KeyRing } from '../../sealing/index.ts';
import { loadPg } from './connect.ts';
import { judgeServer, openPostgresStore, type PostgresStore } from './index.ts';
import { missingPartitions, monthOf } from './partitions.ts';
import { faultsOf, remarksOf, type ServerSettings } from './server.ts';
import { ask, missingPostgres, temporaryStores, testUrl } from './testing.ts';
import { startProxy } from './testing-proxy.ts';

const missing = await missingPostgres();

describe('what a server must promise', () => {
  const safe: ServerSettings = {
    version: 150_020,
    fsync: 'on',
    fullPageWrites: 'on',
    synchronousCommit: 'on',
    dataChecksums: 'on',
    dataSyncRetry: 'off',
  };
  it.each<{ over: Partial<ServerSettings>; faults: readonly RegExp[]; remarks: number }>([
    { over: {}, faults: [], remarks: 0 },
    { over: { fsync: 'off' }, faults: [/fsync is off/], remarks: 0 },
    { over: { fullPageWrites: 'off' }, faults: [/full_page_writes is off/], remarks: 0 },
    { over: { synchronousCommit: 'off' }, faults: [/synchronous_commit is off/], remarks: 0 },
    { over: { dataSyncRetry: 'on' }, faults: [/data_sync_retry is on/], remarks: 0 },
    { over: { version: 130_012 }, faults: [/PostgreSQL 14/], remarks: 0 },
    { over: { fsync: 'off', fullPageWrites: 'off' }, faults: [/fsync/, /full_page_writes/], remarks: 0 },
    { over: { dataChecksums: 'off' }, faults: [], remarks: 1 },
  ])('with $over it is told of $faults', ({ over, faults, remarks }) => {
    const found = faultsOf({ ...safe, ...over });
    expect(found).toHaveLength(faults.length);
    for (const [index, fault] of faults.entries()) expect(found[index]).toMatch(fault);
    expect(remarksOf({ ...safe, ...over })).toHaveLength(remarks);
  });

  it('without the package it says what to install', async () => {
    await expect(loadPg(() => Promise.reject(new Error('not found')))).rejects.toMatchObject({
      code: 'missing_dependency',
    });
  });
});

describe('months', () => {
  const at = (text: string): number => Date.parse(text);
  it.each([
    { newest: undefined, now: '2026-11-30T23:59:59Z', names: ['p202611', 'p202612', 'p202701'] },
    { newest: '2026-11-01T00:00:00Z', now: '2026-11-22T00:00:00Z', names: ['p202612', 'p202701'] },
    { newest: '2027-01-01T00:00:00Z', now: '2026-11-22T00:00:00Z', names: [] },
    { newest: '2027-01-01T00:00:00Z', now: '2027-01-01T00:00:00Z', names: ['p202702', 'p202703'] },
  ])('after $newest, at $now, $names are made', ({ newest, now, names }) => {
    const statements = missingPartitions(newest === undefined ? undefined : monthOf(at(newest)), at(now));
    const made = statements.flatMap((sql) => /^CREATE TABLE envelopes_(\w+)/.exec(sql)?.[1] ?? []);
    expect(made).toEqual(names);
  });
});

describe.skipIf(missing !== undefined)(`the PostgreSQL engine${missing ? ` (${missing})` : ''}`, () => {
  const stores = temporaryStores();
  afterEach(stores.close);

  it('makes the partitions of the coming months before they are needed, and rows stand in theirs', async () => {
    const { store, schema } = await stores.open();
    const months = async (): Promise<number> =>
      Number(
        (
          await ask(`SELECT count(*) AS n FROM pg_tables WHERE schemaname = $1 AND tablename ~ '^events_p'`, [
            schema,
          ])
        )[0]?.n,
      );
    expect(await months()).toBe(3);
    await store.keepPartitions(Date.now() + 62 * 86_400_000);
    expect(await months()).toBeGreaterThanOrEqual(5);
    await store.keepPartitions();
    await store.pipeline.accept([entranceEntry(1)]);
    const month = new Date().toISOString().slice(0, 7).replace('-', '');
    expect(await ask(`SELECT tableoid::regclass::text AS place FROM ${schema}.envelopes`)).toEqual([
      { place: `${schema}.envelopes_p${month}` },
    ]);
  });

  it('says that the server syncs', async () => {
    expect(await judgeServer({ url: testUrl })).toMatchObject({ ok: true });
  });

  it('refuses a newer schema, and keys that are not those of the data', async () => {
    const { schema, another } = await stores.open();
    await expect(another({ keys: KeyRing.create() })).rejects.toMatchObject({ code: 'key_missing' });
    await ask(`UPDATE ${schema}.schema_version SET version = 99`);
    await expect(another()).rejects.toMatchObject({ code: 'schema_newer' });
  });

  it('refuses an address where no server answers, and a schema that is not there', async () => {
    const { dataDir, another } = await stores.open();
    await expect(
      openPostgresStore({
        url: 'postgres://postgres@127.0.0.1:1/test',
        dataDir,
        keys: KeyRing.create(),
        institution: 'ornek',
        patienceMs: 50,
        onFatal: () => undefined,
      }),
    ).rejects.toMatchObject({ code: 'store_unavailable' });
    const elsewhere = new URL(testUrl);
    elsewhere.pathname = '/kapi_test_nowhere';
    await expect(another({ url: elsewhere.href })).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(another({ schema: 'kapi_test_nowhere' })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('opens once where two start at the same moment on an empty database', async () => {
    const { schema, another, store } = await stores.open();
    await store.close();
    await ask(`DROP SCHEMA ${schema} CASCADE`);
    await ask(`CREATE SCHEMA ${schema}`);
    const [one, two] = await Promise.all([another(), another()]);
    await one?.pipeline.accept([entranceEntry(1)]);
    expect((await two?.reader.records({ limit: 10 }))?.items).toHaveLength(1);
  });

  it('wraps every data key anew in steps, and needs the old key no more', async () => {
    const { store, dataDir, another } = await stores.open();
    await store.pipeline.accept(Array.from({ length: 600 }, (_, n) => entranceEntry(n + 1)));
    expect(await store.rotateKey()).toBe(1200);
    await store.pipeline.accept([entranceEntry(601)]);
    await store.close();
    const path = join(dataDir, 'sealing.key');
    const lines = readFileSync(path, 'utf8').split('\n');
    const old = lines.find((line) => line.startsWith('key '));
    writeFileSync(path, lines.filter((line) => line !== old).join('\n'));
    const again = await another();
    for (const n of [7, 601])
      expect((await again.reader.record({ id: idOf('re', n) }))?.record.body).toContain(`${n}`);
    await another();
    await expect(again.rotateKey()).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it.each([
    { what: 'changed', sql: `UPDATE audit SET actor = 'somebody' WHERE sequence = 2`, brokenAt: 2 },
    { what: 'removed', sql: 'DELETE FROM audit WHERE sequence = 2', brokenAt: 2 },
  ])('the audit chain shows where a row was $what', async ({ sql, brokenAt }) => {
    const { store, schema } = await stores.open();
    for (const at of [1, 2, 3])
      await saveOne(store, [{ do: 'audit', at, actor: 'a', action: 'revealed', subject: 's' }]);
    await ask(`SET search_path = ${schema}; ${sql}`);
    expect(await store.reader.verifyAudit()).toMatchObject({ brokenAt });
  });

  it('keeps no word of a citizen, a key or an address in clear', async () => {
    const { store, schema } = await stores.open();
    await store.pipeline.accept([entranceEntry(1)]);
    await readInto(store, [2], (n) => [putMessage(n)]);
    await saveOne(store, [{ do: 'put-notice', notice: sampleNotice(1), dueAt: noon }]);
    const tables = await ask('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema]);
    for (const { tablename } of tables) {
      const rows = await ask(`SELECT t::text AS row FROM ${schema}.${tablename} t`);
      const text = rows
        .map(({ row }) => String(row))
        .flatMap((row) => [row, ...(row.match(/\\x[0-9a-f]+/g) ?? []).map(fromHex)])
        .join('\n');
      for (const word of ['Ayşe', 'çukur', '905321234567', 'key-1', 'Kaydınız'])
        expect(text.includes(word), `${word} in ${tablename}`).toBe(false);
    }
  });

  it('an event that is written while the one before it is being settled waits for that, and is let through', async () => {
    const { store, schema } = await stores.open();
    await store.pipeline.accept([entranceEntry(1)]);
    const work = await claimOne(store, 'forward');
    const slow = new pg.Client({ connectionString: testUrl, options: `-c search_path=${schema}` });
    await slow.connect();
    try {
      await slow.query('BEGIN');
      await slow.query('UPDATE deliveries SET state = 4, token = token + 1');
      let saved = false;
      const saving = saveOne(store, recordStep(1, 2)).finally(() => {
        saved = true;
      });
      await expect.poll(async () => saved || (await waiting(schema)) > 0, { timeout: 10_000 }).toBe(true);
      await slow.query('COMMIT');
      expect(await saving).toEqual({ result: 'saved' });
    } finally {
      await slow.end();
    }
    expect(await store.pipeline.settle([settlement('forward', work)])).toEqual([{ result: 'stale' }]);
    expect((await claimOne(store, 'forward')).event.sequence).toBe(2);
  });

  it.each(['commit', 'answer'] as const)(
    'where the %s is lost on its way, it finds out what became of the group, and it is done once',
    async (loss) => {
      const server = new URL(testUrl);
      const proxy = await startProxy({ host: server.hostname, port: Number(server.port) });
      const through = new URL(testUrl);
      through.port = String(proxy.port);
      const opened = temporaryStores({ url: through.href });
      try {
        const { store } = await opened.open();
        proxy.lose(loss);
        expect(await store.pipeline.accept([entranceEntry(1), sampleEntry(2)])).toEqual([
          { result: 'accepted', envelopeId: idOf('en', 1) },
          { result: 'accepted', envelopeId: idOf('en', 2) },
        ]);
        expect(proxy.losses).toBe(1);
        expect((await store.reader.records({ limit: 10 })).items).toHaveLength(1);
        expect(await store.pipeline.claim('read', claimAt())).toHaveLength(1);
        expect(await store.reader.recount()).toEqual(await store.reader.books());
      } finally {
        await opened.close();
        await proxy.close();
      }
    },
  );

  it('tells its callers when the server stays away, and goes on when it is there again', async () => {
    const server = new URL(testUrl);
    const target = { host: server.hostname, port: Number(server.port) };
    const through = new URL(testUrl);
    let proxy = await startProxy(target);
    through.port = String(proxy.port);
    const opened = temporaryStores({ url: through.href, patienceMs: 100 });
    try {
      const { store } = await opened.open();
      await store.pipeline.accept([sampleEntry(1)]);
      await proxy.close();
      await expect(store.pipeline.accept([sampleEntry(2)])).rejects.toMatchObject({
        code: 'store_unavailable',
      });
      await expect(store.reader.backlog()).rejects.toMatchObject({ code: 'store_unavailable' });
      proxy = await startProxy(target, proxy.port);
      await expect
        .poll(() => store.pipeline.accept([sampleEntry(2)]).catch(() => 'away'))
        .toMatchObject([{ result: expect.stringMatching(/^(accepted|repeated)$/) }]);
      expect((await store.reader.backlog()).unread).toBe(2);
    } finally {
      await opened.close();
      await proxy.close();
    }
  });
});

const fromHex = (text: string): string => Buffer.from(text.slice(2), 'hex').toString();

const waiting = async (schema: string): Promise<number> =>
  Number(
    (
      await ask(
        `SELECT count(*) AS n FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND application_name = $1`,
        [`kapi ${schema}`],
      )
    )[0]?.n,
  );

const part = { key: 'photo', kind: 'media', wait: 'needed', mediaType: 'image/jpeg' } as const;

/** What stands in the store, which cell of the first row is then damaged, and where a person sees it. */
const damaged: readonly {
  readonly stage: Stage;
  readonly fill: (store: PostgresStore) => Promise<unknown>;
  readonly table: string;
  readonly column: string;
  readonly left: number;
  readonly seen: (store: PostgresStore) => Promise<readonly { readonly code: string }[]>;
}[] = [
  ...(['sealed', 'dek'] as const).map((column) => ({
    stage: 'read' as const,
    fill: (store: PostgresStore) => store.pipeline.accept([sampleEntry(1), sampleEntry(2)]),
    table: 'envelopes',
    column,
    left: 1,
    seen: async (store: PostgresStore) => (await store.reader.quarantine({ limit: 9 })).items,
  })),
  {
    stage: 'fetch',
    fill: (store) => store.pipeline.accept([1, 2].map((n) => sampleEntry(n, { parts: [part] }))),
    table: 'parts',
    column: 'sealed',
    left: 1,
    seen: async (store) =>
      (
        (await store.reader.envelope(idOf('en', 1)).catch(() => undefined))?.parts ?? [
          { reason: 'data_damaged' },
        ]
      ).map(({ reason }) => ({ code: reason ?? '' })),
  },
  {
    stage: 'assemble',
    fill: (store) => readInto(store, [1, 2], (n) => [putMessage(n, { sender: `+90532000000${n}` })]),
    table: 'messages',
    column: 'sealed',
    left: 1,
    seen: async (store) => (await store.reader.quarantine({ limit: 9 })).items,
  },
  {
    stage: 'forward',
    fill: (store) => store.pipeline.accept([entranceEntry(1), entranceEntry(2)]),
    table: 'record_versions',
    column: 'sealed',
    left: 1,
    seen: async (store) => (await store.reader.deadLetters({ limit: 9 })).items,
  },
  {
    stage: 'notify',
    fill: async (store) => {
      await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
      for (const n of [1, 2])
        await saveOne(store, [{ do: 'put-notice', notice: sampleNotice(n), dueAt: noon }]);
    },
    table: 'notices',
    column: 'sealed',
    left: 1,
    seen: async (store) => (await store.reader.deadLetters({ limit: 9 })).items,
  },
];

describe.skipIf(missing !== undefined)(`damaged rows in PostgreSQL${missing ? ` (${missing})` : ''}`, () => {
  const told: string[] = [];
  const stores = temporaryStores({ onDamage: (detail) => told.push(detail) });
  afterEach(async () => {
    told.length = 0;
    await stores.close();
  });

  it.each(damaged)('$stage: a damaged $table.$column parks its row alone', async (row) => {
    const { store, schema } = await stores.open();
    await row.fill(store);
    await ask(
      `UPDATE ${schema}.${row.table} SET ${row.column} = set_byte(${row.column}, length(${row.column}) - 1, (get_byte(${row.column}, length(${row.column}) - 1) + 1) % 256)
       WHERE ctid = (SELECT min(ctid) FROM ${schema}.${row.table})`,
    );
    const works = await store.pipeline.claim(
      row.stage,
      claimAt(row.stage === 'forward' ? { destination: queue } : { accounts: [account] }),
    );
    expect(works).toHaveLength(row.left);
    expect(await row.seen(store)).toMatchObject([{ code: 'data_damaged' }]);
    expect(told).toHaveLength(1);
    expect(await store.reader.recount()).toEqual(await store.reader.books());
  });
});
