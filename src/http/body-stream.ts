import type { Readable } from 'node:stream';
import { codeOf, RefusedRequest } from '@kapi/contract';

const tooLarge = (max: number): RefusedRequest =>
  new RefusedRequest('body_too_large', `At most ${max} bytes are accepted here.`, {
    extra: { maxBytes: max },
  });

/** @throws RefusedRequest `body_too_large` from the declared length, before a byte is read */
export function refuseDeclared(contentLength: string | undefined, max: number): void {
  if (contentLength !== undefined && Number(contentLength) > max) throw tooLarge(max);
}

/** A body as chunks. Leaving the loop early keeps the socket, so that a refusal can still be answered. */
export const bodyOf = (stream: Readable): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => stream.iterator({ destroyOnReturn: false }),
});

/** Passes chunks on. @throws RefusedRequest `body_too_large` past `max`, `invalid_request` where the sender breaks off */
export async function* metered(content: AsyncIterable<Uint8Array>, max: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > max) throw tooLarge(max);
      yield chunk;
    }
  } catch (thrown) {
    if (codeOf(thrown) !== undefined) throw thrown;
    throw new RefusedRequest('invalid_request', 'The body broke off or is not well formed.', {
      cause: thrown,
    });
  }
}

/**
 * Reads a whole body of at most `max` bytes. The stream is left readable on refusal, so that the rest
 * can be read off. `hold` hears of every byte kept and, at the end, of their release. @throws RefusedRequest `body_too_large`
 */
export function collect(stream: Readable, max: number, hold: (bytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = (): void => {
      hold(-bytes);
      stream.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      hold(chunk.length);
      if (bytes <= max) return void chunks.push(chunk);
      stop();
      reject(tooLarge(max));
    };
    const onEnd = (): void => {
      stop();
      resolve(Buffer.concat(chunks, bytes));
    };
    const onError = (error: Error): void => {
      stop();
      reject(error);
    };
    const onClose = (): void => {
      stop();
      reject(new RefusedRequest('request_timeout', 'The body ended early.'));
    };
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

/** Lines of an NDJSON body without empty ones. @throws RefusedRequest `body_too_large` for a line past `maxLine` */
export async function* lines(content: AsyncIterable<Uint8Array>, maxLine: number): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  const line = (last: Uint8Array): Buffer => Buffer.concat([...held, last]);
  for await (const chunk of content) {
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, from)) {
      if (bytes + at - from > maxLine) throw tooLarge(maxLine);
      const whole = line(chunk.subarray(from, at));
      held = [];
      bytes = 0;
      from = at + 1;
      if (whole.length > 0 && !(whole.length === 1 && whole[0] === 0x0d)) yield whole;
    }
    held.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > maxLine) throw tooLarge(maxLine);
  }
  const rest = line(new Uint8Array());
  if (rest.length > 0) yield rest;
}
