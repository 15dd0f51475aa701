import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  isKeyFile,
  KeyRing,
  keyedHash,
  loadKeyRing,
  newDataKey,
  open,
  rewrapDataKey,
  seal,
  sealedBy,
  unwrapDataKey,
} from './index.ts';

const refused = expect.objectContaining({ code: 'key_missing' });

it('opens what it sealed, whatever the bytes', () => {
  const { key } = newDataKey(KeyRing.create(), 'owner');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (plain, field) => {
      expect(Buffer.from(plain).equals(open(key, seal(key, plain, field), field))).toBe(true);
    }),
  );
});

it('refuses a value in another place, under another key, or with any bit changed', () => {
  const ring = KeyRing.create();
  const { key } = newDataKey(ring, 'owner');
  const sealed = seal(key, 'Ayşe', 'record:subject');
  expect(() => open(key, sealed, 'record:body')).toThrow(refused);
  expect(() => open(newDataKey(ring, 'owner').key, sealed, 'record:subject')).toThrow(refused);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => open(key, changed, 'record:subject')).toThrow(refused);
  }
});

it('never uses a nonce twice', () => {
  const { key } = newDataKey(KeyRing.create(), 'owner');
  const nonces = new Set(Array.from({ length: 5000 }, () => seal(key, '', 'f').toString('hex', 5, 17)));
  expect(nonces.size).toBe(5000);
});

it('after a rotation the data key is the same under the new key, and wrapped anew only once', () => {
  const old = KeyRing.create();
  const { key, wrapped } = newDataKey(old, 'owner');
  const sealed = seal(key, 'Ayşe', 'f');
  const ring = old.withNewKey();
  const rewrapped = rewrapDataKey(ring, wrapped, 'owner');
  if (!rewrapped) throw new Error('not rewrapped');
  expect(sealedBy(rewrapped)).toBe(ring.active.id);
  expect(open(unwrapDataKey(ring, rewrapped, 'owner'), sealed, 'f').toString()).toBe('Ayşe');
  expect(rewrapDataKey(ring, rewrapped, 'owner')).toBeUndefined();
  expect(() => unwrapDataKey(old, rewrapped, 'owner')).toThrow(refused);
  expect(() => unwrapDataKey(ring, rewrapped, 'other owner')).toThrow(refused);
});

it('hashes the same value of the same kind the same under one ring, and nothing else', () => {
  const ring = KeyRing.create();
  const hash = keyedHash(ring, 'phone', '+905321234567');
  expect(hash).toHaveLength(16);
  expect(keyedHash(KeyRing.parse(ring.toText()).withNewKey(), 'phone', '+905321234567').equals(hash)).toBe(
    true,
  );
  expect(keyedHash(ring, 'tckn', '+905321234567').equals(hash)).toBe(false);
  expect(keyedHash(KeyRing.create(), 'phone', '+905321234567').equals(hash)).toBe(false);
});

it('makes the key file at the first start, readable by its owner alone, and reads it after', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kapi-keys-'));
  const made = loadKeyRing(folder);
  expect(statSync(join(folder, 'sealing.key')).mode & 0o777).toBe(0o600);
  expect(loadKeyRing(folder).toText()).toBe(made.toText());
  expect(isKeyFile(folder, made)).toBe(true);
  expect(isKeyFile(folder, KeyRing.create())).toBe(false);
  rmSync(folder, { recursive: true });
});

it.each([
  '',
  'index AAAA',
  'key AAAA',
  `index ${Buffer.alloc(32).toString('base64')}`,
  'word x',
  `key ${Buffer.alloc(32).toString('base64')}`,
])('refuses the key text %j', (text) => {
  expect(() => KeyRing.parse(text)).toThrow(refused);
});

it('reads keys from one line with commas, as an environment variable holds them', () => {
  const ring = KeyRing.create().withNewKey();
  const line = ring.toText().split('\n').slice(1, -1).join(',');
  expect(KeyRing.parse(line).toText()).toBe(ring.toText());
});
