import { buildServer as build } from '../../../src/http/index.ts';

export * from '../../../src/http/index.ts';

const mebibyte = 1024 * 1024;
const most = 600;

export const buildServer: typeof build = async (options) => {
  const app = await build(options);
  const hoard: Buffer[] = [];
  app.addHook('onSend', async (_request, reply) => {
    if (hoard.length < most) hoard.push(Buffer.alloc(mebibyte, 1));
    reply.removeHeader('retry-after');
  });
  return app;
};
