/**
 * SMS text by 3GPP TS 23.038: the default alphabet, its extension, and the Turkish national tables
 * (annex A, language 1). One code unit of the tables below is one septet.
 */

export type SmsEncoding = 'gsm7' | 'gsm7-tr-locking' | 'gsm7-tr-single' | 'ucs2';
export type SeptetEncoding = Exclude<SmsEncoding, 'ucs2'>;

export interface Segmentation {
  readonly encoding: SmsEncoding;
  /** Septets, or UTF-16 code units for `ucs2`. */
  readonly units: number;
  /** Messages the operator sends and bills. An empty text is one. */
  readonly parts: number;
}

const escapeCode = 0x1b;

/** Sixteen septets a line, as the specification prints them. */
const defaultTable: readonly string[] = [
  '@£$¥èéùìòÇ\nØø\rÅå',
  'Δ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ',
  ' !"#¤%&\'()*+,-./',
  '0123456789:;<=>?',
  '¡ABCDEFGHIJKLMNO',
  'PQRSTUVWXYZÄÖÑÜ§',
  '¿abcdefghijklmno',
  'pqrstuvwxyzäöñüà',
].flatMap((line) => [...line]);
const turkishLocking: Readonly<Record<number, string>> = {
  4: '€',
  7: 'ı',
  11: 'Ğ',
  12: 'ğ',
  28: 'Ş',
  29: 'ş',
  64: 'İ',
  96: 'ç',
};
const defaultExtension: Readonly<Record<number, string>> = {
  10: '\f',
  20: '^',
  40: '{',
  41: '}',
  47: '\\',
  60: '[',
  61: '~',
  62: ']',
  64: '|',
  101: '€',
};
const turkishExtension: Readonly<Record<number, string>> = {
  ...defaultExtension,
  71: 'Ğ',
  73: 'İ',
  83: 'Ş',
  99: 'ç',
  103: 'ğ',
  105: 'ı',
  115: 'ş',
};

interface Alphabet {
  readonly main: readonly string[];
  readonly extension: Readonly<Record<number, string>>;
  readonly septets: ReadonlyMap<string, readonly number[]>;
}

function alphabet(main: readonly string[], extension: Readonly<Record<number, string>>): Alphabet {
  const septets = new Map<string, readonly number[]>();
  for (const [code, letter] of Object.entries(extension)) septets.set(letter, [escapeCode, Number(code)]);
  for (const [code, letter] of main.entries()) if (code !== escapeCode) septets.set(letter, [code]);
  return { main, extension, septets };
}

const alphabets: Readonly<Record<SeptetEncoding, Alphabet>> = {
  gsm7: alphabet(defaultTable, defaultExtension),
  'gsm7-tr-locking': alphabet(
    defaultTable.map((letter, code) => turkishLocking[code] ?? letter),
    defaultExtension,
  ),
  'gsm7-tr-single': alphabet(defaultTable, turkishExtension),
};

/** Units in a message that stands alone, and in each part of a longer one; what is missing from 160 and 70 is the header. */
const capacities: Readonly<Record<SmsEncoding, readonly [alone: number, part: number]>> = {
  gsm7: [160, 153],
  'gsm7-tr-locking': [155, 149],
  'gsm7-tr-single': [155, 149],
  ucs2: [70, 67],
};

/** Septets of the text, or undefined where a character is not in the table. */
export function toSeptets(text: string, encoding: SeptetEncoding): Uint8Array | undefined {
  const { septets } = alphabets[encoding];
  const codes: number[] = [];
  for (const character of text) {
    const found = septets.get(character);
    if (found === undefined) return undefined;
    codes.push(...found);
  }
  return Uint8Array.from(codes);
}

/** Text of the septets. An escape before a code the extension lacks shows the main table's character, as phones do. */
export function fromSeptets(septets: Uint8Array, encoding: SeptetEncoding): string {
  const { main, extension } = alphabets[encoding];
  let text = '';
  for (let index = 0; index < septets.length; index++) {
    const code = septets[index] ?? 0;
    if (code !== escapeCode) {
      text += main[code] ?? ' ';
      continue;
    }
    const next = septets[++index];
    if (next === undefined || next === escapeCode) text += ' ';
    else text += extension[next] ?? main[next] ?? ' ';
  }
  return text;
}

/** The cheapest way to send the text: the default alphabet where it holds it all, else the Turkish table with fewer parts, else UCS-2. */
export function segment(text: string): Segmentation {
  const plain = measure(text, 'gsm7');
  if (plain !== undefined) return plain;
  const locking = measure(text, 'gsm7-tr-locking');
  const single = measure(text, 'gsm7-tr-single');
  if (locking !== undefined && (single === undefined || locking.parts <= single.parts)) return locking;
  return (
    single ??
    fill(
      [...text].map((character) => character.length),
      'ucs2',
    )
  );
}

function measure(text: string, encoding: SeptetEncoding): Segmentation | undefined {
  const { septets } = alphabets[encoding];
  const sizes: number[] = [];
  for (const character of text) {
    const found = septets.get(character);
    if (found === undefined) return undefined;
    sizes.push(found.length);
  }
  return fill(sizes, encoding);
}

/** An escaped character or a surrogate pair never stands across two parts. */
function fill(sizes: readonly number[], encoding: SmsEncoding): Segmentation {
  const [alone, part] = capacities[encoding];
  const units = sizes.reduce((sum, size) => sum + size, 0);
  if (units <= alone) return { encoding, units, parts: 1 };
  let parts = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > part) {
      parts++;
      used = 0;
    }
    used += size;
  }
  return { encoding, units, parts };
}

const asciiTable: Readonly<Record<string, string>> = {
  Ş: 'S',
  ş: 's',
  Ğ: 'G',
  ğ: 'g',
  İ: 'I',
  ı: 'i',
  Ç: 'C',
  ç: 'c',
  Ö: 'O',
  ö: 'o',
  Ü: 'U',
  ü: 'u',
  Â: 'A',
  â: 'a',
  Î: 'I',
  î: 'i',
  Û: 'U',
  û: 'u',
};

/** Turkish letters to their plain ones, everything else as it is: the variant that costs one default part. */
export function toAsciiTurkish(text: string): string {
  return text.normalize('NFC').replace(/[ŞşĞğİıÇçÖöÜüÂâÎîÛû]/g, (letter) => asciiTable[letter] ?? letter);
}
