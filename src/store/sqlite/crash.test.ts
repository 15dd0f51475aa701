import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadKeyRing } from '../../sealing/index.ts';
import { openSqliteStore } from './index.ts';

const child = join(import.meta.dirname, 'testing-child.ts');
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'kapi-crash-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

function run(
  name: string,
  hosting: string,
  failpoint: string,
  fileBlocks = 'unlimited',
): { lines: string[]; status: number | null; signal: string | null } {
  const { stdout, status, signal } = spawnSync(
    '/bin/sh',
    ['-c', `ulimit -f ${fileBlocks}; exec "$0" "$@"`, process.execPath, child, dataDir, name, hosting],
    {
      env: { ...process.env, NODE_ENV: 'test', KAPI_FAILPOINT: failpoint },
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  return { lines: stdout.split('\n').filter((line) => line !== ''), status, signal };
}

async function stored(): Promise<{ ids: Set<string>; balanced: boolean }> {
  const store = await openSqliteStore({
    dataDir,
    keys: loadKeyRing(dataDir),
    hosting: 'inline',
    institution: 'ornek',
    onFatal: () => undefined,
  });
  const { items } = await store.reader.envelopesSince(0, { limit: 100_000 });
  const balanced =
    JSON.stringify(await store.reader.books()) === JSON.stringify(await store.reader.recount());
  await store.close();
  return { ids: new Set(items), balanced };
}

it.each([
  { point: 'before-commit:3', hosting: 'thread' },
  { point: 'mid-group:3', hosting: 'thread' },
  { point: 'after-commit-before-reply:3', hosting: 'thread' },
  { point: 'before-commit:3', hosting: 'inline' },
])(
  'killed at $point ($hosting) it has lost nothing it acknowledged, and starts again',
  async ({ point, hosting }) => {
    const acknowledged: string[] = [];
    for (const name of ['first', 'second']) {
      const { lines, signal } = run(name, hosting, point);
      expect(signal).toBe('SIGKILL');
      acknowledged.push(...lines);
    }
    const { ids, balanced } = await stored();
    expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(2);
    expect(balanced).toBe(true);
  },
);

it('stops the process at the first write the disk refuses, acknowledges nothing after it, and starts again', async () => {
  const { lines, status } = run('limited', 'thread', '', '6000');
  expect(status).toBe(3);
  expect(lines.indexOf('fatal')).toBeGreaterThan(0);
  const end = lines.findIndex((line) => line === 'refused' || line === 'fatal');
  expect(lines.slice(end).filter((line) => line.startsWith('limited'))).toEqual([]);
  const { ids, balanced } = await stored();
  expect(lines.slice(0, end).filter((id) => !ids.has(id))).toEqual([]);
  expect(balanced).toBe(true);
});
