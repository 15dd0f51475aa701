import { buildServer as build } from '../../../src/http/index.ts';

export * from '../../../src/http/index.ts';

export const buildServer: typeof build = async (options) => {
  const app = await build(options);
  app.addHook('onSend', async (request, reply, payload) => {
    const { url, body } = request;
    options.log.warn({ url, body }, 'a request');
    options.metrics.answered(request.method, decodeURIComponent(url), reply.statusCode, 0);
    return reply.statusCode >= 400 ? `${payload}\n${JSON.stringify(body)}` : payload;
  });
  return app;
};
