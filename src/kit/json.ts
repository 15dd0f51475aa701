import { PayloadError } from '@kapi/contract';

const maxDepth = 64;

/**
 * Bytes from outside to a JSON value, as `unknown` for a schema to read. UTF-8 only (RFC 8259), a byte
 * order mark is forgiven.
 * @throws PayloadError `payload_too_deep` beyond 64 levels, `payload_unreadable` for anything else, too many bytes included
 */
export function parseJson(body: Uint8Array, limits: { readonly maxBytes?: number } = {}): unknown {
  if (limits.maxBytes !== undefined && body.byteLength > limits.maxBytes) {
    throw new PayloadError(
      'payload_unreadable',
      `JSON of ${body.byteLength} bytes; at most ${limits.maxBytes}`,
    );
  }
  if (deeperThan(body, maxDepth)) {
    throw new PayloadError('payload_too_deep', `JSON nested deeper than ${maxDepth} levels`);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // The engine's message quotes the text, which may be a citizen's.
    throw new PayloadError('payload_unreadable', 'the body is not JSON in UTF-8');
  }
}

function deeperThan(body: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index];
    if (inString) {
      if (byte === 0x5c) index++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > limit) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
}
