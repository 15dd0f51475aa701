import { z } from 'zod';
import type { Path } from './problem.ts';

type Schema = z.core.$ZodType;

/** Without optional, default and the like; true where any layer is marked `secret`. */
function unwrapped(schema: Schema): { inner: Schema; secret: boolean } {
  let inner = schema;
  let secret = isSecret(schema);
  for (;;) {
    if (
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodReadonly
    ) {
      inner = inner.unwrap();
    } else if (inner instanceof z.ZodPipe) {
      inner = inner.in;
    } else {
      return { inner, secret };
    }
    secret ||= isSecret(inner);
  }
}

function isSecret(schema: Schema): boolean {
  return z.globalRegistry.get(schema)?.secret === true;
}

/** The branch of a union that a value chose by its discriminator. */
function chosen(union: z.ZodDiscriminatedUnion, value: unknown): Schema | undefined {
  const key = union.def.discriminator;
  const said = childOf(value, key);
  return union.options.find((option) => {
    const literal = option instanceof z.ZodObject ? option.shape[key] : undefined;
    return literal instanceof z.ZodLiteral && [...literal.values].some((value) => value === said);
  });
}

export function childOf(value: unknown, step: string | number): unknown {
  if (Array.isArray(value)) return typeof step === 'number' ? value[step] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, step)?.value;
}

function step(schema: Schema, value: unknown, key: string | number): Schema | undefined {
  if (schema instanceof z.ZodObject) return Object.hasOwn(schema.shape, key) ? schema.shape[key] : undefined;
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodRecord) return schema.valueType;
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const option = chosen(schema, value);
    return option && step(option, value, key);
  }
  if (schema instanceof z.ZodUnion) {
    for (const option of schema.options) {
      const found = step(unwrapped(option).inner, value, key);
      if (found) return found;
    }
  }
  return undefined;
}

/** The schema that judges a path of this value, or undefined where the path is unknown. */
export function schemaAt(
  root: Schema,
  value: unknown,
  path: Path,
): { readonly schema: Schema; readonly secret: boolean } | undefined {
  let { inner, secret } = unwrapped(root);
  let here = value;
  for (const key of path) {
    const next = step(inner, here, key);
    if (!next) return undefined;
    here = childOf(here, key);
    const opened = unwrapped(next);
    inner = opened.inner;
    secret ||= opened.secret;
  }
  return { schema: inner, secret };
}

/** Keys that a group may have, for «expected one of». */
export function keysOf(schema: Schema, value: unknown): readonly string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const option = chosen(schema, value);
    return option ? keysOf(option, value) : [];
  }
  return [];
}

/** Values a discriminator may have, or undefined where the schema is no such union. */
export function branchesOf(
  schema: Schema,
): { readonly key: string; readonly values: readonly string[] } | undefined {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return undefined;
  const key = schema.def.discriminator;
  const values = schema.options.flatMap((option) => {
    const literal = option instanceof z.ZodObject ? option.shape[key] : undefined;
    return literal instanceof z.ZodLiteral ? [...literal.values].map(String) : [];
  });
  return { key, values };
}
