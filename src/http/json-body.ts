import { isUtf8 } from 'node:buffer';
import { RefusedRequest } from '@kapi/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Deeper than any body of ours; later stages may recurse without fear. */
export const maxDepth = 64;

const open1 = 0x5b; // [
const open2 = 0x7b; // {
const close1 = 0x5d;
const close2 = 0x7d;
const quote = 0x22;
const backslash = 0x5c;

/** Whether brackets outside strings nest deeper than `max`. One pass, no recursion, on bytes not yet parsed. */
export function nestsDeeper(json: string, max: number): boolean {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === quote) {
      // To the closing quote: one that an even number of backslashes precedes.
      for (;;) {
        i = json.indexOf('"', i + 1);
        if (i === -1) return false;
        let before = i - 1;
        while (json.charCodeAt(before) === backslash) before--;
        if ((i - before) % 2 === 1) break;
      }
    } else if (code === open1 || code === open2) {
      if (++depth > max) return true;
    } else if (code === close1 || code === close2) depth--;
  }
  return false;
}

/** UTF-8 is the only charset of JSON (RFC 8259 §8.1). */
function refuseOtherCharset(contentType: string | undefined): void {
  const charset = contentType && /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType)?.[1];
  if (charset && !/^utf-?8$/i.test(charset)) {
    throw new RefusedRequest('unsupported_media_type', `JSON is UTF-8; charset ${charset} is not accepted.`);
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Whether any object has a key that would reach a prototype when copied carelessly. No recursion. */
function poisons(value: unknown): boolean {
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (!isObject(next)) continue;
    if (Object.hasOwn(next, '__proto__')) return true;
    if (Object.hasOwn(next, 'constructor')) {
      const maker: unknown = Reflect.get(next, 'constructor');
      if (isObject(maker) && Object.hasOwn(maker, 'prototype')) return true;
    }
    for (const member of Object.values(next)) if (isObject(member)) waiting.push(member);
  }
  return false;
}

// A key may be written with escapes; then only a look at the parsed value tells.
const suspicious = /__proto__|constructor|\\u/;

/**
 * JSON of strangers: UTF-8, bounded depth, no keys that poison prototypes.
 * @throws RefusedRequest `malformed_json`; `invalid_request` when too deep
 */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new RefusedRequest('malformed_json', 'The body is not valid UTF-8.');
  const text = body.toString('utf8');
  if (nestsDeeper(text, maxDepth)) {
    throw new RefusedRequest('invalid_request', `The body is nested deeper than ${maxDepth} levels.`, {
      errors: [{ pointer: '', message: `Nested deeper than ${maxDepth} levels.` }],
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RefusedRequest('malformed_json', 'The body is not valid JSON.');
  }
  if (suspicious.test(text) && poisons(value)) {
    throw new RefusedRequest('malformed_json', 'Keys named __proto__ or constructor.prototype are refused.');
  }
  return value;
}

/** Replaces Fastify's JSON parser; `arrived` is told when a body is complete. */
export function useJsonBodies(app: FastifyInstance, arrived: (request: FastifyRequest) => void): void {
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    arrived(request);
    // A POST without content says so with an empty body whatever its content type.
    if (body.length === 0) return done(null, undefined);
    try {
      refuseOtherCharset(request.headers['content-type']);
      done(null, parseJson(body));
    } catch (thrown) {
      done(thrown instanceof Error ? thrown : new Error('unreadable body'), undefined);
    }
  });
}
