import { type ErrorCode, errorTable, problemAnswer } from '@kapi/contract';
import { z } from 'zod';
import type { Documented, Example, Route } from './route.ts';
import { apiRoutes } from './routes/index.ts';

type Json = Readonly<Record<string, unknown>>;

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
    reused: 'inline',
  });
  return rest;
}

function properties(schema: z.ZodType): [name: string, schema: Json, required: boolean][] {
  const { properties: members = {}, required = [] } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: 'input',
    unrepresentable: 'any',
  });
  return Object.entries(members).map(([name, member]) => [
    name,
    typeof member === 'object' ? { ...member } : {},
    required.includes(name),
  ]);
}

const firstOf = (examples: readonly Example[], where: 'path' | 'query', name: string): Json => {
  const example = examples.find((candidate) => candidate[where]?.[name] !== undefined)?.[where]?.[name];
  return example === undefined ? {} : { example };
};

function parameters(route: Route): Json[] {
  return [
    ...properties(route.params).map(([name, schema]) => ({
      name,
      in: 'path',
      required: true,
      schema,
      ...firstOf(route.examples, 'path', name),
    })),
    ...properties(route.query).map(([name, schema, required]) => ({
      name,
      in: 'query',
      required,
      schema,
      ...firstOf(route.examples, 'query', name),
    })),
    ...[...new Set(route.examples.flatMap((example) => Object.keys(example.headers ?? {})))]
      .filter((name) => !name.startsWith('content-'))
      .map((name) => ({ name, in: 'header', required: false, schema: { type: 'string' } })),
  ];
}

function requestBody(route: Route): Json | undefined {
  if (route.method === 'GET' || route.method === 'DELETE') return undefined;
  const schema = jsonSchema(route.body, 'input');
  const examples = Object.fromEntries(
    route.examples
      .filter(({ body }) => body !== undefined && typeof body !== 'string')
      .map(({ name, body, status }) => [name, { summary: `${name} (${status})`, value: body }]),
  );
  const raw = Object.fromEntries(
    (route.rawBody ?? []).map((type) => [type === '*' ? '*/*' : type, { schema: { type: 'string' } }]),
  );
  const json = Object.keys(schema).length > 0 || Object.keys(examples).length > 0;
  if (!json && Object.keys(raw).length === 0) return undefined;
  return { content: { ...(json && { 'application/json': { schema, examples } }), ...raw } };
}

function answer({ description, schema, contentType = 'application/json' }: Documented): Json {
  if (schema === undefined && contentType === 'application/json') return { description };
  return {
    description,
    content: { [contentType]: { schema: schema ? jsonSchema(schema, 'output') : { type: 'string' } } },
  };
}

const anyRoute: readonly ErrorCode[] = ['invalid_request', 'overloaded', 'internal'];
const withKey: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'rate_limited'];
const withBody: readonly ErrorCode[] = [
  'malformed_json',
  'body_too_large',
  'unsupported_media_type',
  'request_timeout',
];

function problems(route: Route): Record<string, Json> {
  const codes = new Set<ErrorCode>([
    ...route.errors,
    ...anyRoute,
    ...('scopes' in route.access ? withKey : []),
    ...(route.method === 'POST' ? withBody : []),
  ]);
  const byStatus = Map.groupBy(codes, (code) => errorTable[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      String(status),
      {
        description: group.map((code) => `\`${code}\`: ${errorTable[code].title}`).join(' · '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

function operation(route: Route): Json {
  const body = requestBody(route);
  return {
    tags: [route.tag],
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/[^a-zA-Z0-9]+(\w)?/g, (_, next: string | undefined) => next?.toUpperCase() ?? '')}`,
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    security: 'scopes' in route.access ? [{ key: [...route.access.scopes] }] : [],
    ...('scopes' in route.access && { 'x-kapi-scopes': route.access.scopes }),
    parameters: parameters(route),
    ...(body && { requestBody: body }),
    responses: {
      ...problems(route),
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, documented]) => [status, answer(documented)]),
      ),
    },
  };
}

/** OpenAPI 3.1 of every API route, from the same zod schemas that check the requests. */
export function openApiDocument(): Json {
  const paths = Map.groupBy(apiRoutes, (route) => route.path);
  return {
    openapi: '3.1.1',
    info: {
      title: 'Kapı',
      version: '1.0.0',
      description:
        'Every way a citizen can reach a municipality becomes one ŞÖK record. Errors are problem details (RFC 9457) with a stable `code`; `errors` names each wrong field by JSON pointer.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(apiRoutes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: Object.fromEntries(
      [...paths].map(([path, routes]) => [
        path,
        Object.fromEntries(routes.map((route) => [route.method.toLowerCase(), operation(route)])),
      ]),
    ),
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key, `kapi_<id>_<secret>`, with the scopes named.',
        },
      },
      schemas: { Problem: jsonSchema(problemAnswer, 'output') },
    },
  };
}
