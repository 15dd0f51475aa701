import multipart, { type MultipartFile } from '@fastify/multipart';
import { RefusedRequest, uploadAnswer } from '@kapi/contract';
import type { FastifyRequest } from 'fastify';
import { bodyOf, metered, refuseDeclared } from '../body-stream.ts';
import { defineRoute, type House, noBody, none, type Route } from '../route.ts';

interface IncomingFile {
  readonly name: string;
  readonly mediaType: string;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The last path segment without control characters; the original is data, never a path of ours. */
export function safeName(given: string | undefined): string {
  const last = (given ?? '').split(/[\\/]/).at(-1) ?? '';
  const clean = last
    .replaceAll(/\p{Cc}/gu, '')
    .trim()
    .slice(0, 255);
  return clean === '' || clean === '.' || clean === '..' ? 'file' : clean;
}

/** RFC 6266: `filename*` before `filename`. */
export function dispositionName(header: string | undefined): string | undefined {
  const extended = /filename\*\s*=\s*utf-8''([^;\s]+)/i.exec(header ?? '')?.[1];
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended);
    } catch {
      return undefined;
    }
  }
  const plain = /filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header ?? '');
  return plain?.[1]?.replaceAll(/\\(.)/g, '$1') ?? plain?.[2];
}

/** @throws RefusedRequest `invalid_request`: the form parser's own errors carry no code */
async function filePart(request: FastifyRequest, maxBytes: number): Promise<MultipartFile | undefined> {
  try {
    // One byte more than allowed, so that the meter and not the parser says what is too large.
    return await request.file({ limits: { files: 1, fields: 10, fileSize: maxBytes + 1 } });
  } catch (thrown) {
    throw new RefusedRequest('invalid_request', 'The form is not well formed.', {
      cause: thrown,
      errors: [{ pointer: '/file', message: 'Give one file, with a boundary.' }],
    });
  }
}

async function incomingFile(request: FastifyRequest, house: House): Promise<IncomingFile> {
  const { maxUploadBytes } = house.config.limits;
  if (request.isMultipart()) {
    const part = await filePart(request, maxUploadBytes);
    if (part === undefined) {
      throw new RefusedRequest('invalid_request', 'The form holds no file.', {
        errors: [{ pointer: '/file', message: 'Give one file.' }],
      });
    }
    return { name: part.filename, mediaType: part.mimetype, content: part.file };
  }
  refuseDeclared(request.headers['content-length'], maxUploadBytes);
  const contentType = request.headers['content-type'];
  if (contentType === undefined) {
    throw new RefusedRequest('unsupported_media_type', 'An upload needs a Content-Type.');
  }
  return {
    name: dispositionName(request.headers['content-disposition']) ?? 'file',
    mediaType: contentType.split(';')[0]?.trim().toLowerCase() ?? 'application/octet-stream',
    content: bodyOf(request.raw),
  };
}

const upload = defineRoute({
  method: 'POST',
  path: '/v1/uploads',
  tag: 'Intake',
  summary: 'Send a file before the message that names it',
  description:
    'A `multipart/form-data` form with one file, or the bytes themselves with their `Content-Type` and a `Content-Disposition` that names them. Usable by the same key, within a day.',
  access: { scopes: ['intake'] },
  load: 'entrance',
  params: none,
  query: none,
  body: noBody,
  rawBody: ['*'],
  bodyLimit: (config) => config.limits.maxUploadBytes + 64 * 1024,
  answers: { 201: { description: 'Stored.', schema: uploadAnswer } },
  errors: ['body_too_large', 'parser_limit', 'unsupported_media_type'],
  examples: [
    {
      name: 'A text file',
      headers: { 'content-type': 'text/plain', 'content-disposition': 'attachment; filename="not.txt"' },
      body: 'Sokak lambası yanmıyor.',
      status: 201,
    },
  ],
  handle: async ({ request, actor, house }) => {
    house.slowPeers.long(request.raw);
    const { name, mediaType, content } = await incomingFile(request, house);
    const stored = await house.gateway.entrance.upload(
      { name: safeName(name), mediaType, content: metered(content, house.config.limits.maxUploadBytes) },
      actor,
    );
    return {
      status: 201,
      body: {
        upload: stored.id,
        name: stored.name,
        mediaType: stored.mediaType,
        bytes: stored.bytes,
        sha256: stored.sha256,
      },
    };
  },
});

export const uploadRoutes: readonly Route[] = [
  {
    ...upload,
    prepare: async (app) => {
      await app.register(multipart, { throwFileSizeLimit: false });
    },
  },
];
