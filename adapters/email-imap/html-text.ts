/**
 * HTML of a mail to text, in one pass: time grows with the length of the input, whatever it contains.
 * Quotations (`blockquote`) become lines with `> `, so that one rule cuts quoted history everywhere.
 */

const maxInput = 4_000_000;
const maxOutput = 1_000_000;
const maxTag = 64 * 1024;

const blocks = new Set(
  'address article aside center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main menu nav ol option p pre section summary table tbody tfoot thead title tr ul'.split(
    ' ',
  ),
);
const spaced = new Set(['p', 'ul', 'ol', 'table', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote']);
/** Elements whose content is not for reading. */
const unreadNames = ['script', 'style', 'title', 'template', 'noscript', 'svg', 'math'];

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ensp: ' ',
  emsp: ' ',
  thinsp: ' ',
  zwnj: '',
  zwj: '',
  shy: '',
  ouml: 'ö',
  Ouml: 'Ö',
  uuml: 'ü',
  Uuml: 'Ü',
  ccedil: 'ç',
  Ccedil: 'Ç',
  scedil: 'ş',
  Scedil: 'Ş',
  gbreve: 'ğ',
  Gbreve: 'Ğ',
  imath: 'ı',
  inodot: 'ı',
  Idot: 'İ',
  acirc: 'â',
  Acirc: 'Â',
  icirc: 'î',
  Icirc: 'Î',
  ucirc: 'û',
  Ucirc: 'Û',
  auml: 'ä',
  Auml: 'Ä',
  szlig: 'ß',
  eacute: 'é',
  egrave: 'è',
  agrave: 'à',
  aacute: 'á',
  iacute: 'í',
  oacute: 'ó',
  uacute: 'ú',
  ntilde: 'ñ',
  lsquo: '‘',
  rsquo: '’',
  sbquo: '‚',
  ldquo: '“',
  rdquo: '”',
  bdquo: '„',
  laquo: '«',
  raquo: '»',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  bull: '•',
  middot: '·',
  deg: '°',
  copy: '©',
  reg: '®',
  trade: '™',
  euro: '€',
  pound: '£',
  sect: '§',
  times: '×',
  frac12: '½',
  sup2: '²',
  sup3: '³',
};

function decodeEntity(body: string): string | undefined {
  if (!body.startsWith('#')) return Object.hasOwn(entities, body) ? entities[body] : undefined;
  const code = /^#x/i.test(body) ? Number.parseInt(body.slice(2), 16) : Number.parseInt(body.slice(1), 10);
  if (!(code > 0 && code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff)) return '';
  return String.fromCodePoint(code);
}

const decode = (text: string) =>
  text.includes('&')
    ? text.replace(
        /&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,9});?/gi,
        (whole, body: string) => decodeEntity(body) ?? whole,
      )
    : text;

class Writer {
  private readonly out: string[] = [];
  private length = 0;
  private breaks = 0;
  private space = false;
  quote = 0;

  get full(): boolean {
    return this.length > maxOutput;
  }

  text(raw: string, preformatted: boolean): void {
    if (preformatted) {
      const lines = decode(raw).split('\n');
      lines.forEach((line, index) => {
        if (index > 0) this.line(1, true);
        this.write(line);
      });
      return;
    }
    const words = decode(raw).split(/[\s\u00a0]+/);
    words.forEach((word, index) => {
      if (index > 0) this.space = true;
      this.write(word);
    });
  }

  private write(word: string): void {
    if (word === '') return;
    if (this.breaks > 0 || this.out.length === 0) {
      const prefix = '> '.repeat(Math.min(this.quote, 3));
      if (this.out.length > 0)
        for (let n = 0; n < this.breaks; n += 1) this.push(n === 0 ? '\n' : `${prefix.trimEnd()}\n`);
      this.push(prefix);
      this.breaks = 0;
    } else if (this.space) this.push(' ');
    this.space = false;
    this.push(word);
  }

  private push(text: string): void {
    this.out.push(text);
    this.length += text.length;
  }

  /** At least `count` line ends before what comes next; `more` adds to those already due. */
  line(count: number, more = false): void {
    this.breaks = Math.min(3, more ? this.breaks + count : Math.max(this.breaks, count));
    this.space = false;
  }

  toString(): string {
    return this.out.join('').slice(0, maxOutput);
  }
}

/** Where the tag that starts at `at` ends (index of its `>`), or where looking was given up, negative. */
function tagEnd(html: string, at: number): number {
  const limit = Math.min(html.length, at + maxTag);
  let quote = '';
  for (let index = at + 1; index < limit; index += 1) {
    const char = html[index];
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === '>') return index;
    else if ((char === '"' || char === "'") && html[index - 1] === '=') quote = char;
  }
  return -limit;
}

/** End of the next match, or undefined. */
function after(html: string, pattern: RegExp, from: number): number | undefined {
  pattern.lastIndex = from;
  const match = pattern.exec(html);
  return match === null ? undefined : match.index + match[0].length;
}

/** @param source HTML, whole or broken; more than 4 million characters are not looked at */
export function htmlToText(source: string): string {
  const html = source.slice(0, maxInput);
  const out = new Writer();
  // One that is never closed is read on: looking for its end again and again would cost the square.
  const unread = new Set(unreadNames);
  let pre = 0;
  for (let at = 0; at < html.length && !out.full; ) {
    const open = html.indexOf('<', at);
    if (open === -1) {
      out.text(html.slice(at), pre > 0);
      break;
    }
    out.text(html.slice(at, open), pre > 0);
    if (html.startsWith('<!--', open)) {
      at = after(html, /-->/g, open + 4) ?? html.length;
      continue;
    }
    let signs = open;
    while (html[signs] === '<' && !/[a-z/!?]/i.test(html[signs + 1] ?? '')) signs += 1;
    if (signs > open) {
      out.text(html.slice(open, signs), pre > 0);
      at = signs;
      continue;
    }
    const end = tagEnd(html, open);
    if (end < 0) {
      out.text(html.slice(open, -end), pre > 0);
      at = -end;
      continue;
    }
    at = end + 1;
    const match = /^<(\/?)([a-z][a-z0-9:]{0,30})/i.exec(html.slice(open, open + 34));
    const name = (match?.[2] ?? '').toLowerCase();
    const closing = match?.[1] === '/';
    if (unread.has(name) && !closing && html[end - 1] !== '/') {
      const next = after(html, new RegExp(`</${name}[^>]{0,100}>`, 'gi'), at);
      if (next === undefined) unread.delete(name);
      else at = next;
    } else if (name === 'br') out.line(1, true);
    else if (name === 'blockquote') {
      out.line(closing ? 1 : 2);
      out.quote = Math.max(0, out.quote + (closing ? -1 : 1));
    } else if (name === 'td' || name === 'th') out.text(' ', false);
    else if (name === 'pre') {
      pre = Math.max(0, pre + (closing ? -1 : 1));
      out.line(1);
    } else if (blocks.has(name)) out.line(spaced.has(name) ? 2 : 1);
    if (name === 'li' && !closing) out.text('- ', false);
  }
  return out.toString();
}
