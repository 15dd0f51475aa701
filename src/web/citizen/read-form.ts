import type { MultipartFile } from '@fastify/multipart';
import { kindOfError, RefusedRequest, type Upload } from '@kapi/contract';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Entrance } from '../../intake/gateway.ts';
import { type CitizenLimits, filesField } from './form-page.ts';
import { type FormValues, fieldNames, toValues } from './form-values.ts';
import type { Problem } from './submission.ts';

/** A form as it came in: its text, what became of its files. */
export interface ReceivedForm {
  readonly values: FormValues;
  readonly uploads: readonly Upload[];
  /** Files a person chose, taken or not. */
  readonly files: number;
  readonly problems: readonly Problem[];
}

/** Where files go. `admit` is asked once, before the first file, with all that stood before it. */
export interface FileSink {
  admit(values: FormValues): boolean;
  put(file: Parameters<Entrance['upload']>[0]): Promise<Upload>;
}

const urlEncoded = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

/** Fields of a form without files, from `application/x-www-form-urlencoded`. The last value of a name counts. */
export function readFields(body: unknown): (readonly [string, string])[] {
  const parsed = urlEncoded.safeParse(body);
  if (!parsed.success) throw new RefusedRequest('invalid_request', 'The body is not a form.');
  return Object.entries(parsed.data).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : (value.at(-1) ?? ''),
  ]);
}

/**
 * Reads a form of either encoding; files are streamed on, never held. One bad file is a problem of that
 * file: the text and the other files are read to the end, so that the citizen loses nothing.
 * @throws RefusedRequest `invalid_request`, `body_too_large`
 */
export async function readForm(
  request: FastifyRequest,
  limits: CitizenLimits,
  sink: FileSink,
): Promise<ReceivedForm> {
  if (!request.isMultipart()) {
    return { values: toValues(readFields(request.body)), uploads: [], files: 0, problems: [] };
  }
  const largest = limits.maxFiles * limits.maxFileBytes + 2 ** 20;
  if (Number(request.headers['content-length'] ?? 0) > largest) {
    throw new RefusedRequest('body_too_large', `The form may hold ${largest} bytes.`);
  }
  const settings = {
    throwFileSizeLimit: false,
    limits: {
      fileSize: limits.maxFileBytes,
      files: limits.maxFiles + 20,
      fields: fieldNames.length * 2,
      fieldSize: 4 * limits.maxTextCharacters + 1024,
      fieldNameSize: 100,
    },
  };
  const parts = request.parts(settings);
  const fields: [string, string][] = [];
  const uploads: Upload[] = [];
  const problems: Problem[] = [];
  let files = 0;
  let admitted: boolean | undefined;
  for (;;) {
    const part = await nextPart(parts);
    if (part === undefined) break;
    if (part.type === 'field') {
      if (typeof part.value === 'string') fields.push([part.fieldname, part.value]);
      continue;
    }
    admitted ??= sink.admit(toValues(fields));
    if (!admitted || part.fieldname !== filesField || files >= limits.maxFiles) {
      if (nameOf(part) !== '') files += 1;
      part.file.resume();
      continue;
    }
    const taken = await take(part, sink);
    if (taken === undefined) continue;
    files += 1;
    if ('kind' in taken) problems.push(taken);
    else uploads.push(taken);
  }
  if (admitted && files > limits.maxFiles) problems.push({ kind: 'too_many_files' });
  return { values: toValues(fields), uploads, files, problems };
}

/** What a broken body makes the parser throw has no status of its own: the sender's fault, not ours. */
async function nextPart(parts: ReturnType<FastifyRequest['parts']>) {
  try {
    const next = await parts.next();
    return next.done === true ? undefined : next.value;
  } catch (thrown) {
    if (z.object({ statusCode: z.int() }).safeParse(thrown).success) throw thrown;
    throw new RefusedRequest('invalid_request', 'The form could not be read to its end.', { cause: thrown });
  }
}

/** The parser leaves the name out where the sender did, whatever its types say. */
const nameOf = (part: { readonly filename?: string }): string => part.filename?.trim() ?? '';

class FileTooLarge extends Error {}

/** The file's bytes after its first chunk was read; throws at the end where the limit cut it off. */
async function* bytesOf(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
  file: MultipartFile['file'],
): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  if (file.truncated) throw new FileTooLarge();
}

/**
 * Streams one file into the sink. Undefined for the empty file browsers send when none was chosen.
 * The stream is always read to its end, because the parts behind it wait for that.
 */
async function take(part: MultipartFile, sink: FileSink): Promise<Upload | Problem | undefined> {
  const name = nameOf(part) || 'dosya';
  // Ending early must not destroy the stream: the parser would never reach the next part.
  const rest: AsyncIterator<Uint8Array> = part.file.iterator({ destroyOnReturn: false });
  try {
    const first = await rest.next();
    if (first.done === true) return nameOf(part) === '' ? undefined : { kind: 'file_refused', name };
    return await sink.put({ name, mediaType: part.mimetype, content: bytesOf(first.value, rest, part.file) });
  } catch (thrown) {
    if (thrown instanceof FileTooLarge || part.file.truncated) return { kind: 'file_too_large', name };
    const kind = kindOfError(thrown);
    if (kind === 'transient') return { kind: 'unavailable' };
    if (kind === 'bug' || kind === 'config') throw thrown;
    return { kind: 'file_refused', name };
  } finally {
    // An open iterator listens for `readable`, and a stream so listened to does not flow.
    await rest.return?.();
    part.file.resume();
  }
}
