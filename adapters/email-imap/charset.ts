/**
 * Bytes to text for mail that lies about its character set, as Turkish mail often does: UTF-8 declared
 * as something else, windows-1254 declared as UTF-8, US-ASCII or ISO-8859-1.
 */

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });
const looseUtf8 = new TextDecoder('utf-8');
const turkish = new TextDecoder('windows-1254');

const utf8Names = new Set([
  '',
  'utf8',
  'ascii',
  'usascii',
  'ansix341968',
  'unknown8bit',
  'default',
  '7bit',
  '8bit',
]);
/** Differ from windows-1254 in six letters only, and a Turkish sender means the Turkish ones. */
const latinNames = new Set([
  'iso88591',
  'iso885915',
  'latin1',
  'windows1252',
  'cp1252',
  'iso88599',
  'latin5',
]);
const turkishNames = new Set(['windows1254', 'cp1254', 'iso88593', 'xmacturkish', 'macturkish']);

const plain = (charset: string | undefined) => (charset ?? '').toLowerCase().replace(/[^a-z0-9]+/g, '');

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** UTF-8 with a few broken sequences (a cut at a size cap) against single bytes of windows-1254. */
function utf8OrTurkish(bytes: Uint8Array): string {
  const strict = utf8(bytes);
  if (strict !== undefined) return strict;
  let lead = 0;
  let paired = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    if ((bytes[index] ?? 0) < 0xc2) continue;
    lead += 1;
    if (((bytes[index + 1] ?? 0) & 0xc0) === 0x80) paired += 1;
  }
  return paired * 2 > lead ? looseUtf8.decode(bytes) : turkish.decode(bytes);
}

/** Text of the bytes; never throws. @param charset as declared, or undefined */
export function decodeText(bytes: Uint8Array, charset: string | undefined): string {
  const name = plain(charset);
  if (utf8Names.has(name)) return utf8OrTurkish(bytes);
  if (latinNames.has(name) || turkishNames.has(name)) {
    return (hasHighBytes(bytes) ? utf8(bytes) : undefined) ?? turkish.decode(bytes);
  }
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return utf8OrTurkish(bytes);
  }
}

function hasHighBytes(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 0x7f) return true;
  return false;
}
