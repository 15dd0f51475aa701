import type { HttpRequest } from '@kapi/contract';
import { expect, test } from 'vitest';
import { fetch } from './parts.ts';
import { config, context, encode, mediaUrl } from './testing/samples.ts';

test('media that moved to the content host is fetched there without credentials', async () => {
  const calls: { host: string; request: HttpRequest | undefined }[] = [];
  const moved = 'https://media.twiliocdn.example/ME1?token=x';
  const stream = await fetch(
    { key: 'media-0', kind: 'media', wait: 'optional', source: mediaUrl('MM1', 'ME1') },
    context(config, async (url, request) => {
      const first = calls.push({ host: new URL(url).host, request }) === 1;
      const content = encode('jpeg');
      return {
        status: first ? 307 : 200,
        headers: first ? { location: moved } : {},
        bytes: async () => content,
        text: async () => 'jpeg',
        stream: async function* () {
          yield content;
        },
      };
    }),
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe('jpeg');
  expect(calls.map(({ host, request }) => [host, request?.headers?.authorization !== undefined])).toEqual([
    ['api.twilio.com', true],
    ['media.twiliocdn.example', false],
  ]);
});
