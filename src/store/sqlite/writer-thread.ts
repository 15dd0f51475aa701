import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type EngineOptions, SqliteEngine } from './engine.ts';
import type { WriterReply, WriterRequest } from './thread-host.ts';

/** Thread entry: the engine, fed by messages; whatever queued up during a commit goes into the next one. */
const port = parentPort;
if (!port) throw new Error('This module runs as a worker thread.');
const reply = (message: WriterReply): void => port.postMessage(message);
const options: EngineOptions = workerData;

/** More would only make the first of them wait longer. */
const maxCommands = 512;

function open(): SqliteEngine | undefined {
  try {
    const engine = new SqliteEngine(options);
    reply({ ready: true });
    return engine;
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'internal';
    reply({ failed: { code, message: thrown instanceof Error ? thrown.message : 'unknown' } });
    return undefined;
  }
}

const engine = open();
if (engine) port.on('message', (first: WriterRequest) => serve(engine, first));

function serve(writer: SqliteEngine, first: WriterRequest): void {
  const requests = [first];
  let count = 'commands' in first ? first.commands.length : 0;
  while (count < maxCommands && !('close' in (requests.at(-1) ?? {}))) {
    const more: { message: WriterRequest } | undefined = port ? receiveMessageOnPort(port) : undefined;
    if (!more) break;
    requests.push(more.message);
    count += 'commands' in more.message ? more.message.commands.length : 0;
  }
  const groups = requests.flatMap((request) => ('commands' in request ? [request.commands] : []));
  if (groups.length > 0) {
    const { answers, hint, dropped, damaged, fatal } = writer.run(groups.flat());
    let from = 0;
    reply({
      results: groups.map((group, index) => {
        const part = answers.slice(from, from + group.length);
        from += group.length;
        // What concerns the whole commit is told once.
        return index === 0
          ? { answers: part, hint, dropped, damaged, ...(fatal !== undefined && { fatal }) }
          : { answers: part, hint: undefined, dropped: [], damaged: [] };
      }),
    });
  }
  if (requests.some((request) => 'close' in request)) {
    writer.close();
    reply({ closed: true });
  }
}
