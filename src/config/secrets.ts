import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import type { Path, Problem } from './problem.ts';
import { childOf, schemaAt } from './schema-walk.ts';
import type { YamlFile } from './yaml-file.ts';

/** `${NAME}` anywhere in a text; `file:path` as the whole of a secret. */
const placeholder = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

export interface Filled {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Every secret in clear, for the logger that must never print one. */
  readonly secrets: readonly string[];
  /** Paths whose secret is missing where that is allowed: the account or destination is off. */
  readonly unfilled: readonly Path[];
}

/**
 * Puts environment variables and secret files in their places. A secret written in clear is a problem,
 * and so is a missing one, except below an entry with `enabled: false`.
 */
export function fill(
  file: YamlFile,
  schema: z.core.$ZodType,
  folder: string,
  environment: NodeJS.ProcessEnv,
): Filled {
  const problems: Problem[] = [];
  const secrets: string[] = [];
  const unfilled: Path[] = [];

  const missing = (path: Path, expected: string, found: string) => {
    if (isOff(file.value, path)) unfilled.push(path);
    else problems.push(file.problemAt(path, expected, found));
  };

  const fillText = (text: string, path: Path): string => {
    const secret = schemaAt(schema, file.value, path)?.secret ?? false;
    if (secret && text.startsWith('file:')) {
      const name = text.slice('file:'.length);
      try {
        const content = readFileSync(resolve(folder, name), 'utf8').trim();
        if (content === '') missing(path, `a secret in the file ${name}`, 'an empty file');
        else secrets.push(content);
        return content;
      } catch {
        missing(path, `a readable file ${name}`, 'none');
        return text;
      }
    }
    if (secret && text.match(placeholder) === null) {
      problems.push(
        file.problemAt(path, `\${NAME} or file:path, so that no secret stands in this file`, 'a value'),
      );
      return text;
    }
    return text.replace(placeholder, (whole, name: string) => {
      const value = environment[name];
      if (value === undefined || value === '') {
        missing(path, `environment variable ${name}`, 'none of that name');
        return whole;
      }
      if (secret) secrets.push(value);
      return value;
    });
  };

  const walk = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') return fillText(value, path);
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]));
  };
  return { value: walk(file.value, []), problems, secrets, unfilled };
}

/** Below a group that says `enabled: false`. */
function isOff(root: unknown, path: Path): boolean {
  let here = root;
  for (const step of path) {
    if (childOf(here, 'enabled') === false) return true;
    here = childOf(here, step);
  }
  return false;
}
