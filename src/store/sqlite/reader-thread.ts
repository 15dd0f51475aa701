import { parentPort, workerData } from 'node:worker_threads';
import { createReader } from './read/reader.ts';
import type { ReaderReply, ReaderRequest } from './thread-host.ts';

/** Thread entry: one read-only connection, one call after the other. */
const port = parentPort;
if (!port) throw new Error('This module runs as a worker thread.');
const options: { path: string; keys: string } = workerData;
const { reader } = createReader(options.path, options.keys);

port.on('message', ({ id, method, args }: ReaderRequest) => {
  port.postMessage(answer(id, method, args));
});

function answer(id: number, method: ReaderRequest['method'], args: readonly unknown[]): ReaderReply {
  try {
    return { id, value: Reflect.apply(reader[method], undefined, [...args]) };
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'internal';
    return { id, failed: { code, message: thrown instanceof Error ? thrown.message : 'unknown' } };
  }
}
