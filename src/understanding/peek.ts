/** Bytes that are looked at: an emergency is said in the first lines, and this stands before the answer to a provider. */
const maxBytes = 64 * 1024;
const base64Line = /^[A-Za-z0-9+/]{40,}={0,2}\r?$/;

/**
 * What a person would read in bytes that nobody has parsed yet: percent signs, JSON escapes, quoted-printable
 * and base64 undone by their looks, everything else left as it is. Good enough to look for words in, and for
 * nothing else. Pure; never throws.
 */
export function peekText(body: Uint8Array, contentType: string): string {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, maxBytes)).toString();
  if (contentType.startsWith('application/x-www-form-urlencoded'))
    return percentDecoded(text.replaceAll('+', ' '));
  if (contentType.startsWith('message/')) return mailDecoded(text);
  return text.includes('\\u')
    ? text.replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Another character set, or a sign of its own: the ASCII of it is enough for most words.
    return text.replace(/%[0-9a-fA-F]{2}/g, ' ');
  }
}

function mailDecoded(text: string): string {
  const lines: string[] = [];
  let block = '';
  for (const line of text.split('\n')) {
    if (base64Line.test(line)) block += line.trim();
    else {
      if (block !== '') lines.push(Buffer.from(block, 'base64').toString());
      block = '';
      lines.push(line);
    }
  }
  if (block !== '') lines.push(Buffer.from(block, 'base64').toString());
  return quotedDecoded(lines.join('\n'));
}

const quotedDecoded = (text: string): string =>
  text
    .replace(/=\r?\n/g, '')
    .replace(/(?:=[0-9A-F]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('=', ''), 'hex').toString());
