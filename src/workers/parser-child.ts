import type { ParseResult } from '@kapi/contract';
import type { ParseAnswer, ParserReady, ParseTask } from './parser-protocol.ts';

/**
 * Entry of a parser child process: runs one task at a time and answers each. It holds no secrets, no
 * environment and no open files; the pool ends it at its caps, and when the channel closes it ends itself.
 */

type ParserModule = {
  readonly default: (
    body: Uint8Array,
    limits: { readonly maxMs: number; readonly maxMemoryMb: number },
  ) => Promise<ParseResult>;
};

/** Errors by which libraries say that an input is past a size they accept. */
const limitCodes = new Set(['EMAXLEN', 'parser_limit', 'ERR_STRING_TOO_LONG', 'ERR_OUT_OF_RANGE']);

function cpuMs(): number {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1000;
}

async function run(task: ParseTask): Promise<ParseAnswer> {
  try {
    const module = (await import(task.module)) as ParserModule;
    const result = await module.default(task.body, { maxMs: task.maxMs, maxMemoryMb: task.maxMemoryMb });
    return { id: task.id, result, cpuMs: cpuMs() };
  } catch (thrown) {
    const code = (thrown as { code?: unknown } | null)?.code;
    // Messages of libraries may quote the input: only the kind of the error leaves.
    const failure = typeof code === 'string' ? code : thrown instanceof Error ? thrown.name : 'unknown';
    return { id: task.id, failure: failure.slice(0, 60), limit: limitCodes.has(failure), cpuMs: cpuMs() };
  }
}

const send = (message: ParseAnswer | ParserReady) => process.send?.(message);

process.on('message', (task: ParseTask) => {
  void run(task).then(send);
});
process.on('disconnect', () => process.exit(0));
// A library that fails outside its promise leaves a process nobody should go on using.
process.on('uncaughtException', () => process.exit(70));
process.on('unhandledRejection', () => process.exit(70));
send({ ready: true });
