import { isCollection, isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { keyOf, type Path, type Problem } from './problem.ts';

/** A parsed file that still knows where everything stood. */
export interface YamlFile {
  readonly name: string;
  readonly value: unknown;
  problemAt(path: Path, expected: string, found: string, where?: 'key' | 'value'): Problem;
}

const yamlWords: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'each key once',
  TAB_AS_INDENT: 'spaces for indentation',
  BAD_INDENT: 'even indentation',
  MULTIPLE_DOCS: 'one document',
};

/** Reads YAML; syntax faults come as problems, all of them. */
export function readYaml(name: string, text: string): { file?: YamlFile; problems: readonly Problem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const problems = document.errors.map((fault) => ({
    file: name,
    ...at(fault.pos[0]),
    key: '',
    expected: yamlWords[fault.code] ?? 'valid YAML',
    found: fault.message.split('\n')[0] ?? fault.code,
  }));
  if (problems.length > 0) return { problems };

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    const found = thrown instanceof Error ? thrown.message : 'aliases that cannot be followed';
    return { problems: [{ file: name, line: 0, column: 0, key: '', expected: 'valid YAML', found }] };
  }
  const file: YamlFile = {
    name,
    value,
    problemAt(path, expected, found, where = 'value') {
      const offset = offsetOf(document.contents, path, where);
      const place = offset === undefined ? { line: 1, column: 1 } : at(offset);
      return { file: name, ...place, key: keyOf(path), expected, found };
    },
  };
  return { file, problems: [] };
}

/** Where a path stands; where it does not exist, the deepest group that does. */
function offsetOf(root: Node | null, path: Path, where: 'key' | 'value'): number | undefined {
  let node: Node | null = root;
  let offset = root?.range?.[0];
  for (const [depth, step] of path.entries()) {
    if (!isCollection(node)) return offset;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      const key = isNode(pair.key) ? pair.key : undefined;
      const value = isNode(pair.value) ? pair.value : undefined;
      const last = depth === path.length - 1;
      // A group is found by its key: its own start may be on the line below.
      const preferKey = (last && where === 'key') || isCollection(value) || value === undefined;
      offset = (preferKey ? key : value)?.range?.[0] ?? offset;
      node = value ?? null;
    } else {
      const child: unknown = node.get(step, true);
      if (!isNode(child)) return offset;
      offset = child.range?.[0] ?? offset;
      node = child;
    }
  }
  return offset;
}
