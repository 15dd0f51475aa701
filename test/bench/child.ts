import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Child {
  readonly pid: number;
  /** What `ready` matched in its output. */
  readonly said: RegExpExecArray;
  stop(): Promise<void>;
}

/** A process of ours that says on its output when it is ready. */
export async function startChild(
  args: readonly string[],
  ready: RegExp,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Child> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  let output = '';
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const said = await new Promise<RegExpExecArray>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      if (output.length > 100_000) return;
      output += chunk.toString();
      const found = ready.exec(output);
      if (found) resolve(found);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', reject);
    void ended.then(() => reject(new Error(`${args[0]} ended before it was ready: ${output.slice(-2000)}`)));
  });
  return { pid: child.pid ?? 0, said, stop: () => end(child, ended) };
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const hurry = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(hurry);
}

/** Runs a program of ours to its end and answers with its standard output. */
export async function runChild(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => pieces.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`);
  return Buffer.concat(pieces).toString();
}

/** Resident memory of a process in MiB, now and at its highest; NaN where the system does not tell. */
export function residentMiB(pid: number): { readonly now: number; readonly highest: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const read = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
    return { now: read('VmRSS'), highest: read('VmHWM') };
  } catch {
    return { now: Number.NaN, highest: Number.NaN };
  }
}

/** Processor time a process has used so far, all its threads, in µs; NaN where the system does not tell. */
export function processorMicros(pid: number): number {
  try {
    // After the name in brackets: state is the first field, user and system time the 12th and 13th, in 1/100 s.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return Number.NaN;
  }
}
