import { decodeText } from './charset.ts';
import { headerEnd, headerParameter, readHeaders } from './headers.ts';
import { htmlToText } from './html-text.ts';

/**
 * The text of a mail the parser could not take: only the first readable body, from the first 256 KiB,
 * in time that grows with those bytes. It runs where no child process protects the house.
 */

const maxBytes = 256 * 1024;
const maxParts = 50;

export function minimalText(raw: Uint8Array): string {
  const found = bodies(raw.subarray(0, maxBytes));
  const plain = found.find((body) => body.html === false && body.text.trim() !== '');
  return (plain ?? found.find((body) => body.text.trim() !== ''))?.text.replace(/\0/g, '').trim() ?? '';
}

interface Body {
  readonly html: boolean;
  readonly text: string;
}

function bodies(raw: Uint8Array): Body[] {
  const queue: Uint8Array[] = [raw];
  const found: Body[] = [];
  for (let taken = 0; queue.length > 0 && taken < maxParts && found.length < 4; taken += 1) {
    const entity = queue.shift();
    if (entity === undefined) break;
    const headers = readHeaders(entity);
    const type = headers.first('content-type') ?? 'text/plain';
    const body = entity.subarray(headerEnd(entity).bodyStart);
    const boundary = /^\s*multipart\//i.test(type) ? headerParameter(type, 'boundary') : undefined;
    if (boundary !== undefined) queue.push(...splitAt(body, boundary));
    else if (/^\s*message\/rfc822/i.test(type)) queue.push(body);
    else if (
      // A multipart without a boundary is one text.
      /^\s*(?:text\/(?:plain|html)|multipart\/)/i.test(type) &&
      !/^\s*attachment/i.test(headers.first('content-disposition') ?? '')
    ) {
      const html = /^\s*text\/html/i.test(type);
      const text = decodeText(
        decodeTransfer(body, headers.first('content-transfer-encoding') ?? ''),
        headerParameter(type, 'charset'),
      );
      found.push({ html, text: html ? htmlToText(text) : text.replace(/\r\n?/g, '\n') });
    }
  }
  return found;
}

/** Entities between the delimiter lines. */
function splitAt(body: Uint8Array, boundary: string): Uint8Array[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const delimiter = Buffer.from(`--${boundary}`, 'latin1');
  const found: Uint8Array[] = [];
  let start = -1;
  for (
    let at = bytes.indexOf(delimiter);
    at !== -1 && found.length < maxParts;
    at = bytes.indexOf(delimiter, at + delimiter.length)
  ) {
    if (at > 0 && bytes[at - 1] !== 0x0a) continue;
    if (start >= 0) found.push(bytes.subarray(start, at));
    const lineEnd = bytes.indexOf(0x0a, at);
    start = lineEnd === -1 ? -1 : lineEnd + 1;
    if (start === -1) return found;
  }
  if (start >= 0 && found.length < maxParts) found.push(bytes.subarray(start));
  return found;
}

function decodeTransfer(body: Uint8Array, encoding: string): Uint8Array {
  const text = () => Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1');
  if (/base64/i.test(encoding)) return Buffer.from(text(), 'base64');
  if (!/quoted-printable/i.test(encoding)) return body;
  return Buffer.from(
    text()
      .replace(/=[ \t]{0,20}\r?\n/g, '')
      .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
