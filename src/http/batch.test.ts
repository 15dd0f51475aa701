import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lines } from './body-stream.ts';
import { maxDepth, nestsDeeper } from './json-body.ts';
import { type TestingServer, testingServer } from './testing-server.ts';

let server: TestingServer;
let port: number;
beforeAll(async () => {
  server = await testingServer({ limits: { maxBatchItems: 500 } });
  port = await server.listen();
});
afterAll(() => server.app.close());

const item = (id: string) => JSON.stringify({ sourceId: id, channel: 'sms', text: 'Çöp alınmadı' });

async function send(
  body: string | ReadableStream,
  contentType = 'application/x-ndjson',
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/messages/batch`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.key}`, 'content-type': contentType },
    body,
    ...(typeof body !== 'string' && { duplex: 'half' }),
  });
  return { status: response.status, text: await response.text() };
}
const codes = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map((result, index) => [
      result.index === index,
      result.error?.code ?? (result.duplicate ? 'duplicate' : 'accepted'),
    ]);

describe('a batch', () => {
  it('answers each line of NDJSON alone, in order', async () => {
    const { status, text } = await send(
      [
        item('n-1'),
        '{"broken',
        item('n-1'),
        '',
        '{"sourceId":"n-2","channel":"fax","text":"x"}',
        '[]',
        `${item('n-3')}\r`,
      ].join('\n'),
    );
    expect(status).toBe(200);
    expect(codes(text)).toEqual([
      [true, 'accepted'],
      [true, 'malformed_json'],
      [true, 'duplicate'],
      [true, 'invalid_request'],
      [true, 'invalid_request'],
      [true, 'accepted'],
    ]);
  });

  it('answers an array the same way', async () => {
    const { text } = await send(`[${item('a-1')},${item('a-1')},{"x":1},null]`, 'application/json');
    const { results } = JSON.parse(text);
    expect(results.map((result: { error?: { code: string } }) => result.error?.code ?? 'ok')).toEqual([
      'ok',
      'ok',
      'invalid_request',
      'invalid_request',
    ]);
  });

  it('takes items up to its limit and says so at the first one past it', async () => {
    const { text } = await send(Array.from({ length: 502 }, (_, i) => item(`l-${i}`)).join('\n'));
    const results = codes(text);
    expect(results.filter((result) => String(result) === 'true,accepted')).toHaveLength(500);
    expect(results.at(-1)).toEqual([true, 'body_too_large']);
  });

  it('a prototype key spoils its own line only', async () => {
    const { text } = await send(
      `{"extra":{"a":[{"__proto__":{"x":1}}]},"sourceId":"p","channel":"sms","text":"x"}\n${item('p-2')}`,
    );
    expect(codes(text)).toEqual([
      [true, 'malformed_json'],
      [true, 'accepted'],
    ]);
  });

  it('an empty body is refused', async () => {
    expect((await send('', 'application/json')).status).toBe(400);
  });
});

describe('POST /v1/messages', () => {
  it('answers anything whatever with 2xx or a coded 4xx, never 5xx', async () => {
    const field = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.jsonValue(),
      fc.constantFrom('sms', 'phone', 'open', ''),
    );
    const near = fc.record(
      {
        sourceId: field,
        channel: fc.oneof(fc.constantFrom('sms', 'phone'), field),
        text: field,
        citizen: fc.oneof(
          fc.record({ name: field, phone: field, tckn: field, needs: field }, { requiredKeys: [] }),
          field,
        ),
        place: fc.oneof(fc.record({ lat: field, lon: field, text: field }, { requiredKeys: [] }), field),
        attachments: fc.oneof(
          fc.array(fc.record({ upload: field, url: field }, { requiredKeys: [] })),
          field,
        ),
        extra: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), field),
        thread: field,
        ' ': field,
      },
      { requiredKeys: [] },
    );
    const bodies = fc.oneof(
      near.map((value) => JSON.stringify(value)),
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.string({ unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(bodies, fc.option(fc.string(), { nil: undefined }), async (payload, key) => {
        const response = await server.app.inject({
          method: 'POST',
          url: '/v1/messages',
          headers: {
            authorization: `Bearer ${server.key}`,
            'content-type': 'application/json',
            ...(key !== undefined && { 'idempotency-key': encodeURIComponent(key) }),
          },
          payload,
        });
        expect(response.statusCode, response.body).toBeLessThan(500);
        if (response.statusCode >= 400) expect(response.json().code).toBeTypeOf('string');
      }),
      { numRuns: 1500 },
    );
  });
});

describe('depth', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

  it('is what the parsed value says, whatever its strings hold', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 8, stringUnit: fc.constantFrom('"', '\\', '[', '{', ']', 'a') }),
        (value) => {
          const depth = depthOf(value);
          const text = JSON.stringify(value);
          expect(nestsDeeper(text, depth)).toBe(false);
          if (depth > 0) expect(nestsDeeper(text, depth - 1)).toBe(true);
        },
      ),
    );
  });

  it('is bounded where recursion is still safe', () => {
    expect(maxDepth).toBeLessThan(1000);
  });
});

describe('lines', () => {
  it('are the same however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1 }).filter((line) => !/[\r\n]/.test(line))),
        fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
        async (wanted, cuts) => {
          const bytes = Buffer.from(wanted.join('\n'));
          const chunks: Buffer[] = [];
          for (let at = 0; at < bytes.length; ) {
            const size = cuts.next().value;
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          const got: string[] = [];
          const source = (async function* () {
            yield* chunks;
          })();
          for await (const line of lines(source, 10_000)) got.push(line.toString());
          expect(got).toEqual(wanted);
        },
      ),
    );
  });
});
