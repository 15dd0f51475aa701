import { codeOf, KapiError, scopes } from '@kapi/contract';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { newAdapter, testAdapterFolder } from './commands/adapter.ts';
import { check } from './commands/check.ts';
import { listDeadLetters, resendDeadLetters } from './commands/deadletters.ts';
import { bench, demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { erase } from './commands/erase.ts';
import { createKey, listKeys, revokeKey } from './commands/keys.ts';
import { laterCommands, refuseLater } from './commands/later.ts';
import { listQuarantine, replayQuarantine, replaySince, showQuarantine } from './commands/quarantine.ts';
import { start } from './commands/start.ts';
import { tryOut } from './commands/try.ts';
import type { Context } from './context.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { createOutput, type Output, type Streams } from './output.ts';
import type { CliParts } from './parts.ts';

/** Runs one command line and answers with its exit code; throws nothing. */
export async function run(
  argv: readonly string[],
  make: () => CliParts,
  streams: Streams = { out: process.stdout, err: process.stderr },
): Promise<number> {
  const output = createOutput(streams, argv.includes('--json'));
  let code: number = exitCodes.done.code;
  try {
    const parts = make();
    const program = describeProgram(parts, streams, output.json, async (act) => {
      code = await act({ parts, output });
    });
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return exitCodes.done.code;
      if (output.json) output.result({ error: usageError(thrown) }, () => thrown.message);
      return exitCodes.usage.code;
    }
    tell(output, thrown);
    return exitCodeOf(thrown);
  }
}

/** In the shape of every other error. Without a command there is only help, which is for people. */
const usageError = ({ code, message }: CommanderError) => ({
  code: 'invalid_request',
  message:
    code === 'commander.help' ? 'No command was named; see kapi --help.' : message.replace(/^error: /, ''),
  errors: [],
});

/** What went wrong: one sentence, the fields it names, and a trace only where it is our fault. */
function tell(output: Output, thrown: unknown): void {
  const code = codeOf(thrown) ?? 'internal';
  const known = thrown instanceof KapiError || code !== 'internal';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const errors = thrown instanceof KapiError ? thrown.errors : [];
  if (output.json) output.result({ error: { code, message, errors } }, () => message);
  else {
    output.problem(`kapi: ${message} (${code})`);
    for (const { pointer, message: what } of errors) output.problem(`  ${pointer}: ${what}`);
  }
  if (!known && thrown instanceof Error && thrown.stack) output.problem(thrown.stack);
}

/** Runs a command within its context and keeps its exit code. */
type Finish = (act: (context: Context) => Promise<number>) => Promise<void>;
type MakeCommand = (name: string, text: string, parent?: Command) => Command;

function describeProgram(parts: CliParts, streams: Streams, json: boolean, finish: Finish): Command {
  const program = new Command('kapi')
    .description('Omnichannel intake gateway for citizen feedback.')
    .version(parts.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.out.write(text),
      // With --json the error is a value on standard output, and nothing else is written.
      writeErr: (text) => {
        if (!json) streams.err.write(text);
      },
    })
    .addHelpText('after', exitCodeHelp());
  const command: MakeCommand = (name, text, parent = program) =>
    parent.command(name).description(text).option('--json', 'one JSON value instead of text');

  command('start', 'run the gateway').action(() => finish(start));
  command(
    'check',
    'check the configuration: every problem at once, with file and line; changes nothing',
  ).action(() => finish(check));
  command('try', 'dry run: a file through an adapter, or a record to a destination')
    .argument('<name>', 'adapter, account, `api`, or destination')
    .argument('<subject>', 'file (- for standard input), or record number')
    .option('--content-type <type>', 'of the file; else by its ending')
    .option('--header <line>', 'request header, `name: value`; repeatable', gather, [])
    .action((name: string, subject: string, options: { contentType?: string; header: readonly string[] }) =>
      finish((context) => tryOut(context, name, subject, options)),
    );
  quarantineCommands(
    command('quarantine', 'what was stored but not understood: look, mend the cause, read it anew'),
    command,
    finish,
  );
  deadLetterCommands(
    command('deadletters', 'events and notices that were refused for good: mend the cause, then resend'),
    command,
    finish,
  );
  command(
    'replay',
    'read everything received since a time anew, after an adapter was mended; doubles nothing',
  )
    .requiredOption('--since <time>', 'received since, e.g. 2026-11-22T09:00:00+03:00')
    .option('--account <id>', 'only this account')
    .action((options: { since: string; account?: string }) =>
      finish((context) => replaySince(context, options)),
    );
  keyCommands(command('keys', 'API keys of the software that sends, reads and answers'), command, finish);
  command('erase', 'erase a record or a person for good')
    .option('--record <number>', 'one record')
    .option('--subject <kind:value>', 'everything of a person: tckn:…, phone:… or email:…')
    .requiredOption('--reason <text>', 'stands in the audit')
    .option('--yes', 'it cannot be undone')
    .action((options: { record?: string; subject?: string; reason: string; yes?: boolean }) =>
      finish((context) => erase(context, options)),
    );
  adapterCommands(command('adapter', 'write adapters'), command, finish);
  command('doctor', 'reach every account and destination, recount the books, walk the audit chain')
    .option('--books', 'only the books: whether anything was lost or counted twice')
    .addHelpText(
      'after',
      '\nok: nothing to do. WARN: works, but less safely than it could. WRONG: the sentence says what to do; exit code 1.',
    )
    .action((options: { books?: boolean }) => finish((context) => doctor(context, options)));
  command('bench', 'print the figures of the budgets')
    .option('--quick', 'three minutes instead of twenty')
    .action((options: { quick?: boolean }) => finish((context) => bench(context, options)));
  command('demo', 'send a realistic hour to the running gateway').action(() => finish(demo));
  for (const [name, instead] of Object.entries(laterCommands)) {
    command(name, 'not in this version')
      .argument('[rest...]')
      .allowUnknownOption()
      .action(() => finish(() => refuseLater(name, instead)));
  }
  return program;
}

function quarantineCommands(parent: Command, command: MakeCommand, finish: Finish): void {
  command('list', 'what is there and why, oldest first', parent)
    .addOption(limit())
    .option('--account <id>', 'only this account')
    .action((options: { limit: number; account?: string }) =>
      finish((context) => listQuarantine(context, options)),
    );
  command('show', 'all that is known of one entry; never its content', parent)
    .argument('<id>', 'first column of the list')
    .action((id: string) => finish((context) => showQuarantine(context, id)));
  command('replay', 'read it anew once its cause is mended; what cannot be read comes back', parent)
    .argument('[ids...]', 'first column of the list')
    .option('--all', 'everything that is there')
    .option('--account <id>', 'only this account')
    .action((ids: string[], options: { all?: boolean; account?: string }) =>
      finish((context) => replayQuarantine(context, ids, options)),
    );
}

function deadLetterCommands(parent: Command, command: MakeCommand, finish: Finish): void {
  command('list', 'what was refused, by whom and why', parent)
    .addOption(limit())
    .option('--destination <id>', 'only this destination')
    .action((options: { limit: number; destination?: string }) =>
      finish((context) => listDeadLetters(context, options)),
    );
  command('resend', 'put back to be tried now, once the cause is mended', parent)
    .argument('[id]', 'first column of the list')
    .option('--destination <id>', 'all of this destination; also calls one again that had been given up')
    .action((id: string | undefined, options: { destination?: string }) =>
      finish((context) => resendDeadLetters(context, id, options)),
    );
}

interface KeyOptions {
  readonly name: string;
  readonly scope: readonly string[];
  readonly account?: string;
  readonly queue?: readonly string[];
}

function keyCommands(parent: Command, command: MakeCommand, finish: Finish): void {
  command('create', 'make one; it is shown once', parent)
    .requiredOption('--name <text>', 'whose it is')
    .requiredOption('--scope <scope...>', `what it may do: ${scopes.join(', ')}`)
    .option('--account <id>', 'the only account of kapi.yaml it may hand messages in to')
    .option('--queue <id...>', 'the only queues that scope queue opens for it')
    .action(({ scope, queue, ...rest }: KeyOptions) =>
      finish((context) => createKey(context, { ...rest, scopes: scope, ...(queue && { queues: queue }) })),
    );
  command('list', 'which there are and what each may do; never the keys themselves', parent).action(() =>
    finish(listKeys),
  );
  command('revoke', 'make one useless at once, e.g. because it was seen by a stranger', parent)
    .argument('<id>', 'first column of the list; also the part of the key between its underscores')
    .action((id: string) => finish((context) => revokeKey(context, id)));
}

function adapterCommands(parent: Command, command: MakeCommand, finish: Finish): void {
  command('new', 'a complete adapter to start from', parent)
    .argument('<id>', '<family>-<provider>, e.g. sms-netgsm')
    .action((id: string) => finish((context) => newAdapter(context, id)));
  command('test', 'run its tests, the contract kit among them', parent)
    .argument('<id>')
    .action((id: string) => finish((context) => testAdapterFolder(context, id)));
}

const limit = () =>
  new Option('--limit <count>', 'at most so many').default(100).argParser((text: string) => {
    const count = Number(text);
    if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('a whole number from 1 on');
    return count;
  });

const gather = (line: string, lines: readonly string[]): readonly string[] => [...lines, line];

function exitCodeHelp(): string {
  const rows = Object.values(exitCodes).map(
    ({ code, meaning }) => `  ${String(code).padStart(2)}  ${meaning}`,
  );
  return `\nExit codes:\n${rows.join('\n')}\n`;
}
