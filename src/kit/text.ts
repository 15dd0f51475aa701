import { PayloadError } from '@kapi/contract';

const foldTable: Readonly<Record<string, string>> = {
  İ: 'i',
  I: 'i',
  ı: 'i',
  Ş: 's',
  ş: 's',
  Ğ: 'g',
  ğ: 'g',
  Ç: 'c',
  ç: 'c',
  Ö: 'o',
  ö: 'o',
  Ü: 'u',
  ü: 'u',
  Â: 'a',
  â: 'a',
  Î: 'i',
  î: 'i',
  Û: 'u',
  û: 'u',
  '\u0307': '',
};
const lastFolded = 0x307;
const capitalI = 73;
const foldUnits = Array.from({ length: lastFolded + 1 }, (_, unit) => foldTable[String.fromCharCode(unit)]);

/**
 * Key under which Turkish words written with or without their letters meet: `IĞDIR`, `Iğdır` and `igdir` are
 * one. Neither locale lower-casing nor the `i` flag does this: `İ` lower-cases to two characters, `/i/iu`
 * misses it.
 */
export function foldKey(text: string): string {
  const composed = text.normalize('NFC');
  let folded = '';
  let from = 0;
  // Every message passes here: a loop over units takes half the time of a pattern.
  for (let at = 0; at < composed.length; at += 1) {
    const unit = composed.charCodeAt(at);
    if (unit !== capitalI && (unit < 0xc2 || unit > lastFolded)) continue;
    const letter = foldUnits[unit];
    if (letter === undefined) continue;
    folded += composed.slice(from, at) + letter;
    from = at + 1;
  }
  return (from === 0 ? composed : folded + composed.slice(from)).toLowerCase();
}

export interface DecodedText {
  readonly text: string;
  readonly charset: string;
}

/**
 * Bytes to text: byte order mark, then the charset the sender declared, then strict UTF-8, then windows-1254
 * (which the platform's `iso-8859-9` also is). A declared UTF-8 that is not UTF-8 goes on to windows-1254: senders
 * of Turkish text declare wrongly more often than they send broken UTF-8.
 * @throws PayloadError `payload_charset` for a declared charset this platform does not know
 */
export function decodeText(bytes: Uint8Array, declared?: string): DecodedText {
  const marked = markedCharset(bytes);
  if (marked !== undefined) return { text: new TextDecoder(marked).decode(bytes), charset: marked };
  const strict = decodeStrictly(bytes, 'utf-8');
  if (declared !== undefined) {
    const label = knownLabel(declared);
    if (label !== 'utf-8') return { text: new TextDecoder(label).decode(bytes), charset: label };
  }
  if (strict !== undefined) return { text: strict, charset: 'utf-8' };
  return { text: new TextDecoder('windows-1254').decode(bytes), charset: 'windows-1254' };
}

function markedCharset(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return undefined;
}

function decodeStrictly(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function knownLabel(declared: string): string {
  try {
    return new TextDecoder(declared).encoding;
  } catch {
    throw new PayloadError('payload_charset', 'the declared character set is not known here');
  }
}
