import { type ChildProcess, fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ParseResult, type ParserEntry, PayloadError, TransientError } from '@kapi/contract';
import type { ParseAnswer, ParserReady, ParseTask } from './parser-protocol.ts';
import { sandboxed } from './sandbox.ts';

/**
 * Runs parser modules of adapters in child processes, so that a hanging, exploding or hostile file stops
 * nobody: one task at a time per child, wall clock, memory and processor time capped, no network, no
 * writing. A child is used again for the same module until it has done its share.
 */
export interface ParserPool {
  /**
   * @throws PayloadError `parser_limit` at a cap of memory, time or size, `parser_failed` where the parser
   *   throws, or its process ends twice
   * @throws TransientError `overloaded` where too many wait, `unavailable` after `close`
   */
  parse(entry: ParserEntry, body: Uint8Array, signal?: AbortSignal): Promise<ParseResult>;
  /** Ends every child; tasks in flight fail as `unavailable`. */
  close(): Promise<void>;
}

interface ParserPoolOptions {
  /** Child processes at the same time. */
  readonly size: number;
  /** Tasks that may wait for a child. */
  readonly maxWaiting?: number;
}

const maxTries = 2;
const tasksPerChild = 2_000;
const cpuMsPerChild = 15_000;
/** What Node itself and the bytes outside its heap may take beside `maxMemoryMb`. */
const spareMemoryMb = 256;
const memoryCheckMs = 100;
const startMs = 30_000;

/** A module's neighbour, whether in TypeScript or as built. */
const asBuilt = (module: URL): URL => new URL(module.href.replace(/\.ts$/, extname(import.meta.url)));

interface Waiting {
  readonly entry: ParserEntry;
  readonly body: Uint8Array;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: ParseResult) => void;
  readonly reject: (error: Error) => void;
  tries: number;
}

interface Child {
  readonly process: ChildProcess;
  readonly lane: string;
  readonly ready: Promise<void>;
  started: boolean;
  done: number;
  task: Waiting | undefined;
  finish: ((end: TaskEnd) => void) | undefined;
}

type TaskEnd =
  | { readonly kind: 'answer'; readonly answer: ParseAnswer }
  | { readonly kind: 'died' }
  | { readonly kind: 'limit'; readonly which: 'time' | 'memory' }
  | { readonly kind: 'aborted' };

/** V8 aborts at its heap limit; the kernel ends a process past its processor time. */
function endOf(signal: NodeJS.Signals | null): TaskEnd {
  if (signal === 'SIGABRT') return { kind: 'limit', which: 'memory' };
  if (signal === 'SIGXCPU') return { kind: 'limit', which: 'time' };
  return { kind: 'died' };
}

const laneOf = (entry: ParserEntry) => `${entry.module.href} ${entry.maxMemoryMb}`;

export function createParserPool(options: ParserPoolOptions): ParserPool {
  const { size, maxWaiting = 1_000 } = options;
  const waiting: Waiting[] = [];
  const children = new Set<Child>();
  let closed = false;
  let nextId = 1;

  function retire(child: Child): void {
    children.delete(child);
    child.process.kill('SIGKILL');
  }

  function start(entry: ParserEntry): Child {
    const file = asBuilt(new URL('./parser-child.ts', import.meta.url));
    const command = sandboxed(file, entry.module, entry.maxMemoryMb);
    const process_ = fork(fileURLToPath(file), [], {
      execPath: command.execPath,
      execArgv: [...command.execArgv],
      env: { TZ: 'UTC', LANG: 'C.UTF-8' },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const ready = Promise.withResolvers<void>();
    const child: Child = {
      process: process_,
      lane: laneOf(entry),
      ready: ready.promise,
      started: false,
      done: 0,
      task: undefined,
      finish: undefined,
    };
    process_.on('message', (message: ParseAnswer | ParserReady) => {
      if ('ready' in message) {
        child.started = true;
        ready.resolve();
      } else child.finish?.({ kind: 'answer', answer: message });
    });
    const gone = (end: TaskEnd) => {
      children.delete(child);
      ready.resolve();
      child.finish?.(end);
      pump();
    };
    process_.once('error', () => gone({ kind: 'died' }));
    process_.once('exit', (_code, signal) => gone(endOf(signal)));
    children.add(child);
    return child;
  }

  /** Gives waiting tasks to idle children, starting or replacing children as needed. */
  function pump(): void {
    while (!closed && waiting.length > 0) {
      const next = waiting[0];
      if (next === undefined) return;
      const idle = [...children].filter((child) => child.task === undefined);
      let child = idle.find((candidate) => candidate.lane === laneOf(next.entry));
      if (child === undefined) {
        if (children.size >= size) {
          const other = idle[0];
          if (other === undefined) return;
          retire(other);
        }
        child = start(next.entry);
      }
      waiting.shift();
      child.task = next;
      void serve(child, next);
    }
  }

  async function serve(child: Child, task: Waiting): Promise<void> {
    task.tries += 1;
    const end = await runTask(child, task);
    child.task = undefined;
    child.finish = undefined;
    child.done += 1;
    const spent = end.kind === 'answer' ? end.answer.cpuMs : Number.POSITIVE_INFINITY;
    if (spent > cpuMsPerChild || child.done >= tasksPerChild) retire(child);
    settle(task, end, child.started);
    pump();
  }

  function settle(task: Waiting, end: TaskEnd, started: boolean): void {
    if (end.kind === 'answer') {
      const { answer } = end;
      if ('result' in answer) task.resolve(answer.result);
      else
        task.reject(
          new PayloadError(
            answer.limit ? 'parser_limit' : 'parser_failed',
            `The parser stopped with ${answer.failure}`,
          ),
        );
    } else if (end.kind === 'limit') {
      task.reject(
        new PayloadError(
          'parser_limit',
          end.which === 'time'
            ? `The parser took longer than ${task.entry.maxMs} ms`
            : `The parser needed more than ${task.entry.maxMemoryMb} MB`,
        ),
      );
    } else if (end.kind === 'aborted' || closed) {
      task.reject(new TransientError('unavailable', 'The parser was stopped'));
    } else if (task.tries < maxTries) waiting.unshift(task);
    else if (!started) task.reject(new TransientError('unavailable', 'The parser process did not start'));
    else
      task.reject(
        new PayloadError('parser_failed', `The parser process ended ${maxTries} times on these bytes`),
      );
  }

  async function runTask(child: Child, task: Waiting): Promise<TaskEnd> {
    const ended = Promise.withResolvers<TaskEnd>();
    child.finish = ended.resolve;
    hold(child, true);
    const abort = () => ended.resolve({ kind: 'aborted' });
    task.signal?.addEventListener('abort', abort, { once: true });
    if (task.signal?.aborted === true || closed) abort();
    // Starting Node is not the parser's time; it has a clock of its own.
    const starting = setTimeout(() => ended.resolve({ kind: 'died' }), startMs);
    await Promise.race([child.ready, ended.promise]);
    clearTimeout(starting);
    const clock = setTimeout(() => ended.resolve({ kind: 'limit', which: 'time' }), task.entry.maxMs);
    const stopWatching = watchMemory(child.process.pid, task.entry.maxMemoryMb + spareMemoryMb, () =>
      ended.resolve({ kind: 'limit', which: 'memory' }),
    );
    if (child.process.connected) {
      const { maxMs, maxMemoryMb, module } = task.entry;
      const message: ParseTask = { id: nextId, module: module.href, maxMs, maxMemoryMb, body: task.body };
      nextId += 1;
      child.process.send(message, (error) => {
        if (error !== null) ended.resolve({ kind: 'died' });
      });
    } else ended.resolve({ kind: 'died' });
    const end = await ended.promise;
    clearTimeout(clock);
    stopWatching();
    task.signal?.removeEventListener('abort', abort);
    hold(child, false);
    return end;
  }

  return {
    parse(entry, body, signal) {
      if (closed) return Promise.reject(new TransientError('unavailable', 'The parser pool is closed'));
      if (waiting.length >= maxWaiting) {
        return Promise.reject(
          new TransientError('overloaded', 'Too many files wait for a parser', { retryAfterMs: 1000 }),
        );
      }
      const built = { ...entry, module: asBuilt(entry.module) };
      return new Promise((resolve, reject) => {
        waiting.push({ entry: built, body, signal, resolve, reject, tries: 0 });
        pump();
      });
    },
    async close() {
      closed = true;
      for (const task of waiting.splice(0))
        task.reject(new TransientError('unavailable', 'The parser pool is closed'));
      const ends = [...children].map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.process.exitCode !== null || child.process.signalCode !== null) resolve();
            else child.process.once('exit', () => resolve());
          }),
      );
      for (const child of [...children]) {
        child.process.ref();
        child.finish?.({ kind: 'aborted' });
        retire(child);
      }
      await Promise.all(ends);
    },
  };
}

/** A child at work keeps our process alive, an idle one does not. */
function hold(child: Child, on: boolean): void {
  const { channel } = child.process;
  if (on) {
    child.process.ref();
    channel?.ref();
  } else {
    child.process.unref();
    channel?.unref();
  }
}

/** Calls `over` once when the process holds more than `maxMb`. Linux only; elsewhere V8's own limit stands alone. */
function watchMemory(pid: number | undefined, maxMb: number, over: () => void): () => void {
  if (pid === undefined || process.platform !== 'linux') return () => undefined;
  const pageKb = 4;
  const timer = setInterval(() => {
    readFile(`/proc/${pid}/statm`, 'utf8').then(
      (text) => {
        if ((Number(text.split(' ')[1]) * pageKb) / 1024 > maxMb) over();
      },
      () => undefined,
    );
  }, memoryCheckMs);
  timer.unref();
  return () => clearInterval(timer);
}
