import { type HttpRequest, kindOfError } from '@kapi/contract';
import { expect, test } from 'vitest';
import { fetch } from './parts.ts';
import { config, context, encode, mediaUrl } from './testing/samples.ts';

/** Fetches a photo from a Twilio that answers each request with the next of these; a string is a redirect. */
async function fetched(...answers: readonly (number | string)[]) {
  const calls: [host: string, credentials: boolean][] = [];
  const stream = await fetch(
    { key: 'media-0', kind: 'media', wait: 'optional', source: mediaUrl('MM1', 'ME1') },
    context(config, async (url, request?: HttpRequest) => {
      const answer = answers[calls.length] ?? 200;
      calls.push([new URL(url).host, request?.headers?.authorization !== undefined]);
      const content = encode('jpeg');
      return {
        status: typeof answer === 'string' ? 307 : answer,
        headers: typeof answer === 'string' ? { location: answer } : {},
        bytes: async () => content,
        text: async () => 'jpeg',
        stream: async function* () {
          yield content;
        },
      };
    }),
  ).catch((thrown: unknown) => kindOfError(thrown));
  if (typeof stream === 'string') return { calls, ended: stream };
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { calls, ended: Buffer.concat(chunks).toString() };
}

const cdn = 'https://mms.twiliocdn.example/ME1?token=x';
const store = 'https://s3.example/ME1';

test.each([
  ['is given at once', [200], 'jpeg', [['api.twilio.com', true]]],
  [
    'moved to the content host',
    [cdn, 200],
    'jpeg',
    [
      ['api.twilio.com', true],
      ['mms.twiliocdn.example', false],
    ],
  ],
  [
    'moved twice',
    [cdn, store, 200],
    'jpeg',
    [
      ['api.twilio.com', true],
      ['mms.twiliocdn.example', false],
      ['s3.example', false],
    ],
  ],
  ['moves in a circle', [cdn, store, cdn, store], 'rejected', undefined],
  ['is not there yet', [404], 'transient', [['api.twilio.com', true]]],
  ['is gone', [410], 'rejected', undefined],
  ['is refused for the token', [401], 'transient', undefined],
] as const)('media that %s', async (_name, answers, ended, calls) => {
  const result = await fetched(...answers);
  expect(result.ended).toBe(ended);
  if (calls !== undefined) expect(result.calls).toEqual(calls);
});
