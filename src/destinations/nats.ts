import { isIP } from 'node:net';
import { ConfigError, type Destination } from '@kapi/contract';
import { z } from 'zod';
import { brokerConfig, brokerScheduleMs, brokerTimeoutMs, forType, refusePlain } from './broker-config.ts';
import {
  type LoadNats,
  type NatsAddress,
  type NatsServer,
  openJetStream,
  type StreamTopology,
} from './jetstream.ts';
import { keepConnection } from './kept-connection.ts';

const defaultPort = 4222;

export const natsConfig = z.strictObject({
  servers: z
    .array(
      z.string().refine((server) => addressOf(server) !== undefined, { error: 'expected host or host:port' }),
    )
    .min(1)
    .max(16)
    .describe('Servers of one cluster as `host:port`, tried in this order; port 4222 where none is named'),
  user: z.string().min(1).optional().describe('Login name'),
  password: z.string().min(1).optional().describe('Password of the login').meta({ secret: true }),
  token: z.string().min(1).optional().describe('Token instead of a login').meta({ secret: true }),
  stream: z
    .string()
    .regex(/^[^\s.*>/\\]{1,200}$/, { error: 'no spaces and none of . * > / \\' })
    .describe('Stream that must acknowledge the events'),
  subject: z
    .string()
    .regex(/^[^\s.*>{}]+(\.([^\s.*>{}]+|\{type\}))*$/, {
      error: 'words with dots between, no wildcards; {type} is a word, but not the first',
    })
    .default('kapi.events')
    .describe('Subject; `{type}` stands for the event’s type, such as `kapi.record.received.v1`'),
  durable: z
    .boolean()
    .default(true)
    .describe('Refuses servers that may lose what they have acknowledged; off: a warning in the log'),
  monitorUrls: z
    .array(z.url({ protocol: /^https?$/ }))
    .max(16)
    .default([])
    .describe(
      'Monitoring address of every server of the cluster, such as `http://host:8222`; shows whether it syncs',
    ),
  streamReplicas: z
    .int()
    .min(1)
    .max(5)
    .default(1)
    .describe('Where the stream is declared: copies in the cluster'),
  streamMaxBytes: z
    .int()
    .min(1)
    .optional()
    .describe('Where the stream is declared: above this it refuses more, which then waits here'),
  ...brokerConfig,
});
export type NatsConfig = z.output<typeof natsConfig>;

/**
 * Publishes CloudEvents to a JetStream stream and waits for its acknowledgement. An event that nobody
 * acknowledges, or that the stream refuses, is tried again under the same `Nats-Msg-Id`, by which the
 * stream knows it for two minutes.
 * @throws ConfigError `config_invalid`
 */
export function createNats(config: NatsConfig, load?: LoadNats): Destination {
  const addresses = config.servers.flatMap((server) => addressOf(server) ?? []);
  refusePlain(
    config,
    addresses.map(({ host }) => host),
  );
  const { security, ca, heartbeatSeconds, monitorUrls, durable, subject, headers } = config;
  const server: NatsServer = {
    addresses,
    security,
    ca,
    login: loginOf(config),
    heartbeatSeconds,
    monitorUrls,
    durable,
  };
  const topology: StreamTopology = {
    mode: config.topology,
    stream: config.stream,
    subjects: [wildcardOf(subject)],
    replicas: config.streamReplicas,
    maxBytes: config.streamMaxBytes,
  };
  const connection = keepConnection((life) => openJetStream(server, topology, life, load));
  const timeoutMs = config.timeoutSeconds * 1000;
  let warned = false;

  return {
    kind: 'nats',
    concurrency: config.concurrency,
    retryScheduleMs: brokerScheduleMs,
    timeoutMs: brokerTimeoutMs(config.timeoutSeconds),

    send({ id, type, body }, { signal, log }) {
      const message = { id, subject: forType(subject, type), headers, body };
      return connection.use(
        (link) => {
          if (link.doubt !== undefined && !warned)
            log.warn({ doubt: link.doubt }, 'events may be lost in NATS');
          warned = true;
          return link.publish(message);
        },
        timeoutMs,
        signal,
      );
    },

    async probe({ signal }) {
      try {
        const doubt = await connection.use(async (link) => link.doubt, timeoutMs, signal);
        const there = 'The server lets us in, and the stream is there';
        return { ok: true, detail: doubt === undefined ? `${there}.` : `${there}; but ${doubt}.` };
      } catch (error) {
        return { ok: false, detail: error instanceof Error ? error.message : 'the server does not answer' };
      }
    },

    close: () => connection.close(),
  };
}

/** `host`, `host:port` or `[address]:port`. */
function addressOf(server: string): NatsAddress | undefined {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^\s:/@]+))(?::(\d{1,5}))?$/.exec(server) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || (bracketed !== undefined && isIP(bracketed) !== 6)) return undefined;
  return { host, port: port === undefined ? defaultPort : Number(port) };
}

function loginOf({ user, password, token }: NatsConfig): NatsServer['login'] {
  const invalid = (pointer: string, message: string) =>
    new ConfigError('config_invalid', `${pointer.slice(1)}: ${message}`, { errors: [{ pointer, message }] });
  if ((user === undefined) !== (password === undefined)) {
    throw invalid('/password', 'user and password go together');
  }
  if (user !== undefined && token !== undefined)
    throw invalid('/token', 'expected a token or a login, found both');
  if (token !== undefined) return { token };
  return user !== undefined && password !== undefined ? { user, password } : undefined;
}

/** What a declared stream takes: types have several words, so they are everything from their place on. */
function wildcardOf(subject: string): string {
  const at = subject.indexOf('{type}');
  return at < 0 ? subject : `${subject.slice(0, at)}>`;
}
