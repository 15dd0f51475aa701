import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiDocument } from './openapi.ts';
import type { Example, Route } from './route.ts';
import { apiRoutes } from './routes/index.ts';
import { type TestingServer, testingServer } from './testing-server.ts';

/** What the reference shows is sent, and what comes back is held against what the reference says. */

let server: TestingServer;
beforeAll(async () => {
  server = await testingServer();
});
afterAll(() => server.app.close());

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const document = JSON.parse(JSON.stringify(openApiDocument()));

function answerSchema(route: Route, status: number): unknown {
  const content = document.paths[route.path][route.method.toLowerCase()].responses[status]?.content;
  const described = content?.['application/json'] ?? content?.['application/problem+json'];
  const schema = described?.schema;
  return schema?.$ref === '#/components/schemas/Problem' ? document.components.schemas.Problem : schema;
}

const url = (route: Route, { path = {}, query = {} }: Example): string => {
  const filled = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(path[name] ?? ''),
  );
  const search = new URLSearchParams(query).toString();
  return search === '' ? filled : `${filled}?${search}`;
};

const rows = apiRoutes.flatMap((route) =>
  route.examples.map((example) => ({
    title: `${route.method} ${route.path}: ${example.name}`,
    route,
    example,
  })),
);

describe('every example of the reference', () => {
  // In order: an event needs the message that an earlier example handed in.
  it.each(rows)('$title', async ({ route, example }) => {
    const text = typeof example.body === 'string' ? example.body : JSON.stringify(example.body);
    const response = await server.app.inject({
      method: route.method,
      url: url(route, example),
      headers: {
        ...('scopes' in route.access && { authorization: `Bearer ${server.key}` }),
        ...(example.body !== undefined && { 'content-type': 'application/json' }),
        ...example.headers,
      },
      ...(text !== undefined && { payload: text }),
    });
    expect(response.statusCode, response.body).toBe(example.status);
    const schema = answerSchema(route, response.statusCode);
    if (schema !== undefined && typeof schema === 'object') {
      const holds = ajv.compile(schema ?? {});
      expect(holds(response.json()), JSON.stringify(holds.errors)).toBe(true);
    } else if (
      document.paths[route.path][route.method.toLowerCase()].responses[response.statusCode] === undefined
    ) {
      expect.fail(`${response.statusCode} is not described`);
    }
  });

  it('is at least one for each route but the stream', () => {
    const without = apiRoutes.filter(({ examples }) => examples.length === 0).map(({ path }) => path);
    expect(without).toEqual(['/v1/stream']);
  });

  it('is valid against the schema the reference gives for its body, when it is to succeed', () => {
    for (const { route, example } of rows) {
      const schema =
        document.paths[route.path][route.method.toLowerCase()].requestBody?.content['application/json'];
      if (schema === undefined || example.status >= 300 || typeof example.body !== 'object') continue;
      const holds = ajv.compile(schema.schema);
      expect(holds(example.body), `${route.path} ${JSON.stringify(holds.errors)}`).toBe(true);
    }
  });
});

describe('the document', () => {
  it('names every route the server answers under /v1', () => {
    const registered = server.app
      .registeredRoutes()
      .filter(({ url: path }) => path.startsWith('/v1'))
      .flatMap(({ methods, url: path }) =>
        methods.map((method) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`),
      );
    const documented = Object.entries<Record<string, unknown>>(document.paths)
      .filter(([path]) => path.startsWith('/v1'))
      .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
    expect(documented.toSorted()).toEqual(registered.toSorted());
  });

  it('gives each operation its own id', () => {
    const ids = Object.values<Record<string, { operationId: string }>>(document.paths).flatMap((item) =>
      Object.values(item).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is served, with a viewer from this server alone', async () => {
    const served = await server.app.inject('/openapi.json');
    expect(served.json()).toEqual(document);
    const page = await server.app.inject('/docs');
    expect(page.body).not.toMatch(/(src|href)="https?:/);
    const policy = String(page.headers['content-security-policy']);
    expect(policy).not.toContain('unsafe');
    const script = await server.app.inject('/docs/scalar.js');
    expect(script.headers['content-type']).toContain('text/javascript');
    expect(script.body).toContain('createApiReference');
  });
});
