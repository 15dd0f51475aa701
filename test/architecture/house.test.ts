import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Adapter } from '@kapi/contract';
import { describe, expect, it } from 'vitest';
import { adapterRegistry } from '../../src/workers/adapter-registry.ts';
import { filesBelow, read, root, sourcesBelow } from './sources.ts';

/** About 300 is where a file asks to be two ideas; here it is told so. */
const mostLines = 400;
/** One word per thing: these name nothing, or name what has a better name here. */
const forbidden = ['manager', 'helper', 'helpers', 'util', 'utils', 'service', 'services', 'handler2'];

/** `createKeyManager`, `key-manager.ts` → create, key, manager. */
const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);

const exported = /^export (?:async )?(?:abstract )?(?:const|let|function\*?|class|interface|type) (\w+)/gm;

function forbiddenNames(path: string, text: string): readonly string[] {
  const names = [path, ...[...text.matchAll(exported)].map((match) => match[1] ?? '')];
  return names.filter((name) => wordsOf(name).some((word) => forbidden.includes(word)));
}

describe('the house', () => {
  const sources = sourcesBelow('src', 'adapters', 'test');

  it('has no file that no longer fits in one head', () => {
    const long = sources
      .filter(({ path }) => !/\.(test|rows)\.ts$|\/testing-[^/]+\.ts$/.test(path))
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > mostLines);
    expect(long).toEqual([]);
  });

  it('has one word per thing, in file names and in what files export', () => {
    expect(sources.flatMap(({ path, text }) => forbiddenNames(path, text))).toEqual([]);
    expect(
      forbiddenNames('src/key-manager.ts', 'export const seal = 1;\nexport function sealHelper() {}'),
    ).toEqual(['src/key-manager.ts', 'sealHelper']);
  });

  it('names files in kebab-case', () => {
    const strange = [
      ...filesBelow('src', '.ts'),
      ...filesBelow('adapters', '.ts'),
      ...filesBelow('test', '.ts'),
    ]
      .map((path) => path.split('/').at(-1) ?? '')
      .filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.ts$/.test(name));
    expect(strange).toEqual([]);
  });

  it('names no package registry, so that it installs from whichever one the machine uses', () => {
    const host = new RegExp(['npmjs', 'yarnpkg'].map((name) => `${name}\\.(org|com)`).join('|'));
    const texts = ['src', 'adapters', 'test', 'docs', 'config', 'bin', '.ci'].flatMap((folder) =>
      existsSync(join(root, folder)) ? filesBelow(folder, '') : [],
    );
    const named = [...texts, 'package.json', 'package-lock.json', 'README.md', 'README.tr.md', 'Dockerfile']
      .filter((path) => existsSync(join(root, path)))
      .filter((path) => host.test(read(path)));
    expect(named).toEqual([]);
  });

  it('says what changed', () => {
    expect(read('CHANGELOG.md')).toMatch(/^# Changelog\n/);
  });

  it('tells newcomers the same in English and in Turkish', () => {
    const outline = (path: string) =>
      read(path)
        .split('\n')
        .filter((line) => /^#+ /.test(line))
        .map((line) => line.replace(/ .*/, ''));
    const commands = (path: string) =>
      [...read(path).matchAll(/^```(?:sh|bash)\n([\s\S]*?)^```/gm)].map(([, text]) => text);
    expect(outline('README.tr.md')).toEqual(outline('README.md'));
    expect(commands('README.tr.md')).toEqual(commands('README.md'));
  });
});

describe('adapters', () => {
  const always = [
    'adapter.ts',
    'config.ts',
    'payload.ts',
    'normalize.ts',
    'adapter.test.ts',
    'README.md',
    'fixtures',
  ];

  it.each(Object.entries(adapterRegistry))('%s has the files that every adapter has', async (id, open) => {
    const { adapter }: { readonly adapter: Adapter } = await open();
    const kinds = adapter.sources.map(({ kind }) => kind);
    const expected = [
      ...always,
      ...(kinds.includes('push') ? ['verify.ts'] : []),
      ...(kinds.includes('pull') ? ['pull.ts'] : []),
      ...(adapter.parts ? ['parts.ts'] : []),
      ...(adapter.reply ? ['reply.ts'] : []),
    ];
    expect(adapter.id).toBe(id);
    expect(expected.filter((name) => !existsSync(join(root, 'adapters', id, name)))).toEqual([]);
  });

  it('are all in the registry', () => {
    const folders = filesBelow('adapters', '/adapter.ts'.slice(1)).map((path) => path.split('/')[1]);
    expect(Object.keys(adapterRegistry)).toEqual(folders);
  });
});
