import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ParserEntry } from '@kapi/contract';
import { afterEach, expect, test } from 'vitest';
import { createParserPool, type ParserPool } from './parser-pool.ts';

let pool: ParserPool;
afterEach(() => pool.close());

const entry: ParserEntry = {
  module: new URL('./fixtures/parser.ts', import.meta.url),
  maxMs: 10_000,
  maxMemoryMb: 64,
};
const hurried = { ...entry, maxMs: 300 };

function start(size = 1, maxWaiting = 1000) {
  pool = createParserPool({ size, maxWaiting });
  return {
    value: async (command: string, which = entry, signal?: AbortSignal) =>
      (await pool.parse(which, Buffer.from(command), signal)).value,
    failure: (command: string, which = entry) =>
      pool.parse(which, Buffer.from(command)).then(
        () => 'no failure',
        (thrown: { code?: string }) => thrown.code,
      ),
  };
}

test('a result and its files come back as they were', async () => {
  start();
  const body = Buffer.from('echo değer');
  const { value, files } = await pool.parse(entry, body);
  expect(value).toBe('değer');
  expect(Buffer.from(files[0]?.body ?? []).equals(body)).toBe(true);
});

test('a child is used again, and the limits reach the parser', async () => {
  const { value } = start();
  expect(await value('pid')).toBe(await value('pid'));
  expect(await value('limit')).toBe(10_000);
});

test.each([
  ['hangs in a loop', 'hang', 'parser_limit', hurried],
  ['waits for ever', 'sleep', 'parser_limit', hurried],
  ['fills the heap', 'heap', 'parser_limit', entry],
  ['fills memory outside the heap', 'buffers', 'parser_limit', entry],
  ['throws', 'throw', 'parser_failed', entry],
  ['throws the error of a size limit', 'code EMAXLEN', 'parser_limit', entry],
  ['throws outside its promise', 'later', 'parser_failed', entry],
  ['ends its process', 'exit', 'parser_failed', entry],
  ['writes a file', `write ${join(tmpdir(), 'kapi-parser-wrote')}`, 'parser_failed', entry],
  ['reads a file that is not code', 'read /etc/hostname', 'parser_failed', entry],
])(
  'a parser that %s ends as its code says, and the next task is served',
  async (_name, command, code, which) => {
    const { value, failure } = start();
    expect(await failure(command, which)).toBe(code);
    expect(await value('echo danach')).toBe('danach');
    expect(existsSync(join(tmpdir(), 'kapi-parser-wrote'))).toBe(false);
  },
);

test('the words of an error do not leave the child: they may quote the input', async () => {
  start();
  const thrown = await pool.parse(entry, Buffer.from('throw')).catch((error: unknown) => error);
  expect(String(thrown)).not.toContain('12345678901');
});

test('a child has no environment of ours and no __proto__', async () => {
  const { value } = start();
  expect(await value('environment')).toEqual(expect.not.arrayContaining(['PATH', 'HOME', 'KAPI_DATA']));
  expect(await value('prototype')).toBe('undefined');
});

test('a child reaches no network where the kernel gives it a namespace of its own', async (context) => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { failure } = start();
  const { canFenceNetwork } = await import('./sandbox.ts');
  const code = await failure(`network ${port}`);
  server.close();
  if (!canFenceNetwork()) context.skip('this kernel gives no network namespace to an unprivileged process');
  expect(code).toBe('parser_failed');
});

test('a hanging file does not hold up the others', async () => {
  const { value, failure } = start(2);
  const hanging = failure('hang', { ...entry, maxMs: 5_000 });
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, n) => value(`echo ${n}`, { ...entry, maxMs: 5_000 })),
  );
  expect(others).toHaveLength(20);
  await pool.close();
  expect(await hanging).toBe('unavailable');
});

test('more than may wait is refused as overloaded', async () => {
  const { failure } = start(1, 1);
  const [, , third] = [failure('sleep'), failure('sleep'), failure('sleep')];
  expect(await third).toBe('overloaded');
});

test('an aborted task ends at once and its child with it', async () => {
  const { value } = start();
  const abort = new AbortController();
  const task = value('hang', entry, abort.signal);
  abort.abort();
  await expect(task).rejects.toMatchObject({ code: 'unavailable' });
  expect(await value('echo danach')).toBe('danach');
});

test('after close nothing is taken', async () => {
  const { failure } = start();
  await pool.close();
  expect(await failure('echo x')).toBe('unavailable');
});
