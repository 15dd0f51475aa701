import type { Destination } from '@kapi/contract';
import { z } from 'zod';
import { type AmqpServer, type AmqpTopology, type LoadAmqp, openAmqp } from './amqp.ts';
import { brokerConfig, brokerScheduleMs, brokerTimeoutMs, forType, refusePlain } from './broker-config.ts';
import { keepConnection } from './kept-connection.ts';

const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\s\p{Cc}]+$/u, { error: 'no spaces' });

export const rabbitmqConfig = z.strictObject({
  host: z.string().min(1).describe('The broker'),
  port: z.int().min(1).max(65_535).default(5671).describe('5671 with TLS, usually 5672 without'),
  vhost: z.string().min(1).default('/').describe('Virtual host'),
  user: z.string().min(1).describe('Login name'),
  password: z.string().min(1).describe('Password of the login').meta({ secret: true }),
  exchange: name.default('kapi').describe('Where events are published; declared as a durable topic exchange'),
  routingKey: name
    .default('{type}')
    .describe('Routing key; `{type}` stands for the event’s type, such as `kapi.record.received.v1`'),
  queue: name.describe('Queue that must keep the events; declared as a quorum queue that takes all of them'),
  queueMaxMessages: z
    .int()
    .min(1)
    .optional()
    .describe('Where the queue is declared: above this it refuses more, which then waits here'),
  queueDeliveryLimit: z
    .int()
    .min(1)
    .default(20)
    .describe('Where the queue is declared: failed hand-overs before an event goes to `<queue>.dead`'),
  ...brokerConfig,
});
export type RabbitmqConfig = z.output<typeof rabbitmqConfig>;

/**
 * Publishes CloudEvents to an exchange and waits for the publisher's confirm, which for a quorum queue
 * means that a majority has it on disk. An event that the exchange has no queue for, that a queue refuses
 * or that nobody confirms is tried again under the same `message_id`.
 * @throws ConfigError `config_invalid`
 */
export function createRabbitmq(config: RabbitmqConfig, load?: LoadAmqp): Destination {
  refusePlain(config, [config.host]);
  const { host, port, security, ca, vhost, heartbeatSeconds, routingKey, headers } = config;
  const login = { user: config.user, password: config.password };
  const server: AmqpServer = { host, port, security, ca, vhost, login, heartbeatSeconds };
  const topology: AmqpTopology = {
    mode: config.topology,
    exchange: config.exchange,
    queue: config.queue,
    maxMessages: config.queueMaxMessages,
    deliveryLimit: config.queueDeliveryLimit,
  };
  const connection = keepConnection((life) => openAmqp(server, topology, life, load));
  const timeoutMs = config.timeoutSeconds * 1000;

  return {
    kind: 'rabbitmq',
    concurrency: config.concurrency,
    retryScheduleMs: brokerScheduleMs,
    timeoutMs: brokerTimeoutMs(config.timeoutSeconds),

    send({ id, type, body }, { signal }) {
      const message = { id, type, routingKey: forType(routingKey, type), headers, body };
      return connection.use((link) => link.publish(message), timeoutMs, signal);
    },

    async probe({ signal }) {
      try {
        await connection.use(async () => undefined, timeoutMs, signal);
        return { ok: true, detail: 'The broker lets us in, and exchange and queue are there.' };
      } catch (error) {
        return { ok: false, detail: error instanceof Error ? error.message : 'the broker does not answer' };
      }
    },

    close: () => connection.close(),
  };
}
