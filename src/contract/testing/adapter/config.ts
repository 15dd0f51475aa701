import { z } from 'zod';

export interface ConfigField {
  readonly path: string;
  readonly described: boolean;
  readonly secret: boolean;
  readonly value: unknown;
}

type Schema = z.core.$ZodType;

/** The schema and what it wraps, outermost first: a description may stand on any of them. */
function layers(schema: Schema): readonly Schema[] {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodCatch
  ) {
    return [schema, ...layers(schema.unwrap())];
  }
  return schema instanceof z.ZodPipe ? [schema, ...layers(schema.in), ...layers(schema.out)] : [schema];
}

/** Every field of a configuration schema, nested ones too, beside its value in a raw configuration. */
export function fieldsOf(schema: z.ZodObject, value: unknown, prefix = ''): readonly ConfigField[] {
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const inner = memberOf(value, name);
    const all = layers(field);
    const metas = all.map((layer) => z.globalRegistry.get(layer));
    const own: ConfigField = {
      path,
      described: metas.some((meta) => (meta?.description ?? '').trim() !== ''),
      secret: metas.some((meta) => meta?.secret === true),
      value: inner,
    };
    return [own, ...all.flatMap((layer) => nested(layer, inner, path))];
  });
}

function nested(schema: Schema, value: unknown, path: string): readonly ConfigField[] {
  if (schema instanceof z.ZodObject) return fieldsOf(schema, value, path);
  if (schema instanceof z.ZodArray) {
    const values: readonly unknown[] = Array.isArray(value) && value.length > 0 ? value : [undefined];
    return values.flatMap((one) =>
      layers(schema.element).flatMap((layer) => nested(layer, one, `${path}[]`)),
    );
  }
  if (schema instanceof z.ZodRecord) {
    const values = typeof value === 'object' && value !== null ? Object.values(value) : [undefined];
    return values.flatMap((one) =>
      layers(schema.valueType).flatMap((layer) => nested(layer, one, `${path}{}`)),
    );
  }
  return [];
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** All texts inside a value. */
export function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
