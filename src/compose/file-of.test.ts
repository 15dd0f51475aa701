import type { HttpResponse } from '@kapi/contract';
import { describe, expect, it } from 'vitest';
import { fileOf } from './file-of.ts';

/** A response of one chunk that notes whether its connection was let go. */
function answer(status: number) {
  const seen = { ended: false };
  const response: HttpResponse = {
    status,
    headers: {},
    bytes: () => Promise.reject(new Error('not asked for')),
    text: () => Promise.reject(new Error('not asked for')),
    async *stream() {
      try {
        yield Buffer.from('bytes');
        yield Buffer.from('more');
      } finally {
        seen.ended = true;
      }
    },
  };
  return { response, seen };
}

describe('a file under an address a citizen named', () => {
  it('is the body of a 2xx', async () => {
    const chunks: string[] = [];
    for await (const chunk of await fileOf(answer(200).response)) chunks.push(Buffer.from(chunk).toString());
    expect(chunks).toEqual(['bytes', 'more']);
  });

  it.each([
    [302, 'media_refused'],
    [403, 'media_refused'],
    [404, 'media_expired'],
    [410, 'media_expired'],
    [429, 'provider_unavailable'],
    [500, 'provider_unavailable'],
  ])('is never the body of a %i: %s', async (status, code) => {
    const { response, seen } = answer(status);
    await expect(fileOf(response)).rejects.toMatchObject({ code });
    expect(seen.ended).toBe(true);
  });
});
