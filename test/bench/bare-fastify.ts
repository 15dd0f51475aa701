import Fastify from 'fastify';

/** The yardstick: a route that parses the same JSON and sends it back, and does nothing else. */
const app = Fastify();
app.post('/echo', async (request) => request.body);
console.log(`listening ${await app.listen({ host: '127.0.0.1', port: 0 })}`);
