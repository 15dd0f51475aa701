import { decodeText } from './charset.ts';

/** Header fields of a mail, in the order of the bytes. Names lower case. */
export interface MailHeaders {
  /** Values as in the bytes (unfolded, one character a byte), first one first. */
  all(name: string): readonly string[];
  first(name: string): string | undefined;
  /** First value, encoded words decoded. */
  text(name: string): string | undefined;
  has(name: string): boolean;
  /** Where the body begins; the length of the bytes where there is none. */
  readonly bodyStart: number;
}

/** More header than this is no mail a person wrote: the rest is not looked at. */
const maxHeaderBytes = 256 * 1024;
const maxLines = 5_000;
const maxValue = 32 * 1024;

/** Reads the header block in one pass; never throws, never looks past its caps. */
export function readHeaders(raw: Uint8Array): MailHeaders {
  const { end, bodyStart } = headerEnd(raw);
  const block = Buffer.from(raw.buffer, raw.byteOffset, end).toString('latin1');
  const fields = new Map<string, string[]>();
  let name = '';
  let value: string[] = [];
  const put = () => {
    if (name === '') return;
    const list = fields.get(name);
    const text = value.join(' ').slice(0, maxValue).trim();
    if (list === undefined) fields.set(name, [text]);
    else list.push(text);
  };
  for (const line of block.split(/\r\n|\n|\r/, maxLines)) {
    if (/^[ \t]/.test(line)) {
      value.push(line.trim());
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1 || colon > 100) continue;
    put();
    name = line.slice(0, colon).trim().toLowerCase();
    value = [line.slice(colon + 1).trim()];
  }
  put();
  const all = (key: string) => fields.get(key) ?? [];
  return {
    all,
    first: (key) => all(key)[0],
    text: (key) => {
      const found = all(key)[0];
      return found === undefined ? undefined : decodeWords(found);
    },
    has: (key) => fields.has(key),
    bodyStart,
  };
}

/** End of the header block and start of the body: at the first empty line, within the cap. */
export function headerEnd(raw: Uint8Array): { readonly end: number; readonly bodyStart: number } {
  const limit = Math.min(raw.length, maxHeaderBytes);
  if (raw[0] === 0x0a) return { end: 0, bodyStart: 1 };
  if (raw[0] === 0x0d && raw[1] === 0x0a) return { end: 0, bodyStart: 2 };
  for (let at = raw.indexOf(0x0a); at !== -1 && at < limit; at = raw.indexOf(0x0a, at + 1)) {
    if (raw[at + 1] === 0x0a) return { end: at + 1, bodyStart: at + 2 };
    if (raw[at + 1] === 0x0d && raw[at + 2] === 0x0a) return { end: at + 1, bodyStart: at + 3 };
  }
  return { end: limit, bodyStart: raw.length };
}

const encodedWord = /=\?([\w.:+-]{1,40})(?:\*[\w-]{0,20})?\?([bq])\?([^?]{0,4000})\?=/gi;

/**
 * RFC 2047 words of one field. Neighbours of one character set are joined as bytes first, because
 * Outlook and others cut inside a letter.
 */
export function decodeWords(value: string): string {
  const out: string[] = [];
  let pending: { charset: string; bytes: Buffer[] } | undefined;
  const flush = () => {
    if (pending !== undefined) out.push(decodeText(Buffer.concat(pending.bytes), pending.charset));
    pending = undefined;
  };
  let at = 0;
  for (const match of value.matchAll(encodedWord)) {
    const between = value.slice(at, match.index);
    if (pending === undefined || between.trim() !== '') {
      flush();
      out.push(rawText(between));
    }
    const [whole, charset = '', encoding = '', text = ''] = match;
    const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : fromQ(text);
    if (pending !== undefined && pending.charset.toLowerCase() !== charset.toLowerCase()) flush();
    pending ??= { charset, bytes: [] };
    pending.bytes.push(bytes);
    at = match.index + whole.length;
  }
  flush();
  out.push(rawText(value.slice(at)));
  return withoutControls(out.join('')).trim();
}

/** Bytes that nobody encoded, against RFC 5322 but common. */
const rawText = (latin: string) =>
  /[\u0080-\u00ff]/.test(latin) ? decodeText(Buffer.from(latin, 'latin1'), undefined) : latin;

function fromQ(text: string): Buffer {
  return Buffer.from(
    text
      .replace(/_/g, ' ')
      .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

/** One line without control characters. */
export const withoutControls = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

/** `multipart/report; report-type="delivery-status"` → its value and one parameter. */
export function headerParameter(value: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]{0,400})"|([^\\s;"]{1,400}))`, 'i').exec(
    value.slice(0, 4000),
  );
  return match?.[1] ?? match?.[2];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const zones: Readonly<Record<string, string>> = {
  EST: '-05:00',
  EDT: '-04:00',
  CST: '-06:00',
  CDT: '-05:00',
  MST: '-07:00',
  MDT: '-06:00',
  PST: '-08:00',
  PDT: '-07:00',
};

/** RFC 5322 date → ISO 8601 with its offset; undefined where it is no date. Knows no clock and no time zone of ours. */
export function headerDate(value: string): string | undefined {
  const match =
    /(\d{1,2})\s+([A-Za-z]{3})[A-Za-z]*\.?\s+(\d{4}|\d{2})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([+-]\d{4}|[A-Za-z]{1,5})?/.exec(
      value.slice(0, 200),
    );
  if (match === null) return undefined;
  const [, day = '', monthName = '', yearText = '', hour = '', minute = '', second = '00', zone = ''] = match;
  const month = months.indexOf(monthName.toLowerCase()) + 1;
  const year =
    yearText.length === 2 ? String(Number(yearText) + (Number(yearText) < 50 ? 2000 : 1900)) : yearText;
  const offset = /^[+-]\d{4}$/.test(zone)
    ? `${zone.slice(0, 3)}:${zone.slice(3)}`
    : (zones[zone.toUpperCase()] ?? '+00:00');
  const two = (text: string | number) => String(text).padStart(2, '0');
  const iso = `${year}-${two(month)}-${two(day)}T${two(hour)}:${minute}:${second}${offset}`;
  return month === 0 || Number.isNaN(Date.parse(iso)) ? undefined : iso;
}
