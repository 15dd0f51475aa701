import { buildServer as build } from '../../../src/http/index.ts';

export * from '../../../src/http/index.ts';

export const buildServer: typeof build = async (options) => {
  const app = await build(options);
  app.addHook('preClose', async () => app.server.closeAllConnections());
  return app;
};
