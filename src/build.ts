import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Puts beside what tsc has compiled what it leaves out: files that are read and not run, the package's
 * own description, and the names under which the program knows its workspaces.
 */
const root = resolve(import.meta.dirname, '..');
const out = process.argv[2] ?? join(root, 'dist');

cpSync(join(root, 'package.json'), join(out, 'package.json'));
cpSync(join(root, 'src/web/citizen/assets'), join(out, 'src/web/citizen/assets'), { recursive: true });
for (const name of ['contract', 'kit']) {
  const folder = join(out, 'node_modules', '@kapi', name);
  mkdirSync(folder, { recursive: true });
  const description = { name: `@kapi/${name}`, type: 'module', exports: './index.js' };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(description)}\n`);
  writeFileSync(join(folder, 'index.js'), `export * from '../../../src/${name}/index.js';\n`);
}
