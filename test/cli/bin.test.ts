import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Says it is Node 20 to whatever runs in this process; a process it starts is itself again. */
const posing = "data:text/javascript,Object.defineProperty(process,'version',{value:'v20.1.0'})";

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const node = (...args: readonly string[]): Promise<Ended> => nodeWith({}, ...args);

function nodeWith(variables: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Ended> {
  const env = { ...process.env, ...variables };
  return new Promise((done) => {
    const child = execFile(process.execPath, args, { cwd: tmpdir(), env }, (_fault, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

it('runs the program on Node 24', async () => {
  expect(await node(join(root, 'bin/kapi.mjs'), '--version')).toEqual({
    code: 0,
    out: `${version}\n`,
    err: '',
  });
});

it('started by an older Node, goes on with the one that came with the project, and keeps its exit code', async () => {
  const older = ['--import', posing, join(root, 'bin/kapi.mjs')];
  expect(await node(...older, '--version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
  expect((await node(...older, 'frobnicate')).code).toBe(2);
});

/** Says as its process ends whether objects still have that name. */
const probing = `data:text/javascript,${encodeURIComponent(
  "process.on('exit', () => console.log(process.version, '__proto__' in {}))",
)}`;

it('runs the program without `__proto__`, whatever Node started it', async () => {
  const program = join(root, 'bin/kapi.mjs');
  const said = `${version}\n${process.version} false\n`;
  expect((await node('--import', probing, program, '--version')).out).toBe(said);
  const probed = { NODE_OPTIONS: `--import=${probing}` };
  const older = await nodeWith(probed, '--import', posing, program, '--version');
  expect(older.out).toBe(`${said}v20.1.0 true\n`);
});

it('says in one sentence that Node 24 is missing where none came along', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kapi-bin-'));
  try {
    cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
    const answer = await node('--import', posing, join(folder, 'bin/kapi.mjs'), 'start');
    expect(answer).toEqual({
      code: 3,
      out: '',
      err: 'Kapı needs Node 24 or newer; this is v20.1.0, and no Node 24 was installed with it (run `npm ci` with optional packages, or install Node 24).\n',
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
