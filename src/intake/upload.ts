import {
  type InboundMessage,
  type MessageSubmission,
  type Part,
  RefusedRequest,
  TransientError,
  type Upload,
} from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import type { Actor } from './gateway.ts';
import type { House } from './house.ts';

/** The files a submission names. */
export interface Files {
  /** What makes two submissions with files the same: the bytes of uploads, the addresses of links. */
  readonly identity: readonly string[];
  readonly references: InboundMessage['attachments'];
  readonly parts: readonly Part[];
  readonly uploads: readonly Upload[];
}

/** An upload that no message named within a day is of no more use, and housekeeping drops it. */
export const uploadUsableMs = 24 * 3600_000;

export const noFiles: Files = { identity: [], references: [], parts: [], uploads: [] };

/** The last part of an address's path; what stands behind it may be a signature. */
const nameIn = (url: string): string => URL.parse(url)?.pathname.split('/').at(-1) || 'dosya';

/** @throws RefusedRequest `unknown_upload` */
export async function filesOf(
  house: House,
  submission: MessageSubmission,
  actor: Actor,
  envelopeId: string,
): Promise<Files> {
  if (!submission.attachments?.length) return noFiles;
  const references: InboundMessage['attachments'][number][] = [];
  const parts: Part[] = [];
  const uploads: Upload[] = [];
  const identity: string[] = [];
  for (const [index, attachment] of submission.attachments.entries()) {
    if ('url' in attachment) {
      const name = attachment.name ?? nameIn(attachment.url);
      identity.push(attachment.url);
      const key = `${envelopeId}:${index}`;
      references.push({ part: key, name, mediaType: 'application/octet-stream' });
      parts.push({ key, kind: 'media', wait: 'optional', name, source: attachment.url, state: 'pending' });
      continue;
    }
    const upload = await house.reader.upload(attachment.upload);
    const expired = upload !== undefined && house.clock.now() - upload.createdAt > uploadUsableMs;
    if (upload === undefined || upload.owner !== actor.name || expired) {
      throw new RefusedRequest('unknown_upload', 'An attachment names an upload this key does not have.', {
        errors: [
          { pointer: `/attachments/${index}/upload`, message: 'unknown, expired, or made by another key' },
        ],
      });
    }
    uploads.push(upload);
    identity.push(`${upload.sha256} ${upload.name}`);
    references.push({ part: upload.id, name: upload.name, mediaType: upload.mediaType });
    parts.push({
      key: upload.id,
      kind: 'media',
      wait: 'optional',
      name: upload.name,
      state: 'stored',
      blob: { id: upload.blobId, mediaType: upload.mediaType, bytes: upload.bytes, sha256: upload.sha256 },
    });
  }
  return { identity, references, parts, uploads };
}

/** A file in before its message: stored, usable by its maker alone. Its type is judged by its bytes. @throws RefusedRequest `unsupported_media_type` */
export async function upload(
  house: House,
  file: { readonly name: string; readonly mediaType: string; readonly content: AsyncIterable<Uint8Array> },
  actor: Actor,
  limits: { readonly maxBytes: number; readonly mediaTypes: ReadonlySet<string> },
): Promise<Upload> {
  const { head, content } = await peek(file.content);
  const mediaType = (await house.sniff(head)) ?? safeTextType(file.mediaType);
  if (!limits.mediaTypes.has(mediaType))
    throw new RefusedRequest('unsupported_media_type', `Files of the type ${mediaType} are not taken.`);
  const blob = await house.blobs.put(content, limits.maxBytes);
  const stored: Upload = {
    id: `up_${house.ids.token()}`,
    owner: actor.name,
    name: file.name,
    mediaType,
    bytes: blob.bytes,
    sha256: blob.sha256,
    blobId: blob.id,
    createdAt: house.clock.now(),
  };
  const [outcome] = await house.pipeline.save([{ changes: [{ do: 'put-upload', upload: stored }] }]);
  if (outcome?.result !== 'saved')
    throw new TransientError('store_unavailable', 'The upload could not be stored now.');
  failpoint('before-upload-answer');
  return stored;
}

/** Text has no magic bytes: the claim stands for plain text, and for nothing else. */
export const safeTextType = (claimed: string): string => {
  const type = claimed.split(';')[0]?.trim().toLowerCase() ?? '';
  return type === 'text/plain' || type === 'text/csv' || type === 'text/vcard'
    ? type
    : 'application/octet-stream';
};

const headBytes = 4100;

/** The first bytes of a stream, and the stream whole. */
export async function peek(
  content: AsyncIterable<Uint8Array>,
): Promise<{ head: Uint8Array; content: AsyncIterable<Uint8Array> }> {
  const iterator = content[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  let ended = false;
  while (length < headBytes && !ended) {
    const next = await iterator.next();
    if (next.done) ended = true;
    else {
      first.push(next.value);
      length += next.value.byteLength;
    }
  }
  async function* whole() {
    yield* first;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { head: Buffer.concat(first).subarray(0, headBytes), content: whole() };
}
