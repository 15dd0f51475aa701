import type { z } from 'zod';
import { type Path, type Problem, shown } from './problem.ts';
import { branchesOf, childOf, keysOf, schemaAt } from './schema-walk.ts';
import type { YamlFile } from './yaml-file.ts';

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
};

const formatWords: Readonly<Record<string, string>> = {
  email: 'an e-mail address',
  url: 'an address with https://',
};

/** Problems in the words of the file, at its lines, out of what the schema found. */
export function toProblems(
  file: YamlFile,
  schema: z.core.$ZodType,
  issues: readonly z.core.$ZodIssue[],
): readonly Problem[] {
  return issues.flatMap((issue) => toProblem(file, schema, issue, []));
}

function toProblem(
  file: YamlFile,
  schema: z.core.$ZodType,
  issue: z.core.$ZodIssue,
  above: Path,
): readonly Problem[] {
  const path = [...above, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  const value = path.reduce<unknown>((here, step) => childOf(here, step), file.value);
  const place = schemaAt(schema, file.value, path);
  const found = place?.secret && value !== undefined ? 'another value' : shown(value);

  if (issue.code === 'unrecognized_keys') {
    const known = place ? keysOf(place.schema, value) : [];
    const expected = known.length > 0 ? `only ${known.join(', ')}` : 'no keys here';
    return issue.keys.map((key) =>
      file.problemAt([...path, key], expected, `the unknown key ${JSON.stringify(key)}`, 'key'),
    );
  }
  if (issue.code === 'invalid_union') {
    // Zod names the discriminator's path where no branch matches; the union stands one step above.
    const union = schemaAt(schema, file.value, path.slice(0, -1)) ?? place;
    const branches = (place && branchesOf(place.schema)) ?? (union && branchesOf(union.schema));
    if (branches) return [file.problemAt(path, `one of ${branches.values.join(', ')}`, found)];
    const nearest = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
    return nearest.flatMap((inner) => toProblem(file, schema, inner, path));
  }
  return [file.problemAt(path, expectedOf(issue, place?.schema), found)];
}

function expectedOf(issue: z.core.$ZodIssue, schema: z.core.$ZodType | undefined): string {
  switch (issue.code) {
    case 'invalid_type': {
      const branches = schema && branchesOf(schema);
      return branches
        ? `a group of keys with ${branches.key}`
        : (typeWords[issue.expected] ?? issue.expected);
    }
    case 'invalid_value':
      return issue.values.length === 1
        ? String(issue.values[0])
        : `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `${sizeOf(issue.origin)}${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
    case 'too_big':
      return `${sizeOf(issue.origin)}${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
    case 'invalid_format':
      return formatWords[issue.format] ?? issue.message;
    default:
      return issue.message;
  }
}

function sizeOf(origin: string): string {
  if (origin === 'string') return 'characters: ';
  return origin === 'array' ? 'entries: ' : '';
}
