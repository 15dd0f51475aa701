import { execFileSync } from 'node:child_process';
import { cpus, tmpdir, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type Line, print, whole } from './figures.ts';
import { acceptRow } from './row-accept.ts';
import { idleRow } from './row-idle.ts';
import { latencyRow } from './row-latency.ts';
import { mailboxRow } from './row-mailbox.ts';
import { pipelineRow } from './row-pipeline.ts';
import { waitingRow } from './row-waiting.ts';
import { full, quick, type Scale } from './scale.ts';

/**
 * Prints the budgets of the gateway as measured here: real processes on loopback, temporary folders.
 * `npm run bench -- [--quick] [--row accept …] [--json]`
 */
const rows: Readonly<Record<string, { readonly title: string; run(scale: Scale): Promise<Line[]> }>> = {
  idle: { title: 'Idle, flows off', run: idleRow },
  accept: { title: 'POST /v1/messages: key, schema, seal, sync, number; stages running', run: acceptRow },
  latency: { title: 'Accepted → claimable, 500 messages/s', run: latencyRow },
  pipeline: { title: 'Whole pipeline, one process', run: pipelineRow },
  waiting: { title: 'A large queue', run: waitingRow },
  mailbox: { title: 'A mailbox in Dovecot, from connect until all are records', run: mailboxRow },
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    row: { type: 'string', multiple: true, default: Object.keys(rows) },
    json: { type: 'boolean', default: false },
  },
});
const unknown = values.row.filter((name) => !(name in rows));
if (unknown.length > 0)
  throw new Error(`No row ${unknown.join(', ')}; there are ${Object.keys(rows).join(', ')}.`);

const machine = {
  cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  memory: `${whole(totalmem() / 2 ** 30)} GiB`,
  node: process.version,
  folder: `${tmpdir()} (${fileSystem()})`,
  scale: values.quick ? 'quick' : 'full',
};

/** Of the temporary folder: what a sync costs depends on it. */
function fileSystem(): string {
  try {
    return execFileSync('stat', ['--file-system', '--format', '%T', tmpdir()], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

if (!values.json) console.log(Object.values(machine).join(' · '));
const measured: { row: string; lines: Line[] }[] = [];
for (const row of values.row) {
  const { title, run } = rows[row] ?? {};
  if (!title || !run) continue;
  const lines = await run(values.quick ? quick : full);
  measured.push({ row, lines });
  if (!values.json) print(title, lines);
}
if (values.json) console.log(JSON.stringify({ machine, rows: measured }, null, 2));
