/**
 * Cuts quoted history from a mail's text, as Turkish, English and German clients write it. Lines are
 * looked at one by one; only short ones can be a marker, so the time grows with the length.
 */

const maxMarker = 400;

const separator =
  /^[>\s]*[-_*=]{2,}\s*(?:original message|orijinal (?:mesaj|ileti|e-?posta)|orjinal mesaj|özgün (?:ileti|mesaj)|asil (?:ileti|mesaj)|ilk mesaj|alintilanan (?:ileti|mesaj)|ursprüngliche nachricht|message d'origine)\s*[-_*=]{2,}\s*$/i;
const forwardMarker =
  /^[>\s]*(?:[-_*=]{2,}\s*(?:forwarded (?:message|mail)|iletilen (?:ileti|mesaj|e-?posta)|yönlendirilen (?:ileti|mesaj|e-?posta)|yönlendirilmiş (?:ileti|mesaj)|iletilmiş (?:ileti|mesaj)|weitergeleitete nachricht)\s*[-_*=]{2,}|(?:begin forwarded message|yönlendirilen ileti başlangici|iletilen ileti|anfang der weitergeleiteten nachricht)\s*:)\s*$/i;

/** Where a line says that somebody wrote something on a day. */
const attributions: readonly RegExp[] = [
  /^(?:on|le|am|el)\s.{5,300}(?:wrote|a écrit|schrieb.{0,120}|escribió)\s*:$/i,
  /^.{3,300}\btarihinde\b.{0,200}\b(?:şunu |şunlari |)(?:yazdi|yazmiş)\s*:$/i,
  /^.{3,300}(?:şunu|şunlari) yazdi\s*(?:\(.{4,60}\))?\s*:$/i,
  /^.{3,300}<[^<>\s]+@[^<>\s]+>,?\s.{4,60}(?:yazdi|wrote)\s*:$/i,
  /^\d{1,2}[./]\d{1,2}[./]\d{4},?\s.{0,20}\d{1,2}[:.]\d{2}.{0,20}<?[^<>\s]+@[^<>\s]+>?\s*[:;]?\s*:$/,
  /^\d{1,2}[./]\d{1,2}[./]\d{4},?\s+\d{1,2}[:.]\d{2}(?:[:.]\d{2})?,\s.{2,200}:$/,
];
/** Every marker but the first lines of an attribution has one of these; most lines have none. */
const markerSigns = /[-_*=:]/;
/** Carries an address or a clock time: nobody writes that in a sentence of their own. */
const certain = /<[^<>\s]+@[^<>\s]+>|\d{1,2}[:.]\d{2}/;

const headerFrom = /^[>\s*]*(?:kimden|gönderen|from|von|de)\s*:\*?\s*\S/i;
const headerRest =
  /^[>\s*]*(?:tarih|gönderildi|gönderilme(?: tarihi)?|gönderme tarihi|gönderim tarihi|date|sent|gesendet|datum|kime|alici|to|an|konu|subject|betreff|bilgi|cc|yanitla|reply-to)\s*:/i;

/** Dotted and dotless i as one letter: `/i` knows nothing of Turkish capitals. Patterns are written that way. */
export const foldI = (line: string): string => line.replace(/[Iİı]/g, 'i');

export interface Cut {
  readonly text: string;
  readonly cut: boolean;
}

interface Found {
  readonly start: number;
  /** First line after the marker. */
  readonly end: number;
  /** Everything below belongs to the quotation; false: only the lines with `>`. */
  readonly all: boolean;
}

/**
 * @param mail.reply it answers something: a block of `>` lines then needs no other sign
 * @param mail.forwarded the citizen passes a mail on: what is below is what they mean to say
 */
export function cutQuoted(text: string, mail: { readonly reply: boolean; readonly forwarded: boolean }): Cut {
  const lines = text.split('\n');
  const kept: string[] = [];
  let quoting = false;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (line.length <= maxMarker && markerSigns.test(line) && forwardMarker.test(foldI(line))) {
      kept.push(...lines.slice(index));
      break;
    }
    const found = markerAt(lines, index, mail.forwarded);
    if (found?.all === true) break;
    if (found !== undefined) {
      quoting = true;
      index = found.end - 1;
    } else if (/^\s{0,3}>/.test(line) && (quoting || mail.reply)) quoting = true;
    else kept.push(line);
  }
  const remaining = kept
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  if (remaining === '' || remaining === text.trim()) return { text, cut: false };
  return { text: remaining, cut: true };
}

function markerAt(lines: readonly string[], index: number, forwarded: boolean): Found | undefined {
  const raw = lines[index] ?? '';
  if (raw === '' || raw.length > maxMarker) return undefined;
  if (!markerSigns.test(raw)) return attributionAt(lines, index);
  const line = foldI(raw.trim());
  if (!forwarded && separator.test(line)) return { start: index, end: index + 1, all: true };
  if (!forwarded && headerFrom.test(line) && headerBlock(lines, index))
    return { start: index, end: index + 1, all: true };
  return attributionAt(lines, index);
}

/** `Kimden:` followed by at least two more fields of a mail head. */
function headerBlock(lines: readonly string[], index: number): boolean {
  let fields = 0;
  for (const line of lines.slice(index + 1, index + 8))
    if (headerRest.test(foldI(line.slice(0, 100)))) fields += 1;
  return fields >= 2;
}

/** One attribution, which clients wrap over up to three lines. */
function attributionAt(lines: readonly string[], index: number): Found | undefined {
  let ends = false;
  for (let next = index; next < index + 3; next += 1) ends ||= lines[next]?.trimEnd().endsWith(':') === true;
  if (!ends) return undefined;
  let joined = '';
  for (let count = 1; count <= 3; count += 1) {
    const next = (lines[index + count - 1] ?? '').trim();
    if (next === '' || next.startsWith('>')) return undefined;
    joined = `${joined} ${next}`.trim();
    if (joined.length > maxMarker) return undefined;
    if (!joined.endsWith(':')) continue;
    const whole = foldI(joined);
    if (!attributions.some((pattern) => pattern.test(whole))) continue;
    const end = index + count;
    const below = lines.slice(end, end + 4).find((line) => line.trim() !== '');
    if (below?.trim().startsWith('>') === true) return { start: index, end, all: false };
    return certain.test(whole) ? { start: index, end, all: true } : undefined;
  }
  return undefined;
}
