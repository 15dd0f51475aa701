import { Transform, type TransformCallback } from 'node:stream';
import type { ParseResult } from '@kapi/contract';
import { type AttachmentStream, MailParser, type MailParserOptions } from 'mailparser';
import { addressesOf, messageIdsIn } from './address-fields.ts';
import { decodeText } from './charset.ts';
import { readHeaders, withoutControls } from './headers.ts';
import { htmlToText } from './html-text.ts';
import { minimalText } from './minimal.ts';
import type { ParsedMail } from './payload.ts';

/** Runs in a child process: a mail's bytes → its text, reports and files. */

const maxText = 1_000_000;
const maxReport = 64 * 1024;
const maxFiles = 200;
const maxDepth = 3;

/** Reads a text body whole before it decides on the character set, because many mails declare a wrong one. */
class BodyDecoder extends Transform {
  private readonly chunks: Buffer[] = [];
  private readonly charset: string;
  constructor(charset: string) {
    super();
    this.charset = charset;
  }
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.chunks.push(chunk);
    done();
  }
  override _flush(done: TransformCallback): void {
    this.push(Buffer.from(decodeText(Buffer.concat(this.chunks), this.charset)));
    done();
  }
}

interface TextNode {
  charset?: string;
}
declare module 'mailparser' {
  interface MailParser {
    /** Not in the public types (3.9.31): one MIME entity, before its body is read. */
    createNode(node: unknown): TextNode;
  }
}

const ownCharset = 'kapi:';

class Parser extends MailParser {
  override createNode(node: unknown): TextNode {
    const made = super.createNode(node);
    // mailparser decodes US-ASCII and UTF-8 itself, without looking; any other name reaches our decoder.
    made.charset = ownCharset + (made.charset ?? '');
    return made;
  }
  getDecoder() {
    return { decodeStream: (charset: string) => new BodyDecoder(charset.slice(ownCharset.length)) };
  }
}

export const parserOptions: MailParserOptions & {
  ignoreEmbedded: boolean;
  maxHeadSize: number;
  maxChildNodes: number;
} = {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipTextLinks: true,
  skipImageLinks: true,
  keepDeliveryStatus: true,
  checksumAlgo: 'sha1',
  ignoreEmbedded: true,
  maxHeadSize: 1024 * 1024,
  maxChildNodes: 1000,
};

interface File {
  readonly partId: string | undefined;
  readonly name: string;
  readonly mediaType: string;
  readonly body: Buffer;
  readonly inline: boolean;
  readonly disposition: string | undefined;
  readonly method: string | undefined;
  readonly charset: string | undefined;
}

interface Content {
  readonly plain: string;
  readonly html: string;
  readonly files: readonly File[];
}

/** mailparser as a promise; rejects at its own limits (EMAXLEN: header, number of parts). */
function read(raw: Buffer): Promise<Content> {
  return new Promise((resolve, reject) => {
    const parser = new Parser(parserOptions);
    const files: Promise<File>[] = [];
    let plain = '';
    let html = '';
    parser.on('error', reject);
    parser.on('data', (data) => {
      if (data.type === 'text') {
        plain = data.text ?? '';
        html = typeof data.html === 'string' ? data.html : '';
        return;
      }
      const file = collect(data);
      files.push(file);
      // The parser stands still until the file is released.
      file.then(() => data.release(), reject);
    });
    parser.on('end', () => {
      Promise.all(files).then((whole) => resolve({ plain, html, files: whole }), reject);
    });
    parser.end(raw);
  });
}

async function collect(data: AttachmentStream): Promise<File> {
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    data.content.on('data', (chunk: Buffer) => chunks.push(chunk));
    data.content.on('end', resolve);
    data.content.on('error', reject);
  });
  const header = data.headers.get('content-type');
  const parameters = typeof header === 'object' && 'params' in header ? header.params : {};
  return {
    partId: data.partId,
    name: data.filename ?? '',
    mediaType: data.contentType.toLowerCase(),
    body: Buffer.concat(chunks),
    inline: data.contentDisposition === 'inline' || data.cid !== undefined,
    disposition: data.contentDisposition || undefined,
    method: parameters.method,
    charset: parameters.charset,
  };
}

/** A name that is safe to show and to offer for download; never a path. */
function fileName(claimed: string, mediaType: string, index: number): string {
  const name = withoutControls(claimed.replace(/^.*[\\/]/s, ''))
    .trim()
    .slice(0, 200);
  if (name !== '' && name !== '.' && name !== '..') return name;
  const extension = /^(?:image|text|application)\/([a-z0-9]{2,5})$/.exec(mediaType)?.[1];
  return `ek-${index}${extension === undefined ? (mediaType === 'message/rfc822' ? '.eml' : '') : `.${extension.replace('plain', 'txt')}`}`;
}

/**
 * The body a person wrote: plain, unless it is a stub beside the HTML. What says something else is no second
 * form of that body, but stands after it in a multipart/mixed, and is kept.
 */
function chooseText(content: Content): Pick<ParsedMail, 'text' | 'from'> {
  const plain = clean(content.plain);
  const html = content.html === '' ? '' : clean(htmlToText(content.html));
  const stub = plain.length < 200 && plain.length * 4 < html.length;
  const others = content.files
    .filter(isOtherForm)
    .map(({ body, charset }) => htmlToText(decodeText(body, charset)));
  const [first = '', ...more] = [stub ? '' : plain, html, ...others.map(clean)].filter((text) => text !== '');
  let text = first;
  for (const next of more) if (!tellsTheSame(text, next)) text = clean(`${text}\n\n${next}`);
  if (text === '') return { text, from: 'none' };
  return { text, from: plain !== '' && !stub ? 'plain' : 'html' };
}

/** Most words of the other are in the first; links and what a client adds may differ. */
function tellsTheSame(first: string, other: string): boolean {
  const words = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu) ?? [];
  const known = new Set(words(first));
  const said = words(other);
  return said.filter((word) => known.has(word)).length * 2 >= said.length;
}

/** A body in another form of text, that mailparser takes for a file: text/enriched, AMP, what a watch shows. */
const isOtherForm = ({ mediaType, name, disposition }: File): boolean =>
  /^text\/(?:enriched|richtext|markdown|x-amp-html|watch-html)$/.test(mediaType) &&
  name === '' &&
  disposition !== 'attachment';

const clean = (text: string) =>
  text
    .slice(0, maxText)
    .replace(/\r\n?/g, '\n')
    .replace(/[\0\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]/g, '')
    .replace(/\u00a0/g, ' ')
    .trim();

interface State {
  readonly value: Omit<ParsedMail, 'text' | 'from' | 'calendarMethod' | 'returnedMessageId'> & {
    calendarMethod?: string;
    returnedMessageId?: string;
  };
  readonly files: { key: string; name: string; mediaType: string; body: Uint8Array }[];
}

async function take(content: Content, state: State, prefix: string, depth: number): Promise<void> {
  for (const [index, file] of content.files.entries()) {
    const key = uniqueKey(state, `${prefix}${file.partId ?? String(index + 1)}`);
    if (isOtherForm(file)) continue;
    if (sealed.test(file.mediaType)) warn(state, 'body-sealed');
    if (
      /^message\/(?:delivery-status|disposition-notification|feedback-report|global-delivery-status)$/.test(
        file.mediaType,
      )
    ) {
      state.value.reports.push({ type: file.mediaType, text: file.body.toString('latin1', 0, maxReport) });
      continue;
    }
    if (
      /^(?:message\/rfc822|text\/rfc822-headers|message\/global)$/.test(file.mediaType) &&
      state.value.reports.length > 0
    ) {
      const id = messageIdsIn([readHeaders(file.body).first('message-id')])[0];
      if (id !== undefined) state.value.returnedMessageId ??= id;
      continue;
    }
    if (file.mediaType === 'text/calendar' && file.method !== undefined)
      state.value.calendarMethod = file.method.toUpperCase();
    if (state.files.length >= maxFiles) {
      warn(state, 'attachments-dropped');
      continue;
    }
    const name = fileName(file.name, file.mediaType, index + 1);
    state.files.push({ key, name, mediaType: file.mediaType, body: file.body });
    state.value.attachments.push({
      part: key,
      name,
      mediaType: file.mediaType,
      bytes: file.body.length,
      inline: file.inline,
    });
    if (file.mediaType === 'message/rfc822') await takeNested(file.body, state, `${key}/`, depth + 1);
  }
}

async function takeNested(raw: Buffer, state: State, prefix: string, depth: number): Promise<void> {
  if (depth > maxDepth) {
    warn(state, 'nested-too-deep');
    return;
  }
  const headers = readHeaders(raw);
  let content: Content;
  try {
    content = await read(raw);
  } catch {
    warn(state, 'nested-unread');
    return;
  }
  state.value.nested.push({
    from: addressesOf(headers.first('from') ?? '')[0]?.address ?? '',
    subject: headers.text('subject') ?? '',
    date: headers.first('date') ?? '',
    text: chooseText(content).text.slice(0, 200_000),
  });
  await take(content, state, prefix, depth);
}

/** S/MIME that is encrypted, or signed in one opaque piece, and PGP/MIME: what is said is in the attachment. */
const sealed = /^application\/(?:(?:x-)?pkcs7-mime|pgp-encrypted)$/;

function warn(state: State, warning: string): void {
  if (!state.value.warnings.includes(warning)) state.value.warnings.push(warning);
}

function uniqueKey(state: State, wanted: string): string {
  const taken = new Set(state.files.map((file) => file.key));
  let key = wanted;
  for (let n = 2; taken.has(key); n += 1) key = `${wanted}~${n}`;
  return key;
}

/** @throws Error at the limits of the mail parser */
export default async function parse(body: Uint8Array): Promise<ParseResult> {
  const raw = Buffer.from(body.buffer, body.byteOffset, body.length);
  const content = await read(raw);
  const state: State = { value: { reports: [], nested: [], attachments: [], warnings: [] }, files: [] };
  await take(content, state, '', 0);
  const chosen = chooseText(content);
  // What the library does not take for a body at all, e.g. a multipart without a boundary.
  const text = chosen.from === 'none' && state.files.length === 0 ? clean(minimalText(raw)) : '';
  const said = text === '' ? chosen : ({ text, from: 'plain' } as const);
  return { value: { ...said, ...state.value } satisfies ParsedMail, files: state.files };
}
