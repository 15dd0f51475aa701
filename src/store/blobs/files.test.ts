import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KeyRing } from '../../sealing/index.ts';
import { openFileBlobs } from './files.ts';

const ring = KeyRing.create();
let folder: string;
let clock = Date.now();
const blobs = () => openFileBlobs(folder, ring, () => clock);
const hours = (n: number): number => n * 3600_000;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kapi-blobs-'));
  clock = Date.now();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function read(id: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of blobs().open(id)) pieces.push(piece);
  return Buffer.concat(pieces);
}
const pathOf = (id: string): string => join(folder, id.slice(0, 2), id);
const none = async (): Promise<ReadonlySet<string>> => new Set();

it.each([0, 1, 65_535, 65_536, 65_537, 200_000])(
  'gives back %i bytes as they were, sealed on disk, readable by the owner alone',
  async (size) => {
    const content = Buffer.alloc(size, 'kanarya');
    async function* pieces(): AsyncIterable<Uint8Array> {
      for (let from = 0; from < size; from += 10_000) yield content.subarray(from, from + 10_000);
    }
    const ref = await blobs().put(pieces(), 1_000_000);
    expect(ref.bytes).toBe(size);
    expect((await read(ref.id)).equals(content)).toBe(true);
    expect(readFileSync(pathOf(ref.id)).includes('kanarya')).toBe(false);
    expect(statSync(pathOf(ref.id)).mode & 0o777).toBe(0o600);
  },
);

it('the same bytes are one blob, whose id is not their hash', async () => {
  const first = await blobs().put(Buffer.from('foto'), 100);
  const second = await blobs().put(Buffer.from('foto'), 100);
  expect(second).toEqual(first);
  expect(first.id).not.toBe(first.sha256);
  expect(readdirSync(join(folder, 'arriving'))).toEqual([]);
});

it('keeps nothing of what is too large', async () => {
  await expect(blobs().put(Buffer.alloc(101), 100)).rejects.toMatchObject({ code: 'parser_limit' });
  expect(readdirSync(folder)).toEqual(['arriving']);
  expect(readdirSync(join(folder, 'arriving'))).toEqual([]);
});

it.each([
  { what: 'a flipped bit', damage: (bytes: Buffer) => bytes.fill((bytes[70_000] ?? 0) ^ 1, 70_000, 70_001) },
  { what: 'a missing last chunk', damage: (bytes: Buffer) => bytes.subarray(0, 16 + 65_536 + 16) },
  {
    what: 'swapped chunks',
    damage: (bytes: Buffer) =>
      Buffer.concat([
        bytes.subarray(0, 16),
        bytes.subarray(16 + 65_552, 16 + 2 * 65_552),
        bytes.subarray(16, 16 + 65_552),
        bytes.subarray(16 + 2 * 65_552),
      ]),
  },
])('notices $what', async ({ damage }) => {
  const { id } = await blobs().put(Buffer.alloc(180_000, 'x'), 1_000_000);
  writeFileSync(pathOf(id), damage(readFileSync(pathOf(id))));
  await expect(read(id)).rejects.toThrow();
});

it.each(['0'.repeat(64), '../../etc/passwd', ''])('does not know the blob %j', async (id) => {
  await expect(async () => read(id)).rejects.toMatchObject({ code: 'not_found' });
});

it('sweeps what is not referred to, but nothing younger than an hour', async () => {
  const kept = await blobs().put(Buffer.from('kept'), 100);
  const loose = await blobs().put(Buffer.from('loose'), 100);
  expect(await blobs().sweep(none)).toBe(0);
  clock += hours(2);
  expect(await blobs().sweep(async (ids) => new Set(ids.filter((id) => id === kept.id)))).toBe(1);
  expect((await read(kept.id)).toString()).toBe('kept');
  await expect(read(loose.id)).rejects.toMatchObject({ code: 'not_found' });
});

it('putting an old blob once more makes it young again', async () => {
  const { id } = await blobs().put(Buffer.from('foto'), 100);
  clock += hours(2);
  await blobs().put(Buffer.from('foto'), 100);
  expect(await blobs().dropUnreferenced([id], none)).toBe(0);
  expect((await read(id)).toString()).toBe('foto');
});
