import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { codeOf, KapiError } from '@kapi/contract';
import type { Command, GroupResult } from '../shared/command.ts';
import type { Hosted } from '../shared/grouping.ts';
import type { EngineOptions } from './engine.ts';
import type { SyncReader } from './read/reader.ts';

/** Main thread → writer thread. */
export type WriterRequest = { readonly commands: readonly Command[] } | { readonly close: true };
/** Writer thread → main thread; results come in the order of requests. */
export type WriterReply =
  | { readonly ready: true }
  | { readonly failed: { readonly code: string; readonly message: string } }
  | { readonly results: readonly GroupResult[] }
  | { readonly closed: true };

/** A worker runs this module's neighbour, whether in TypeScript or as built. */
const entry = (name: string): URL => new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);

function reject(failed: { code: string; message: string }): KapiError {
  return new KapiError(codeOf(failed) ?? 'internal', failed.message);
}

/** The engine in a thread of its own; commits never hold up the event loop. */
export async function hostInThread(
  options: EngineOptions,
  onLost: (reason: string) => void,
): Promise<Hosted> {
  const worker = new Worker(entry('writer-thread'), { workerData: options, name: 'kapi store writer' });
  const waiting: { count: number; done: (result: GroupResult) => void }[] = [];
  let closed: (() => void) | undefined;
  let lost: string | undefined;
  const lose = (reason: string): void => {
    if (lost !== undefined || closed) return;
    lost = reason;
    for (const { count, done } of waiting.splice(0)) done(refused(count, reason));
    onLost(reason);
  };
  await new Promise<void>((resolve, fail) => {
    worker.once('error', fail);
    worker.on('message', (reply: WriterReply) => {
      if ('ready' in reply) resolve();
      else if ('failed' in reply) fail(reject(reply.failed));
      else if ('closed' in reply) closed?.();
      else for (const result of reply.results) waiting.shift()?.done(result);
    });
  });
  worker.on('error', (cause) =>
    lose(`The store's thread failed: ${cause instanceof Error ? cause.message : 'unknown'}`),
  );
  worker.on('exit', () => lose(`The store's thread ended.`));
  return {
    run: (commands, done) => {
      if (lost !== undefined) return done(refused(commands.length, lost));
      waiting.push({ count: commands.length, done });
      worker.postMessage({ commands } satisfies WriterRequest);
    },
    close: async () => {
      if (lost === undefined)
        await new Promise<void>((resolve) => {
          closed = resolve;
          worker.postMessage({ close: true } satisfies WriterRequest);
        });
      await worker.terminate();
    },
  };
}

const refused = (count: number, message: string): GroupResult => ({
  answers: Array.from({ length: count }, () => ({ error: { code: 'store_unavailable' as const, message } })),
  hint: undefined,
  dropped: [],
  damaged: [],
  fatal: message,
});

export interface ReaderRequest {
  readonly id: number;
  readonly method: keyof SyncReader;
  readonly args: readonly unknown[];
}
export type ReaderReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failed: { readonly code: string; readonly message: string } };

/** A reader in a thread of its own, started at the first call: long reports hold up nobody. */
export class ReaderThread {
  #options: { readonly path: string; readonly keys: string };
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #worker: Worker | undefined;
  #next = 0;

  constructor(options: { readonly path: string; readonly keys: string }) {
    this.#options = options;
  }

  call<K extends keyof SyncReader>(
    method: K,
    ...args: Parameters<SyncReader[K]>
  ): Promise<ReturnType<SyncReader[K]>> {
    const worker = this.#start();
    this.#next += 1;
    const id = this.#next;
    return new Promise((resolve, reject) => {
      // The thread answers each call with what that method returns.
      this.#waiting.set(id, { resolve: (value) => resolve(value as ReturnType<SyncReader[K]>), reject });
      worker.ref();
      worker.postMessage({ id, method, args } satisfies ReaderRequest);
    });
  }

  async useKeys(keys: string): Promise<void> {
    this.#options = { ...this.#options, keys };
    if (this.#worker) await this.call('useKeys', keys);
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(entry('reader-thread'), {
      workerData: this.#options,
      name: 'kapi store reader',
    });
    worker.on('message', (reply: ReaderReply) => {
      const caller = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (this.#waiting.size === 0) worker.unref();
      if ('failed' in reply) caller?.reject(reject(reply.failed));
      else caller?.resolve(reply.value);
    });
    const end = (): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject: refuse } of this.#waiting.values())
        refuse(new KapiError('store_unavailable', `The store's reader ended.`));
      this.#waiting.clear();
    };
    worker.on('error', end);
    worker.on('exit', end);
    this.#worker = worker;
    return worker;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}
