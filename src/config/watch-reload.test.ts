import { EventEmitter } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { readEnvironment } from './environment.ts';
import { type Config, type Loaded, load } from './load.ts';
import { configReference } from './reference.ts';
import { watchReload } from './watch-reload.ts';

const parts = {
  adapters: {},
  destinations: { queue: z.strictObject({}), webhook: z.looseObject({}), email: z.looseObject({}) },
  templates: z.unknown(),
};
const folder = mkdtempSync(join(tmpdir(), 'kapi-reload-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
cpSync(resolve(import.meta.dirname, '../../config'), folder, { recursive: true });
writeFileSync(
  join(folder, 'kapi.yaml'),
  `
institution: {id: ornek, name: Örnek, province: Bursa, website: "https://o.example", shortUrl: o.example/t}
accounts: [{id: web, adapter: form, name: Form}]
destinations: [{id: coordination, kind: queue}]
`,
);
const good = load(folder, {}, parts);
const bad: Loaded<unknown> = {
  problems: [{ file: 'kapi.yaml', line: 1, column: 1, key: '', expected: 'a', found: 'b' }],
};

function watching(loads: Loaded<unknown>[], apply: (config: Config) => Promise<void>) {
  const signals = new EventEmitter();
  const refuse = vi.fn();
  const stop = watchReload({ load: () => loads.shift() ?? good, apply, refuse, signals });
  return { signals, refuse, stop };
}

it('puts a good configuration in force at SIGHUP', async () => {
  const applied: string[] = [];
  const { signals, refuse } = watching([], async ({ institution }) => void applied.push(institution.id));
  signals.emit('SIGHUP');
  await vi.waitFor(() => expect(applied).toEqual(['ornek']));
  expect(refuse).not.toHaveBeenCalled();
});

it('leaves the old one running where the new one is bad, and says why', async () => {
  const apply = vi.fn();
  const { signals, refuse } = watching([bad], apply);
  signals.emit('SIGHUP');
  await vi.waitFor(() => expect(refuse).toHaveBeenCalledWith({ problems: bad.problems }));
  expect(apply).not.toHaveBeenCalled();
});

it('says why where a part will not run with the new one', async () => {
  const thrown = new Error('the port is taken');
  const { signals, refuse } = watching([], () => Promise.reject(thrown));
  signals.emit('SIGHUP');
  await vi.waitFor(() => expect(refuse).toHaveBeenCalledWith({ thrown }));
});

it('makes one more reload of all signals that come during one, never two at once', async () => {
  let inside = 0;
  let most = 0;
  let count = 0;
  const gate: (() => void)[] = [];
  const { signals } = watching([], async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise<void>((open) => gate.push(open));
    inside -= 1;
    count += 1;
  });
  for (let at = 0; at < 5; at += 1) signals.emit('SIGHUP');
  await vi.waitFor(() => expect(gate).toHaveLength(1));
  gate[0]?.();
  await vi.waitFor(() => expect(gate).toHaveLength(2));
  gate[1]?.();
  await vi.waitFor(() => expect(count).toBe(2));
  expect(most).toBe(1);
});

it('hears no signal after its end', () => {
  const { signals, stop } = watching([], async () => undefined);
  stop();
  expect(signals.listenerCount('SIGHUP')).toBe(0);
});

it('reads the environment with its defaults, and an address without its last slash', () => {
  expect(readEnvironment({ KAPI_PORT: '0', KAPI_PUBLIC_URL: 'https://x.example/', KAPI_HOST: '' })).toEqual({
    configFolder: resolve('config'),
    dataFolder: resolve('data'),
    host: '127.0.0.1',
    port: 0,
    publicUrl: 'https://x.example',
  });
});

it('names every wrong variable of the environment', () => {
  expect(() => readEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })).toThrow(/NODE_EXTRA_CA_CERTS/);
  expect(() => readEnvironment({ KAPI_PORT: 'eighty', KAPI_PUBLIC_URL: 'x' })).toThrow(
    /KAPI_PORT: .*; KAPI_PUBLIC_URL: /,
  );
});

it('describes every key: no row of the reference is without a meaning', () => {
  const rows = configReference(parts)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(60);
  expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
});
