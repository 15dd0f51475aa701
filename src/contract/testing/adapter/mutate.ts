import fc from 'fast-check';

const tokens = [
  '__proto__',
  'constructor',
  'null',
  '-1',
  '1e999',
  '"',
  '\\',
  '[[',
  '{}',
  '&',
  '=',
  '%',
  '%ZZ',
  '\u0000',
  '\r\n\r\n',
  'ş',
  '\ud83d',
];
const values: readonly unknown[] = [
  null,
  true,
  -1,
  1e21,
  '',
  'x',
  [],
  {},
  [null],
  { key: null },
  '__proto__',
  '2026-13-45',
  '0'.repeat(300),
];
const kinds = ['flip', 'cut', 'double', 'insert', 'truncate', 'swap-value'] as const;

export interface Mutation {
  readonly kind: (typeof kinds)[number];
  readonly at: number;
  readonly length: number;
  readonly pick: number;
}

export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    at: fc.nat(),
    length: fc.integer({ min: 1, max: 64 }),
    pick: fc.nat(),
  }),
  { minLength: 1, maxLength: 4 },
);

export const mutateBody = (body: Uint8Array, all: readonly Mutation[]): Uint8Array =>
  all.reduce(mutateOnce, body);

function mutateOnce(body: Uint8Array, { kind, at, length, pick }: Mutation): Uint8Array {
  const from = body.length === 0 ? 0 : at % body.length;
  const bytes = Buffer.from(body);
  switch (kind) {
    case 'flip': {
      if (bytes.length > 0) bytes[from] = (bytes[from] ?? 0) ^ (1 << (pick % 8));
      return bytes;
    }
    case 'cut':
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
    case 'double':
      return Buffer.concat([bytes.subarray(0, from + length), bytes.subarray(from)]);
    case 'insert':
      return Buffer.concat([
        bytes.subarray(0, from),
        Buffer.from(tokens[pick % tokens.length] ?? ''),
        bytes.subarray(from),
      ]);
    case 'truncate':
      return bytes.subarray(0, from);
    case 'swap-value': {
      const value = parsed(bytes);
      return value === undefined ? bytes : Buffer.from(JSON.stringify(mutateValue(value, at, pick)) ?? '');
    }
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** A JSON value with one of its members, chosen by `at`, made something else or taken away. */
export function mutateValue(value: unknown, at: number, pick: number): unknown {
  const count = countNodes(value);
  let left = at % count;
  const visit = (node: unknown): unknown => {
    if (left-- === 0) return values[pick % values.length];
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, visit(inner)]));
  };
  return visit(value);
}

function countNodes(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + countNodes(inner), 1);
}
