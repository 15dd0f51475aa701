import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../architecture/sources.ts';

const run = promisify(execFile);

/** What `npm run build` leaves, without a line of the source. */
describe('the built program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kapi-built-'));
  beforeAll(async () => {
    const dist = join(folder, 'dist');
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    // Its types are another check's matter.
    await run(process.execPath, [
      tsc,
      '-p',
      join(root, 'tsconfig.build.json'),
      '--noCheck',
      '--outDir',
      dist,
    ]);
    await run(process.execPath, [join(root, 'src/build.ts'), dist]);
    for (const name of ['bin', 'config']) cpSync(join(root, name), join(folder, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const kapi = async (...argv: string[]) => {
    const env = { ...process.env, KAPI_CONFIG: join(folder, 'config'), KAPI_DATA: join(folder, 'data') };
    const { stdout } = await run(process.execPath, [join(folder, 'bin/kapi.mjs'), ...argv], { env });
    return stdout;
  };

  it('reads the shipped configuration', async () => {
    expect(await kapi('check')).toMatch(/is right/);
  });

  it('opens a store and parses a mail in a child process', async () => {
    const mail = join(root, 'adapters/email-imap/fixtures/flowed-text.eml');
    const made: { messages: { extra?: object }[] } = JSON.parse(await kapi('try', 'email-imap', mail));
    expect(made.messages).toHaveLength(1);
    expect(JSON.stringify(made)).not.toContain('unparsed');
  });
});
