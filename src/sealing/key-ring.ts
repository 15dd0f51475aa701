import { createHash, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** `key_missing`: the keys of this data are absent, unreadable or wrong. Message names no key material. */
export class SealingError extends Error {
  readonly code = 'key_missing';
  constructor(message: string) {
    super(message);
    this.name = 'SealingError';
  }
}

export interface KeyEncryptionKey {
  /** First four bytes of the key's SHA-256: stands in front of everything it wraps. */
  readonly id: number;
  readonly secret: KeyObject;
}

/**
 * The keys of a data folder: key-encryption keys (the last one wraps, all of them unwrap) and one
 * index key for keyed hashes, which never rotates because dedupe keys and lookups rest on it.
 *
 * As text, one per line or separated by commas: `index <base64>` once and `key <base64>` one or more
 * times, each 32 bytes; `#` begins a comment.
 */
export class KeyRing {
  readonly index: KeyObject;
  readonly active: KeyEncryptionKey;
  readonly #keys: ReadonlyMap<number, KeyEncryptionKey>;
  readonly #text: string;

  private constructor(index: Buffer, keys: readonly Buffer[]) {
    const ring = keys.map((secret) => ({ id: keyId(secret), secret: createSecretKey(secret) }));
    const active = ring.at(-1);
    if (!active) throw new SealingError('The sealing keys hold no line `key <base64>`.');
    this.index = createSecretKey(index);
    this.active = active;
    this.#keys = new Map(ring.map((key) => [key.id, key]));
    this.#text = toText(index, keys);
  }

  static create(): KeyRing {
    return new KeyRing(randomBytes(32), [randomBytes(32)]);
  }

  /** @throws SealingError */
  static parse(text: string): KeyRing {
    let index: Buffer | undefined;
    const keys: Buffer[] = [];
    for (const line of text.split(/[\n,]/)) {
      const [word, value = ''] = line.replace(/#.*/, '').trim().split(/\s+/);
      if (word === '' || word === undefined) continue;
      const secret = Buffer.from(value, 'base64');
      if (secret.length !== 32 || (word !== 'index' && word !== 'key'))
        throw new SealingError('A line of the sealing keys is not `index` or `key` with 32 bytes of base64.');
      if (word === 'index') index = secret;
      else keys.push(secret);
    }
    if (!index) throw new SealingError('The sealing keys hold no line `index <base64>`.');
    return new KeyRing(index, keys);
  }

  /** @throws SealingError where the ring lacks it */
  key(id: number): KeyEncryptionKey {
    const key = this.#keys.get(id);
    if (!key) throw new SealingError(`The sealing key ${hex(id)} that this data was sealed with is missing.`);
    return key;
  }

  get ids(): readonly number[] {
    return [...this.#keys.keys()];
  }

  /** The same ring with a fresh key that wraps from now on. */
  withNewKey(): KeyRing {
    return KeyRing.parse(`${this.#text}key ${randomBytes(32).toString('base64')}\n`);
  }

  /** A key for another purpose, derived from the index key; the same for the same purpose. */
  derive(purpose: string): KeyObject {
    return createSecretKey(Buffer.from(hkdfSync('sha256', this.index, '', `kapi ${purpose}`, 32)));
  }

  /** Secret: for the key file and for our own worker threads, nothing else. */
  toText(): string {
    return this.#text;
  }
}

const keyId = (secret: Buffer): number => createHash('sha256').update(secret).digest().readUInt32BE(0);
const hex = (id: number): string => id.toString(16).padStart(8, '0');

const toText = (index: Buffer, keys: readonly Buffer[]): string =>
  [
    '# Sealing keys of this data folder. Without them nothing in it can be read: keep a copy elsewhere.',
    `index ${index.toString('base64')}`,
    ...keys.map((key) => `key ${key.toString('base64')}`),
    '',
  ].join('\n');

const keyFile = (dataDir: string): string => join(dataDir, 'sealing.key');

/**
 * The ring of a data folder: from `text` (the environment) where given, else from `sealing.key`, which
 * is made at the first start. `hasData` says that the folder holds sealed data: then none are made.
 * @throws SealingError
 */
export function loadKeyRing(dataDir: string, options: { text?: string; hasData?: boolean } = {}): KeyRing {
  if (options.text !== undefined) return KeyRing.parse(options.text);
  const path = keyFile(dataDir);
  if (existsSync(path)) return KeyRing.parse(readFileSync(path, 'utf8'));
  if (options.hasData) throw new SealingError(`The data folder holds sealed data but no key file ${path}.`);
  const ring = KeyRing.create();
  writeKeyRing(dataDir, ring);
  return ring;
}

/** Whether the ring is what the folder's key file holds, and not from elsewhere. */
export const isKeyFile = (dataDir: string, ring: KeyRing): boolean =>
  existsSync(keyFile(dataDir)) && readFileSync(keyFile(dataDir), 'utf8').trim() === ring.toText().trim();

/** Durable and whole or not at all: written beside, synced, renamed, folder synced; mode 0600. */
export function writeKeyRing(dataDir: string, ring: KeyRing): void {
  const path = keyFile(dataDir);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = openSync(`${path}.new`, 'w', 0o600);
  writeSync(file, ring.toText());
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
