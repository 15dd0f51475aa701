#!/usr/bin/env node
// Runs Kapı on Node 24, whatever Node started this file: it comes with the project as a package.
// Plain JavaScript that any Node from 20 on can read.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const needed = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const majorOf = (version) => Number(version.replace(/^v/, '').split('.')[0]);

/** The compiled program where it was built, else the source through type stripping. */
function program() {
  const built = join(root, 'dist', 'src', 'main.js');
  return existsSync(join(root, 'src', 'main.ts')) ? join(root, 'src', 'main.ts') : built;
}

/** The Node binary that was installed with the project, or undefined on other platforms. */
function bundledNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const folder = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  return [join(root, 'node_modules', folder, 'bin', name), join(root, '..', folder, 'bin', name)].find(
    (path) => existsSync(path),
  );
}

if (majorOf(process.version) >= needed) {
  // In the environment, because worker threads and parsers of files inherit that and not the call.
  process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'kapi');
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
  // What `--disable-proto=delete` does below, for the Node that is running already: a stranger's JSON reaches
  // no prototype by that name.
  Reflect.deleteProperty(Object.prototype, '__proto__');
  await import(pathToFileURL(program()).href);
} else {
  const node = bundledNode();
  if (node === undefined) {
    console.error(
      `Kapı needs Node ${needed} or newer; this is ${process.version}, and no Node ${needed} was installed with it ` +
        `(run \`npm ci\` with optional packages, or install Node ${needed}).`,
    );
    process.exit(3);
  }
  const call = ['--disable-proto=delete', fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(node, call, { stdio: 'inherit' });
  const pass = (signal) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);
  child.once('error', (fault) => {
    console.error(`Kapı could not start ${node}: ${fault.message}`);
    process.exit(70);
  });
  child.once('exit', (code, signal) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, pass);
    if (signal) process.kill(process.pid, signal);
    else process.exit(code ?? 70);
  });
}
