import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How a child that reads foreign bytes is fenced in: by the kernel where it helps, by Node everywhere. */

const prlimit = '/usr/bin/prlimit';
const unshare = '/usr/bin/unshare';

interface Command {
  readonly execPath: string;
  readonly execArgv: readonly string[];
}

/** Seconds of processor time after which the kernel ends a child; the pool retires it long before. */
const hardCpuSeconds = 40;

let networkFence: boolean | undefined;

/** True where an unprivileged process may have a network namespace of its own. Tried once. */
export function canFenceNetwork(): boolean {
  if (networkFence === undefined) {
    try {
      execFileSync(unshare, ['--net', '--map-root-user', '/bin/true'], {
        stdio: 'ignore',
        timeout: 2000,
        env: {},
      });
      networkFence = true;
    } catch {
      networkFence = false;
    }
  }
  return networkFence;
}

/** The command line of a child that may read code and nothing else. */
export function sandboxed(child: URL, module: URL, maxMemoryMb: number): Command {
  const node = [
    process.execPath,
    `--max-old-space-size=${maxMemoryMb}`,
    '--disable-proto=delete',
    '--no-warnings',
    '--permission',
    ...readable(child, module).map((folder) => `--allow-fs-read=${folder}`),
  ];
  const fenced = [
    ...(existsSync(prlimit)
      ? [prlimit, `--cpu=${hardCpuSeconds}`, '--fsize=0', '--nofile=64', '--core=0', '--nproc=4096', '--']
      : []),
    ...(canFenceNetwork() ? [unshare, '--net', '--map-root-user', '--'] : []),
    ...node,
  ];
  const [execPath = process.execPath, ...execArgv] = fenced;
  return { execPath, execArgv };
}

/** Folders with code: of this file, of the module, and the packages above both. Never the data folder. */
function readable(child: URL, module: URL): string[] {
  const folders = new Set<string>();
  for (const file of [fileURLToPath(child), fileURLToPath(module)]) {
    folders.add(dirname(file));
    for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
      if (existsSync(join(folder, 'node_modules'))) folders.add(join(folder, 'node_modules'));
      if (existsSync(join(folder, 'package.json'))) folders.add(join(folder, 'package.json'));
    }
  }
  const source = fileURLToPath(new URL('..', child));
  for (const name of ['contract', 'kit', 'record']) folders.add(join(source, name));
  // Node judges by the true path: packages may be linked from elsewhere.
  return [
    ...new Set([...folders].flatMap((path) => (existsSync(path) ? [path, realpathSync(path)] : [path]))),
  ];
}
