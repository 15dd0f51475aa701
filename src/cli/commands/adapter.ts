import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { RefusedRequest } from '@kapi/contract';
import { adapterFolder, type Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

const idPattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)+$/;
const templateId = 'family-provider';

/** Copies a complete, passing adapter to start from. */
export async function newAdapter({ parts, output }: Context, id: string): Promise<number> {
  if (!idPattern.test(id)) {
    throw new RefusedRequest(
      'invalid_request',
      `An adapter is named <family>-<provider> in lower case, such as sms-netgsm; found ${JSON.stringify(id)}.`,
    );
  }
  const folder = adapterFolder(parts, id);
  if (existsSync(folder)) throw new RefusedRequest('invalid_request', `${folder} is there already.`);
  cpSync(join(parts.root, 'src', 'cli', 'adapter-template'), folder, { recursive: true });
  const files = renamed(folder, id);
  output.result({ folder, files }, () =>
    [
      `${folder} is a complete adapter that passes its tests. Next:`,
      '  1. put real payloads of the provider into fixtures/',
      '  2. make normalize.ts and verify.ts read them',
      `  3. npx kapi adapter test ${id}`,
      '  4. npm run generate, so that the registry knows it',
    ].join('\n'),
  );
  return exitCodes.done.code;
}

/** Puts the new id wherever the template's own stands. */
function renamed(folder: string, id: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const text = readFileSync(path, 'utf8');
      if (text.includes(templateId)) writeFileSync(path, text.replaceAll(templateId, id));
      return relative(folder, path);
    });
}

/** Runs the adapter's own tests, the contract kit among them. */
export async function testAdapterFolder({ parts, output }: Context, id: string): Promise<number> {
  const folder = adapterFolder(parts, id);
  if (!existsSync(folder)) throw new RefusedRequest('not_found', `There is no folder ${folder}.`);
  const vitest = join(parts.root, 'node_modules', 'vitest', 'vitest.mjs');
  if (!existsSync(vitest)) {
    throw new RefusedRequest('not_found', 'The tests need the development packages: npm ci.');
  }
  return runNode(parts.root, [vitest, 'run', `adapters/${id}`, ...(output.json ? ['--reporter=json'] : [])]);
}

/** Runs a script of the source tree with its own output; its exit code is ours. */
export function runNode(root: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? exitCodes.fault.code));
  });
}
