import { buildServer as build } from '../../../src/http/index.ts';

export * from '../../../src/http/index.ts';

export const buildServer: typeof build = async (options) => {
  const app = await build(options);
  app.server.headersTimeout = 0;
  app.server.requestTimeout = 0;
  return app;
};
