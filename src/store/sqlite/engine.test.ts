import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AcceptEntry } from '@kapi/contract';
import { afterEach, expect, it, vi } from 'vitest';
import { KeyRing, loadKeyRing } from '../../sealing/index.ts';
import { packEntry } from '../shared/pack.ts';
import { assertDurable, openWriter } from './connection.ts';
import { SqliteEngine } from './engine.ts';
import { openSqliteStore } from './index.ts';
import { refuseNetworkFileSystem } from './lock.ts';
import { temporaryStores } from './testing.ts';

const stores = temporaryStores('inline');
const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'kapi-engine-'));
  folders.push(made);
  return made;
};
afterEach(async () => {
  await stores.close();
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

const entry = (n: number, text = 'gövde'): AcceptEntry => ({
  envelope: {
    id: `envelope-${n}`,
    adapter: 'sms-twilio',
    account: 'sms',
    receivedAt: '2026-11-22T12:00:00+03:00',
    contentType: 'text/plain',
    headers: {},
    body: Buffer.from(text),
  },
  key: `key-${n}`,
  contentHash: 'same',
});
const reopen = (dataDir: string, keys = loadKeyRing(dataDir)) =>
  openSqliteStore({ dataDir, keys, hosting: 'inline', institution: 'ornek', onFatal: () => undefined });

/** Every byte the store has on disk. */
const allBytes = (dataDir: string): Buffer =>
  Buffer.concat(
    readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
      .map((name) => join(dataDir, name))
      .filter((path) => statSync(path).isFile())
      .map((path) => readFileSync(path)),
  );

it('writes nothing personal in clear, in the database, its log or the blobs', async () => {
  const { store, dataDir } = await stores.open();
  const canaries = ['KANARYA-METIN', '10000000146', '+905321234567', 'ayse@example.org', 'KANARYA-ANAHTAR'];
  const text = canaries.slice(0, 4).join(' ');
  await store.pipeline.accept([
    { ...entry(1, text), key: 'KANARYA-ANAHTAR' },
    entry(2, `${text} ${'x'.repeat(300_000)}`),
  ]);
  await store.pipeline.save([
    {
      changes: [
        {
          do: 'put-message',
          item: { envelopeId: 'envelope-1', account: 'sms', key: 'KANARYA-ANAHTAR', contentHash: 'x' },
          message: {
            id: 'message-1',
            account: 'sms',
            adapter: 'sms-twilio',
            envelopeId: 'envelope-1',
            channel: 'sms',
            receivedAt: 0,
            saidAt: 0,
            content: {
              key: 'k',
              channel: 'sms',
              sender: { id: '+905321234567', kind: 'phone', proven: true },
              text,
              attachments: [],
            },
          },
          placement: {
            place: 'settle',
            conversation: { account: 'sms', senderId: '+905321234567' },
            dueAt: 0,
            latestAt: 0,
          },
        },
        {
          do: 'put-part',
          envelopeId: 'envelope-1',
          part: { key: 'p', kind: 'parsed', wait: 'needed', state: 'stored', value: { text } },
        },
        {
          do: 'put-callback',
          callback: { id: 'c', reason: text, phone: '+905321234567', tells: [], createdAt: 0 },
        },
        { do: 'opt-out', account: 'sms', address: '+905321234567', out: true, at: 0 },
      ],
    },
  ]);
  expect(
    await store.pipeline.save([
      { changes: [{ do: 'audit', at: 0, actor: 'a', action: 'b', subject: 'gorunur', detail: '' }] },
    ]),
  ).toEqual([{ result: 'saved' }]);
  const bytes = allBytes(dataDir);
  expect(canaries.filter((canary) => bytes.includes(canary))).toEqual([]);
  expect(bytes.includes('gorunur')).toBe(true);
});

it('leaves no trace of an erased envelope in its files', async () => {
  const { store, dataDir } = await stores.open();
  await store.pipeline.accept([entry(1)]);
  const [work] = await store.pipeline.claim('read', { max: 1, leaseMs: 1, now: Date.now() + 1 });
  const sealed = (path: string): string => {
    const db = new DatabaseSync(path, { readOnly: true });
    const row = db.prepare('SELECT hex(dek) AS dek FROM envelopes').get();
    db.close();
    return String(row?.dek);
  };
  const dek = Buffer.from(sealed(join(dataDir, 'kapi.db')), 'hex');
  expect(allBytes(dataDir).includes(dek)).toBe(true);
  await store.pipeline.save([
    {
      changes: [],
      work: { stage: 'read', id: work?.id ?? '', token: work?.token ?? 0, ending: { end: 'done' } },
    },
    {
      changes: [
        { do: 'erase', what: { envelopesBefore: Date.now() + 1e12 }, at: 0, actor: 'a', reason: 'r' },
      ],
    },
  ]);
  expect(allBytes(dataDir).includes(dek)).toBe(false);
});

it('commits with synchronous FULL, and would notice NORMAL', () => {
  const writer = openWriter(join(folder(), 'kapi.db'));
  expect(() => assertDurable(writer)).not.toThrow();
  writer.db.exec('PRAGMA synchronous = NORMAL');
  expect(() => assertDurable(writer)).toThrow(/not durable/);
  writer.close();
});

it('holds the data folder: a second opening is refused until the first is closed', async () => {
  const { store, dataDir } = await stores.open();
  await expect(reopen(dataDir)).rejects.toMatchObject({ code: 'data_locked' });
  await store.close();
  await (await reopen(dataDir)).close();
});

it.each([
  { type: 0x6969, refused: true },
  { type: 0xff534d42, refused: true },
  { type: -11317950, refused: true },
  { type: 0xef53, refused: false },
])('a file system of type $type is refused: $refused', ({ type, refused }) => {
  const open = (): void => refuseNetworkFileSystem('/', type);
  if (refused) expect(open).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  else expect(open).not.toThrow();
});

it('refuses a store of a newer schema', async () => {
  const { store, dataDir } = await stores.open();
  await store.close();
  const db = new DatabaseSync(join(dataDir, 'kapi.db'));
  db.exec('PRAGMA user_version = 999');
  db.close();
  await expect(reopen(dataDir)).rejects.toMatchObject({ code: 'schema_newer' });
});

it('refuses other keys than those the data was sealed with, and makes none over sealed data', async () => {
  const { store, dataDir } = await stores.open();
  await store.pipeline.accept([entry(1)]);
  await store.close();
  const others = KeyRing.create();
  const own = readFileSync(join(dataDir, 'sealing.key'), 'utf8');
  const line = (text: string, word: string): string =>
    text.split('\n').find((one) => one.startsWith(word)) ?? '';
  const mixed = [line(others.toText(), 'index'), line(own, 'key')].join('\n');
  for (const keys of [others, KeyRing.parse(mixed)])
    await expect(reopen(dataDir, keys)).rejects.toMatchObject({ code: 'key_missing' });
  unlinkSync(join(dataDir, 'sealing.key'));
  expect(() => loadKeyRing(dataDir, { hasData: true })).toThrow(
    expect.objectContaining({ code: 'key_missing' }),
  );
});

it('after a rotation every data key is under the new key, old data opens, and the old key may go', async () => {
  const { store, dataDir } = await stores.open();
  await store.pipeline.accept(Array.from({ length: 1200 }, (_, n) => entry(n)));
  expect(await store.rotateKey()).toBe(1200);
  expect(Buffer.from((await store.reader.envelope('envelope-7'))?.envelope.body ?? []).toString()).toBe(
    'gövde',
  );
  await store.pipeline.accept([entry(5000)]);
  await store.close();
  const path = join(dataDir, 'sealing.key');
  const lines = readFileSync(path, 'utf8').split('\n');
  expect(lines.filter((line) => line.startsWith('key '))).toHaveLength(2);
  writeFileSync(
    path,
    lines.filter((line) => line !== lines.find((one) => one.startsWith('key '))).join('\n'),
  );
  const again = await reopen(dataDir);
  for (const id of ['envelope-7', 'envelope-5000'])
    expect(Buffer.from((await again.reader.envelope(id))?.envelope.body ?? []).toString()).toBe('gövde');
  expect((await again.reader.audit({ limit: 5 })).items).toMatchObject([{ action: 'sealing-key-rotated' }]);
  await again.close();
});

it.each([
  { what: 'changed', sql: `UPDATE audit SET actor = 'somebody' WHERE sequence = 2`, brokenAt: 2 },
  { what: 'removed', sql: 'DELETE FROM audit WHERE sequence = 2', brokenAt: 2 },
  { what: 'renumbered', sql: 'UPDATE audit SET sequence = 9 WHERE sequence = 2', brokenAt: 2 },
])('the audit chain shows where a row was $what', async ({ sql, brokenAt }) => {
  const { store, dataDir } = await stores.open();
  for (const at of [1, 2, 3])
    await store.pipeline.save([
      { changes: [{ do: 'audit', at, actor: 'a', action: 'revealed', subject: 's' }] },
    ]);
  const db = new DatabaseSync(join(dataDir, 'kapi.db'));
  db.exec(sql);
  db.close();
  expect(await store.reader.verifyAudit()).toMatchObject({ brokenAt });
});

it('a full disk refuses the group, loses nothing before it, and passes when there is space again', () => {
  const writer = openWriter(join(folder(), 'kapi.db'));
  const engine = new SqliteEngine(
    { path: '', keys: KeyRing.create().toText(), institution: 'ornek' },
    writer,
  );
  const accept = (n: number) =>
    engine.run([{ verb: 'accept', entries: [packEntry(entry(n, 'x'.repeat(100_000)))] }]);
  expect(accept(1).answers).toMatchObject([{ value: [{ result: 'accepted' }] }]);
  const pages = Number(Object.values(writer.get('PRAGMA page_count') ?? {})[0]);
  writer.db.exec(`PRAGMA max_page_count = ${pages + 5}`);
  const full = accept(2);
  expect(full.answers).toMatchObject([{ error: { code: 'store_unavailable' } }]);
  expect(full.fatal).toBeUndefined();
  writer.db.exec('PRAGMA max_page_count = 1000000');
  expect(accept(3).answers).toMatchObject([{ value: [{ result: 'accepted' }] }]);
  expect(accept(2).answers).toMatchObject([{ value: [{ result: 'accepted' }] }]);
  expect(accept(1).answers).toMatchObject([{ value: [{ result: 'repeated' }] }]);
  engine.close();
});

it('copies itself while it goes on, and the copy opens', async () => {
  const { store, dataDir } = await stores.open();
  await store.pipeline.accept([entry(1)]);
  const copy = folder();
  await Promise.all([store.backup(join(copy, 'kapi.db')), store.pipeline.accept([entry(2)])]);
  writeFileSync(join(copy, 'sealing.key'), readFileSync(join(dataDir, 'sealing.key')));
  const restored = await reopen(copy);
  expect((await restored.reader.envelope('envelope-1'))?.state).toBe('unread');
  expect(await restored.reader.recount()).toEqual(await restored.reader.books());
  await restored.close();
});

it('keeps the blobs that rows refer to, and those too young to judge', async () => {
  const { store, dataDir } = await stores.open();
  await store.pipeline.accept([entry(1, `a${'x'.repeat(300_000)}`), entry(2, `b${'x'.repeat(300_000)}`)]);
  const files = (): string[] =>
    readdirSync(join(dataDir, 'blobs'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.length > 60,
    );
  const age = (): void => {
    const old = Date.now() / 1000 - 7200;
    for (const name of files()) utimesSync(join(dataDir, 'blobs', name), old, old);
  };
  age();
  expect(await store.sweepBlobs()).toBe(0);
  const works = await store.pipeline.claim('read', { max: 1, leaseMs: 1, now: Date.now() + 1 });
  await store.pipeline.settle(
    works.map((work) => ({ stage: 'read', id: work.id, token: work.token, ending: { end: 'done' } })),
  );
  const young = await store.blobs.put(Buffer.from('foto'), 100);
  await store.pipeline.save([
    {
      changes: [
        { do: 'erase', what: { envelopesBefore: Date.now() + 1e12 }, at: 0, actor: 'a', reason: 'r' },
      ],
    },
  ]);
  await store.sweepBlobs();
  expect(files()).toHaveLength(2);
  expect(files().some((name) => name.endsWith(young.id))).toBe(true);
});

it('drops the file of an upload that expired, unless another row refers to it', async () => {
  const { store, dataDir } = await stores.open();
  const put = async (id: string, content: string, createdAt: number): Promise<string> => {
    const { id: blobId, bytes, sha256 } = await store.blobs.put(Buffer.from(content), 100);
    const facts = { owner: 'key:1', name: 'foto.jpg', mediaType: 'image/jpeg', bytes, sha256 };
    const upload = { id, ...facts, blobId, createdAt };
    await store.pipeline.save([{ changes: [{ do: 'put-upload', upload }] }]);
    return join(dataDir, 'blobs', blobId.slice(0, 2), blobId);
  };
  const [alone, shared] = [await put('up_1', 'bir', 1), await put('up_2', 'iki', 1)];
  await put('up_3', 'iki', 9);
  const old = Date.now() / 1000 - 7200;
  for (const path of [alone, shared]) utimesSync(path, old, old);
  await store.pipeline.save([{ changes: [{ do: 'expire-uploads', before: 5 }] }]);
  await vi.waitFor(() => expect(existsSync(alone)).toBe(false));
  expect(existsSync(shared)).toBe(true);
});
