import { expect, test } from 'vitest';
import { newId, newNonce, newPin, newToken, randomBytesPooled } from './ids.ts';

const many = <T>(make: () => T): T[] => Array.from({ length: 5000 }, make);

test('every id, token and nonce of a run is different, across refills of the pool', () => {
  expect(new Set(many(newId)).size).toBe(5000);
  expect(new Set(many(newToken)).size).toBe(5000);
  expect(new Set(many(() => newNonce().toString('hex'))).size).toBe(5000);
});

test('ids sort by time of making, tokens are 22 base64url characters, nonces 12 bytes', () => {
  const ids = many(newId);
  expect(ids[0]?.[14]).toBe('7');
  expect((ids[0] ?? '') <= (ids.at(-1) ?? '')).toBe(true);
  expect(newToken()).toMatch(/^[\w-]{22}$/);
  expect(newNonce()).toHaveLength(12);
});

test('pins have six digits, and every leading digit comes about as often', () => {
  const pins = Array.from({ length: 20_000 }, newPin);
  for (const pin of pins) expect(pin).toMatch(/^\d{6}$/);
  for (const digit of '0123456789') {
    // 2000 expected, standard deviation 42: eight of them.
    expect(Math.abs(pins.filter((pin) => pin.startsWith(digit)).length - 2000)).toBeLessThan(340);
  }
});

test('bytes given out are not shared with the pool', () => {
  const first = randomBytesPooled(32);
  const copy = Buffer.from(first);
  many(() => randomBytesPooled(64));
  expect(first.equals(copy)).toBe(true);
});
