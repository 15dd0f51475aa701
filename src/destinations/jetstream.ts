import { connect as dial, isIPv6 } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { ConfigError, KapiError, RejectedError, TransientError } from '@kapi/contract';
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import type { Life, Open } from './kept-connection.ts';
import { doubtOf, readMonitor } from './nats-durability.ts';

export interface NatsAddress {
  readonly host: string;
  readonly port: number;
}

export interface NatsServer {
  /** Tried in this order. */
  readonly addresses: readonly NatsAddress[];
  readonly security: 'tls' | 'plain';
  readonly ca: string | undefined;
  readonly login:
    | { readonly user: string; readonly password: string }
    | { readonly token: string }
    | undefined;
  readonly heartbeatSeconds: number;
  readonly monitorUrls: readonly string[];
  /** Refuses a server that may lose what it has acknowledged. */
  readonly durable: boolean;
}

export interface StreamTopology {
  /** `declare`: made where it is missing; `check`: must be there. */
  readonly mode: 'declare' | 'check';
  readonly stream: string;
  /** Of the declared stream. */
  readonly subjects: readonly string[];
  readonly replicas: number;
  readonly maxBytes: number | undefined;
}

export interface JetStreamMessage {
  readonly id: string;
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface JetStreamLink extends Open {
  /** Why the server may lose what it acknowledges. */
  readonly doubt: string | undefined;
  /**
   * Resolves when the stream has acknowledged the message, or had it already.
   * @throws TransientError, RejectedError `destination_rejected` where it is larger than server or stream take
   */
  publish(message: JetStreamMessage): Promise<void>;
}

export interface NatsLibrary {
  readonly transport: Pick<typeof import('@nats-io/transport-node'), 'connect' | 'headers'>;
  readonly jetstream: Pick<typeof import('@nats-io/jetstream'), 'jetstream' | 'jetstreamManager'>;
}
export type LoadNats = () => Promise<NatsLibrary>;

const loadInstalled: LoadNats = async () => ({
  transport: await import('@nats-io/transport-node'),
  jetstream: await import('@nats-io/jetstream'),
});

/** Longest wait for one server to greet, and to let us in. */
const greetingMs = 5_000;
/** The destination's own clock ends first; this one only clears up. */
const libraryMs = 120_000;

/** @throws ConfigError `missing_dependency`; TransientError where server, login or stream are not right */
export async function openJetStream(
  server: NatsServer,
  topology: StreamTopology,
  life: Life,
  load: LoadNats = loadInstalled,
): Promise<JetStreamLink> {
  const library = await load().catch(() => {
    const packages = ['@nats-io/transport-node', '@nats-io/jetstream'];
    const named = packages.map((name) => `«${name}»`).join(' and ');
    throw new ConfigError(
      'missing_dependency',
      `nats sends through ${named}: npm install ${packages.join(' ')}`,
    );
  });
  try {
    const connection = await connectTo(library, server, life);
    const { version = '', server_id: serverId = '' } = connection.info ?? {};
    const monitors = await Promise.all(server.monitorUrls.map((url) => readMonitor(url, life.signal)));
    const doubt = doubtOf({ version, serverId, monitors });
    if (server.durable && doubt !== undefined) throw unavailable(`durable: ${doubt}`);
    const manager = await library.jetstream.jetstreamManager(connection, { checkAPI: false });
    await (topology.mode === 'declare' ? declare(manager, topology) : check(manager, topology));
    return toLink(library, connection, topology, doubt, life);
  } catch (error) {
    throw life.signal.aborted ? life.signal.reason : toNatsFailure(error, topology.stream);
  }
}

async function connectTo(
  { transport }: NatsLibrary,
  server: NatsServer,
  life: Life,
): Promise<NatsConnection> {
  const { host, port } = await firstThatGreets(server.addresses, life.signal);
  const secure = {
    // The library would compare the certificate of an address without a name with «localhost».
    checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
      checkServerIdentity(host, certificate),
    ...(server.ca !== undefined && { ca: server.ca }),
  };
  const { login } = server;
  const options: ConnectionOptions = {
    servers: [`${isIPv6(host) ? `[${host}]` : host}:${port}`],
    tls: server.security === 'tls' ? secure : null,
    name: 'kapi',
    timeout: greetingMs,
    reconnect: false,
    ignoreClusterUpdates: true,
    pingInterval: server.heartbeatSeconds * 1000,
    maxPingOut: 2,
    ...(login && ('token' in login ? { token: login.token } : { user: login.user, pass: login.password })),
  };
  const connection = await transport.connect(options);
  const leave = () => void connection.close().catch(() => undefined);
  life.signal.addEventListener('abort', leave);
  if (life.signal.aborted) leave();
  void connection.closed().then((error) => life.abort(toNatsFailure(error, '')));
  return connection;
}

/**
 * The library leaves a socket behind for every server that takes a connection and then says nothing, so
 * each is first asked for its greeting on a socket of ours.
 */
async function firstThatGreets(addresses: readonly NatsAddress[], signal: AbortSignal): Promise<NatsAddress> {
  let failure: unknown;
  for (const address of addresses) {
    try {
      await greet(address, signal);
      return address;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function greet({ host, port }: NatsAddress, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = dial({ host, port, signal });
    const timer = setTimeout(() => socket.destroy(unavailable('the server does not greet')), greetingMs);
    socket.once('data', (piece: Buffer) => {
      socket.destroy();
      if (piece.toString('latin1').startsWith('INFO ')) resolve();
      else reject(unavailable('what answers there is no NATS server'));
    });
    socket.once('error', reject);
    socket.once('close', () => {
      clearTimeout(timer);
      reject(unavailable('the server hung up'));
    });
  });
}

/** Each event is kept on disk until one reader has acknowledged it; a full stream refuses rather than drops. */
async function declare(manager: JetStreamManager, topology: StreamTopology): Promise<void> {
  const { stream, subjects, replicas, maxBytes } = topology;
  await manager.streams.add({
    name: stream,
    subjects: [...subjects],
    storage: 'file',
    retention: 'workqueue',
    discard: 'new',
    num_replicas: replicas,
    ...(maxBytes !== undefined && { max_bytes: maxBytes }),
  });
}

async function check(manager: JetStreamManager, { stream }: StreamTopology): Promise<void> {
  const { config } = await manager.streams.info(stream);
  const flaw = flawOf(config);
  if (flaw !== undefined) throw unavailable(`stream «${stream}» ${flaw}`);
}

function flawOf(config: StreamConfig): string | undefined {
  if (config.storage !== 'file') return 'is kept in memory, expected storage: file';
  if (config.discard !== 'new') return 'drops its oldest messages when it is full, expected discard: new';
  if (config.no_ack) return 'acknowledges nothing, expected no_ack: false';
  if (config.sealed) return 'is sealed';
  return undefined;
}

function toLink(
  library: NatsLibrary,
  connection: NatsConnection,
  { stream }: StreamTopology,
  doubt: string | undefined,
  life: Life,
): JetStreamLink {
  const client = library.jetstream.jetstream(connection, { timeout: libraryMs });
  return {
    doubt,
    async publish({ id, subject, headers, body }) {
      const all = library.transport.headers();
      all.set('Content-Type', 'application/cloudevents+json; charset=utf-8');
      for (const [name, value] of Object.entries(headers)) all.set(name, value);
      const options = { msgID: id, expect: { streamName: stream }, headers: all, timeout: libraryMs };
      try {
        await client.publish(subject, body, options);
      } catch (error) {
        throw life.signal.aborted ? life.signal.reason : toNatsFailure(error, stream);
      }
    },
    leave: () => connection.close(),
  };
}

const unavailable = (detail: string) => new TransientError('destination_unavailable', detail);

/** Codes of the JetStream API (nats-server, server/errors.json). */
const apiFailures: Readonly<Record<number, (stream: string) => string>> = {
  10023: () => 'the server has no room for it',
  10047: () => 'the server has no room for the stream',
  10058: (stream) => `stream «${stream}» exists with other settings than declared`,
  10059: (stream) => `the server has no stream «${stream}»`,
  10060: (stream) => `another stream than «${stream}» takes the subject`,
  10065: () => 'another stream has the subjects of the one to be declared',
  10074: () => 'the server is no cluster, expected replicas: 1',
  10077: (stream) => `stream «${stream}» refused the event: it is full`,
};
const messageTooLarge = 10054;

/** By code alone: texts of server and library may quote what we sent. */
export function toNatsFailure(error: unknown, stream: string): KapiError {
  if (error instanceof KapiError) return error;
  if (!(error instanceof Error)) return unavailable('the connection ended');
  const code = 'code' in error ? error.code : undefined;
  if (code === messageTooLarge) {
    return new RejectedError('destination_rejected', `the event is larger than stream «${stream}» takes`);
  }
  if (typeof code === 'number')
    return unavailable(apiFailures[code]?.(stream) ?? `the server answered with error ${code}`);
  if (typeof code === 'string') return unavailable(`the connection failed: ${code}`);
  if (error.name === 'InvalidArgumentError' && error.message.includes('max_payload')) {
    return new RejectedError('destination_rejected', 'the event is larger than the server takes');
  }
  if (error.message.includes("does not support 'tls'")) return unavailable('the server speaks no TLS');
  const cause = error.cause instanceof Error ? error.cause.name : '';
  return unavailable(said[error.name] ?? said[cause] ?? 'the connection ended');
}

/** What the library's errors mean, by their names. */
const said: Readonly<Record<string, string>> = {
  AuthorizationError: 'the server refused the login',
  UserAuthenticationExpiredError: 'the login has expired',
  PermissionViolationError: 'the server refuses access to the subject or to the JetStream API',
  JetStreamNotEnabled: 'no stream takes the subject, or JetStream is off',
  TimeoutError: 'the server did not answer in time',
};
