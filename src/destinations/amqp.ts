import { ConfigError, type KapiError, RejectedError, TransientError } from '@kapi/contract';
import type { Channel, ChannelModel, ConfirmChannel, Options, SocketOptions } from 'amqplib';
import type { Life, Open } from './kept-connection.ts';

export interface AmqpServer {
  readonly host: string;
  readonly port: number;
  readonly security: 'tls' | 'plain';
  readonly ca: string | undefined;
  readonly vhost: string;
  readonly login: { readonly user: string; readonly password: string };
  readonly heartbeatSeconds: number;
}

export interface AmqpTopology {
  /** `declare`: made where it is missing; `check`: must be there. */
  readonly mode: 'declare' | 'check';
  readonly exchange: string;
  readonly queue: string;
  /** Of the declared queue; undefined: no limit. */
  readonly maxMessages: number | undefined;
  /** Of the declared queue: failed hand-overs to a reader before an event goes to `<queue>.dead`. */
  readonly deliveryLimit: number;
}

export interface AmqpMessage {
  readonly id: string;
  readonly type: string;
  readonly routingKey: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface AmqpLink extends Open {
  /**
   * Resolves when the broker has confirmed the message, and had a queue for it.
   * @throws TransientError, RejectedError `destination_rejected` where it is larger than the broker takes
   */
  publish(message: AmqpMessage): Promise<void>;
}

export type LoadAmqp = () => Promise<{
  readonly connect: (address: Options.Connect, socket: SocketOptions) => Promise<ChannelModel>;
}>;

const loadInstalled: LoadAmqp = () => import('amqplib');

/** @throws ConfigError `missing_dependency`; TransientError where broker, login or topology are not right */
export async function openAmqp(
  server: AmqpServer,
  topology: AmqpTopology,
  life: Life,
  load: LoadAmqp = loadInstalled,
): Promise<AmqpLink> {
  const library = await load().catch(() => {
    const message = 'rabbitmq sends through the package «amqplib»: npm install amqplib';
    throw new ConfigError('missing_dependency', message);
  });
  try {
    const model = await connectTo(library, server, topology, life);
    const channel = await model.createConfirmChannel();
    const link = toLink(model, channel, topology, life);
    await (topology.mode === 'declare' ? declare(channel, topology) : check(channel, topology));
    return link;
  } catch (error) {
    throw life.signal.aborted ? life.signal.reason : toAmqpFailure(error, topology);
  }
}

async function connectTo(
  library: Awaited<ReturnType<LoadAmqp>>,
  server: AmqpServer,
  topology: AmqpTopology,
  life: Life,
): Promise<ChannelModel> {
  const socket = {
    // Destroys the socket at whatever stage it is.
    signal: life.signal,
    noDelay: true,
    rejectUnauthorized: true,
    clientProperties: { connection_name: 'kapi' },
    ...(server.ca !== undefined && { ca: server.ca }),
  };
  const address = {
    protocol: server.security === 'tls' ? 'amqps' : 'amqp',
    hostname: server.host,
    port: server.port,
    vhost: encodeURIComponent(server.vhost),
    username: server.login.user,
    password: server.login.password,
    heartbeat: server.heartbeatSeconds,
  };
  const model = await library.connect(address, socket);
  // At once: an error that nobody listens to ends the process, and the channel is still to be opened.
  const over = (error?: Error) => life.abort(toAmqpFailure(error, topology));
  model.on('error', over);
  model.on('close', over);
  return model;
}

/** A durable topic exchange, all of whose events a quorum queue keeps; what readers cannot take goes to `<queue>.dead`. */
async function declare(channel: Channel, topology: AmqpTopology): Promise<void> {
  const { exchange, queue, maxMessages, deliveryLimit } = topology;
  const dead = `${queue}.dead`;
  await channel.assertExchange(exchange, 'topic', { durable: true });
  await channel.assertQueue(dead, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.assertQueue(queue, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      // Without these a full queue drops its oldest events, and a dead-lettered one may be lost on its way.
      'x-overflow': 'reject-publish',
      'x-dead-letter-strategy': 'at-least-once',
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': dead,
      'x-delivery-limit': deliveryLimit,
      ...(maxMessages !== undefined && { 'x-max-length': maxMessages }),
    },
  });
  await channel.bindQueue(queue, exchange, '#');
}

/** Existence is all that can be asked without the right to declare. */
async function check(channel: Channel, { exchange, queue }: AmqpTopology): Promise<void> {
  await channel.checkExchange(exchange);
  await channel.checkQueue(queue);
}

function toLink(model: ChannelModel, channel: ConfirmChannel, topology: AmqpTopology, life: Life): AmqpLink {
  const returned = new Set<string>();
  const waiting = new Set<(failure: KapiError) => void>();
  let blocked = false;
  let ended: Ended | undefined;
  const finish = (error?: unknown) => {
    const failure = life.signal.aborted ? life.signal.reason : toAmqpFailure(error, topology);
    ended ??= { failure, mostBytes: mostBytesOf(error) };
    life.abort(failure);
  };
  channel.on('error', finish);
  // Before the library tells the confirms.
  channel.prependListener('close', () => finish());
  model.on('blocked', () => {
    blocked = true;
    for (const fail of waiting) fail(outOfRoom());
  });
  model.on('unblocked', () => {
    blocked = false;
  });
  // Comes before the confirm of the same message.
  channel.on('return', ({ properties }) => returned.add(String(properties.messageId)));

  return {
    publish({ id, type, routingKey, headers, body }) {
      if (ended) return Promise.reject(ended.failure);
      if (blocked) return Promise.reject(outOfRoom());
      return new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          waiting.delete(fail);
          returned.delete(id);
          settle();
        };
        const fail = (failure: KapiError) => end(() => reject(failure));
        waiting.add(fail);
        const properties = {
          mandatory: true,
          persistent: true,
          messageId: id,
          type,
          appId: 'kapi',
          contentType: 'application/cloudevents+json; charset=utf-8',
          headers: { ...headers },
        };
        const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
        channel.publish(topology.exchange, routingKey, bytes, properties, (refused: unknown) => {
          if (ended && bytes.byteLength > ended.mostBytes) fail(tooLarge(ended.mostBytes));
          else if (ended) fail(ended.failure);
          else if (refused) fail(unavailable('the broker refused the event: its queue is full or not ready'));
          else if (returned.has(id)) fail(unavailable('the exchange has no queue for this event'));
          else end(resolve);
        });
      });
    },
    leave: () => model.close(),
  };
}

interface Ended {
  readonly failure: KapiError;
  /** Where the broker closed the channel because a message was larger than this. */
  readonly mostBytes: number;
}

/** RabbitMQ: «PRECONDITION_FAILED - message size 20 is larger than configured max size 10». */
function mostBytesOf(error: unknown): number {
  const text = codeIn(error) === 406 && error instanceof Error ? error.message : '';
  const most = /message size \d+ is larger than (?:configured )?max size (\d+)/.exec(text)?.[1];
  return most === undefined ? Number.POSITIVE_INFINITY : Number(most);
}

const codeIn = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

const unavailable = (detail: string) => new TransientError('destination_unavailable', detail);
const outOfRoom = () => unavailable('the broker takes nothing now: it is short of memory or disk');
const tooLarge = (mostBytes: number) =>
  new RejectedError(
    'destination_rejected',
    `the event is larger than the ${mostBytes} bytes the broker takes`,
  );

/**
 * By code alone: texts of broker and library may quote what we sent. All of these judge the set-up or the
 * moment, none the event.
 */
export function toAmqpFailure(error: unknown, { exchange, queue }: Pick<AmqpTopology, 'exchange' | 'queue'>) {
  const code = codeIn(error);
  const places = `exchange «${exchange}» or queue «${queue}»`;
  if (code === 403) return unavailable(`the broker refuses access to ${places} (403)`);
  if (code === 404) return unavailable(`the broker has no ${places} (404)`);
  if (code === 406)
    return unavailable(`the broker has ${places} with other settings, or refused the event (406)`);
  if (typeof code === 'number') return unavailable(`the broker ended the connection (${code})`);
  if (typeof code === 'string') return unavailable(`the connection failed: ${code}`);
  const text = error instanceof Error ? error.message : '';
  if (/^Handshake terminated by server: 403\b/.test(text)) return unavailable('the broker refused the login');
  if (/^Expected ConnectionOpenOk/.test(text)) return unavailable('the broker refused the virtual host');
  return unavailable('the connection ended');
}
