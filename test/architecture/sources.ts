import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, resolve, sep } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** Paths from the root with forward slashes, e.g. `src/record/number.ts`. */
export function filesBelow(folder: string, ending: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.includes('node_modules/') && !path.includes('/dist/'))
    .sort();
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

export interface Source {
  readonly path: string;
  readonly text: string;
}

export const sourcesBelow = (...folders: readonly string[]): readonly Source[] =>
  folders.flatMap((folder) => filesBelow(folder, '.ts')).map((path) => ({ path, text: read(path) }));

const importLine =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** What a file imports: paths from the root for our own files, package names for others. */
export function importsOf({ path, text }: Source): readonly string[] {
  const code = text.replace(/^\s*\/?\*.*$/gm, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(importLine)].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? '';
    if (name.startsWith('.')) return posix.normalize(posix.join(posix.dirname(path), name));
    if (name === '@kapi/contract') return 'src/contract/index.ts';
    if (name === '@kapi/contract/testing') return 'src/contract/testing/index.ts';
    if (name === '@kapi/kit') return 'src/kit/index.ts';
    return name;
  });
}
