import { randomBytes } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';
import { openApiDocument } from './openapi.ts';
import { errorPage, errorReference } from './problem.ts';

const page = (nonce: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta property="csp-nonce" nonce="${nonce}" content="${nonce}">
<title>Kapı API</title>
</head>
<body>
<div id="app"></div>
<noscript><p>This page needs JavaScript; the document itself is <a href="/openapi.json">openapi.json</a>.</p></noscript>
<script src="/docs/scalar.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** Fonts, telemetry and the vendor's agent would call other hosts: all off. */
const start = `Scalar.createApiReference('#app', ${JSON.stringify({
  url: '/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
})});
`;

const prefix = '/reference';

/** The viewer's script, out of its package, at the first request: it is large and seldom wanted. */
async function viewerScript(): Promise<string> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const carrier = Fastify();
  await carrier.register(scalar, { routePrefix: prefix, configuration: { url: '/openapi.json' } });
  const { payload } = await carrier.inject(`${prefix}/js/scalar.js`);
  await carrier.close();
  return payload;
}

/** `/docs` (works offline, from this server alone), `/openapi.json` and the error reference. */
export async function docs(app: FastifyInstance): Promise<void> {
  let document: string | undefined;
  let script: Promise<string> | undefined;

  app.get('/openapi.json', async (_request, reply) => {
    document ??= JSON.stringify(openApiDocument());
    return reply.type('application/json; charset=utf-8').send(document);
  });
  app.get(errorPage, async (_request, reply) =>
    reply.type('text/markdown; charset=utf-8').send(errorReference()),
  );
  app.get('/docs', async (_request, reply) => {
    const nonce = randomBytes(16).toString('base64');
    return reply
      .header(
        'content-security-policy',
        `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      )
      .type('text/html; charset=utf-8')
      .send(page(nonce));
  });
  app.get('/docs/start.js', async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(start),
  );
  app.get('/docs/scalar.js', async (_request, reply) => {
    script ??= viewerScript();
    return reply
      .header('cache-control', 'public, max-age=86400')
      .type('text/javascript; charset=utf-8')
      .send(await script);
  });
}
