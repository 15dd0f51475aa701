import { createHash } from 'node:crypto';

/**
 * A deterministic key for what has no id of its own: base64url of SHA-256 over the pieces, each preceded by
 * its length, so that no two lists of pieces run together. The same bytes give the same key for ever.
 */
export function keyOf(...pieces: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece;
    hash.update(`${bytes.byteLength}:`).update(bytes);
  }
  return hash.digest('base64url');
}
