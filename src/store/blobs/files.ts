import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BlobRef, type Blobs, PayloadError, RefusedRequest } from '@kapi/contract';
import { failpoint } from '../../contract/failpoint.ts';
import type { KeyRing } from '../../sealing/index.ts';

const chunkBytes = 64 * 1024;
const tagBytes = 16;
const saltBytes = 16;
/** A blob younger than this may be about to be referred to: nothing drops it. */
const youngMs = 3600_000;
const idPattern = /^[0-9a-f]{64}$/;

export interface FileBlobs extends Blobs {
  /** Drops what `isReferenced` no longer names, except blobs too young to judge. Counts the dropped. */
  dropUnreferenced(
    ids: readonly string[],
    isReferenced: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
  ): Promise<number>;
}

/**
 * Blobs as files `<folder>/<first two digits>/<id>`, mode 0600. The id is the keyed hash of the content's
 * SHA-256. A file is a random salt and then chunks of 64 KiB, each AES-256-GCM under a key of this
 * file alone (derived from id and salt); the nonce is the chunk's number, the last chunk is marked, so
 * a chunk cut off, swapped or repeated is noticed.
 */
export function openFileBlobs(folder: string, ring: KeyRing, now: () => number = Date.now): FileBlobs {
  const idKey = ring.derive('blob id');
  const sealKey = ring.derive('blob seal');
  const arriving = join(folder, 'arriving');
  mkdirSync(arriving, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const pathOf = (id: string): string => {
    if (!idPattern.test(id)) throw new RefusedRequest('not_found', 'There is no such blob.');
    return join(folder, id.slice(0, 2), id);
  };
  const oneAtATime = serialByKey();

  return {
    put: async (content, maxBytes) => {
      const path = join(arriving, randomBytes(16).toString('hex'));
      const secret = randomBytes(saltBytes);
      try {
        const { sha256, bytes } = await writeSealed(
          path,
          fileKey(sealKey, secret),
          secret,
          content,
          maxBytes,
        );
        const id = createHmac('sha256', idKey).update(sha256).digest('hex');
        const target = pathOf(id);
        await oneAtATime(id, async () => {
          // Touching an older file first keeps it from being dropped as unreferenced meanwhile.
          const stood = await utimes(target, now() / 1000, now() / 1000).then(
            () => true,
            () => false,
          );
          if (stood) await unlink(path);
          else await moveInto(path, target);
        });
        failpoint('after-blob-before-row');
        return { id, sha256, bytes } satisfies BlobRef;
      } catch (thrown) {
        await rm(path, { force: true });
        throw thrown;
      }
    },
    open: (id) => readSealed(pathOf(id), sealKey),
    drop: (id) => oneAtATime(id, () => rm(pathOf(id), { force: true })),
    async sweep(isReferenced) {
      let dropped = 0;
      for (const name of await readdir(arriving)) await dropOld(join(arriving, name), now());
      for (const shelf of await readdir(folder)) {
        if (shelf.length !== 2) continue;
        dropped += await this.dropUnreferenced(await readdir(join(folder, shelf)), isReferenced);
      }
      return dropped;
    },
    dropUnreferenced: async (ids, isReferenced) => {
      let dropped = 0;
      for (const id of ids)
        await oneAtATime(id, async () => {
          const path = pathOf(id);
          const found = await stat(path).catch(() => undefined);
          if (!found || now() - found.mtimeMs < youngMs) return;
          if ((await isReferenced([id])).has(id)) return;
          await rm(path, { force: true });
          dropped += 1;
        });
      return dropped;
    },
  };
}

const fileKey = (sealKey: KeyObject, secret: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', sealKey, secret, 'kapi blob file', 32));

async function* chunks(content: AsyncIterable<Uint8Array> | Uint8Array): AsyncIterable<Uint8Array> {
  if (content instanceof Uint8Array) yield content;
  else yield* content;
}

const nonce = (chunk: number, last: boolean): Buffer => {
  const bytes = Buffer.alloc(12);
  bytes.writeUIntBE(chunk, 5, 6);
  bytes[11] = last ? 1 : 0;
  return bytes;
};

async function writeSealed(
  path: string,
  key: Buffer,
  secret: Buffer,
  content: AsyncIterable<Uint8Array> | Uint8Array,
  maxBytes: number,
): Promise<{ sha256: string; bytes: number }> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.write(secret);
    const hash = createHash('sha256');
    let bytes = 0;
    let number = 0;
    let rest: Buffer = Buffer.alloc(0);
    const write = async (plain: Buffer, last: boolean): Promise<void> => {
      const cipher = createCipheriv('aes-256-gcm', key, nonce(number, last));
      await writeAll(file, Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
      number += 1;
    };
    for await (const piece of chunks(content)) {
      bytes += piece.byteLength;
      if (bytes > maxBytes)
        throw new PayloadError('parser_limit', `The content is larger than ${maxBytes} bytes.`);
      hash.update(piece);
      rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
      let from = 0;
      for (; rest.length - from > chunkBytes; from += chunkBytes)
        await write(rest.subarray(from, from + chunkBytes), false);
      rest = rest.subarray(from);
    }
    await write(rest, true);
    await file.sync();
    return { sha256: hash.digest('hex'), bytes };
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length; ) from += (await file.write(bytes, from)).bytesWritten;
}

/** Durable under its name before it returns: the file was synced, so is the folder after the rename. */
async function moveInto(path: string, target: string): Promise<void> {
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  failpoint('before-rename');
  await rename(path, target);
  failpoint('after-rename');
  for (const folder of [dirname(target), dirname(dirname(target))]) {
    const handle = await open(folder, 'r');
    await handle.sync();
    await handle.close();
  }
}

async function* readSealed(path: string, sealKey: KeyObject): AsyncIterable<Uint8Array> {
  const file = await open(path, 'r').catch(() => {
    throw new RefusedRequest('not_found', 'There is no such blob.');
  });
  try {
    const secret = Buffer.alloc(saltBytes);
    await file.read(secret, 0, saltBytes, 0);
    const key = fileKey(sealKey, secret);
    const { size } = await file.stat();
    const sealedBytes = chunkBytes + tagBytes;
    const count = Math.max(1, Math.ceil((size - saltBytes) / sealedBytes));
    for (let number = 0; number < count; number += 1) {
      const buffer = Buffer.alloc(sealedBytes);
      const { bytesRead } = await file.read(buffer, 0, sealedBytes, saltBytes + number * sealedBytes);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce(number, number === count - 1));
      decipher.setAuthTag(buffer.subarray(Math.max(0, bytesRead - tagBytes), bytesRead));
      const plain = decipher.update(buffer.subarray(0, Math.max(0, bytesRead - tagBytes)));
      decipher.final();
      if (plain.length > 0) yield plain;
    }
  } finally {
    await file.close();
  }
}

async function dropOld(path: string, nowMs: number): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found && nowMs - found.mtimeMs > youngMs) await rm(path, { force: true });
}

/** Runs the work on one key one after the other. */
function serialByKey(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const tails = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === mine) tails.delete(key);
    }
  };
}
