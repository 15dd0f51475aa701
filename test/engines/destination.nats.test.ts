import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { codeOf, type Destination, kindOfError } from '@kapi/contract';
import { type Counterpart, type CounterpartMode, testDestination, testEvent } from '@kapi/contract/testing';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type Msg } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LoadNats } from '../../src/destinations/jetstream.ts';
import { createNats, natsConfig } from '../../src/destinations/nats.ts';
import { doubtOf, type NatsPromise } from '../../src/destinations/nats-durability.ts';
import { missingBroker, natsPort } from '../support/brokers.ts';
import { missingNats, type Nats, startNats } from '../support/nats.ts';
import { type Fate, type Judge, passAll, startWire } from '../support/wire.ts';

const missing = (await missingBroker('NATS', natsPort)) ?? missingNats();

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../src/destinations/fixtures/${name}`, import.meta.url));
const certificateFiles = { key: fixture('loopback.key'), cert: fixture('loopback.crt') };
const certificate = readFileSync(certificateFiles.cert, 'utf8');
const tlsLines = `tls { cert_file: "${certificateFiles.cert}", key_file: "${certificateFiles.key}" }`;

const warnings: unknown[] = [];
const quiet = {
  signal: new AbortController().signal,
  log: {
    debug: () => undefined,
    info: () => undefined,
    warn: (fields: unknown, message: string) => void warnings.push([fields, message]),
    error: () => undefined,
  },
  http: () => Promise.reject(new Error('unused')),
};
const attempt = (destination: Destination, event = testEvent(1, 1)): Promise<unknown> =>
  destination.send(event, quiet).then(
    () => undefined,
    (error: unknown) => error,
  );

/** What an event's publication, and its acknowledgement, look like on the wire. */
const atPublish =
  (fate: (at: number) => Fate): Judge =>
  (piece, direction) => {
    const at = piece.indexOf('Nats-Msg-Id');
    return direction === 'up' && at >= 0 ? fate(at) : 'pass';
  };
const atAck =
  (fate: Fate): Judge =>
  (piece, direction) =>
    direction === 'down' && piece.includes('"seq":') ? fate : 'pass';
/** In the middle of the first event's bytes. */
const cutInPublish = atPublish((at) => ({ first: at + 250 }));

/** Ids that a stream holds, oldest first. */
async function idsIn(manager: JetStreamManager, stream: string): Promise<string[]> {
  const { state } = await manager.streams.info(stream);
  const ids: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
    const message = await manager.streams.getMessage(stream, { seq }).catch(() => null);
    if (message) ids.push(message.header.get('Nats-Msg-Id'));
  }
  return ids;
}

/** A stream of our own on the server, and a wire to it. */
async function openServer(serverPort = natsPort) {
  const connection = await connect({ servers: `127.0.0.1:${serverPort}`, tls: null });
  const manager = await jetstreamManager(connection);
  const stream = `KAPI-${randomUUID()}`;
  const subject = `kapi.test.${randomUUID()}`;
  const wire = await startWire(serverPort);
  const create = (more: Record<string, unknown> = {}, load?: LoadNats) =>
    createNats(
      natsConfig.parse({
        servers: [`127.0.0.1:${wire.port}`],
        security: 'plain',
        durable: false,
        stream,
        subject,
        timeoutSeconds: 10,
        ...more,
      }),
      load,
    );
  let closed = false;
  return {
    connection,
    manager,
    stream,
    subject,
    wire,
    create,
    ids: () => idsIn(manager, stream),
    async close() {
      if (closed) return;
      closed = true;
      await wire.close();
      await manager.streams.delete(stream).catch(() => undefined);
      await connection.close();
    },
  };
}

let tlsServer: Nats | undefined;
const password = 'a password nobody may read';

/** The real server behind a wire; of a mode that the server has no word for, the wire is at fault. */
async function startCounterpart(): Promise<Counterpart> {
  const server = await openServer();
  const { connection, manager, stream, subject, wire } = server;
  tlsServer ??= await startNats(tlsLines);
  const tlsWire = await startWire(tlsServer.port);
  const settings = { subjects: [subject], max_msg_size: -1 };
  await manager.streams.add({ name: stream, storage: 'file', discard: 'new', ...settings });
  const seen: Counterpart['seen'][number][] = [];
  let current: CounterpartMode = 'ok';
  const takes: readonly CounterpartMode[] = ['ok', 'slow', 'taken-then-reset'];
  // A plain subscriber hears every publication, also those that the stream does not take.
  connection.subscribe(subject, {
    callback: (_error: unknown, { headers, data }: Msg) => {
      seen.push({ id: headers?.get('Nats-Msg-Id') ?? '', body: data, taken: takes.includes(current) });
    },
  });
  const settled = () => connection.flush();
  await settled();
  const judges: Partial<Record<CounterpartMode, Judge>> = {
    hanging: atPublish(() => 'swallow'),
    reset: cutInPublish,
    'taken-then-reset': atAck({ first: 0 }),
    slow: atAck({ afterMs: 100 }),
  };
  return {
    create: (link, timeoutMs) =>
      server.create({
        topology: 'check',
        timeoutSeconds: timeoutMs / 1000,
        user: 'kapi',
        password,
        ...(link === 'untrusted' && { security: 'tls', servers: [`127.0.0.1:${tlsWire.port}`] }),
      }),
    async mode(mode) {
      await settled();
      current = mode;
      wire.judge(judges[mode] ?? passAll);
      if (mode === 'failing')
        await manager.streams.update(stream, { ...settings, subjects: [`${subject}.other`] });
      else
        await manager.streams.update(stream, {
          ...settings,
          ...(mode === 'refusing' && { max_msg_size: 10 }),
        });
    },
    seen,
    settled,
    secrets: [password],
    openConnections: () => wire.open() + tlsWire.open(),
    async close() {
      await tlsWire.close();
      if (connection.isClosed()) return;
      await settled();
      const taken = new Set(seen.filter((each) => each.taken).map(({ id }) => id));
      const held = await server.ids();
      await server.close();
      expect(held.toSorted(), 'what was said to be taken, once each').toEqual([...taken].toSorted());
    },
  };
}

describe.skipIf(missing !== undefined)(`against NATS${missing === undefined ? '' : `: ${missing}`}`, () => {
  afterAll(() => tlsServer?.stop());

  testDestination('nats', {
    modes: {
      ok: true,
      failing: true,
      hanging: true,
      reset: true,
      'taken-then-reset': true,
      slow: true,
      // The protocol has no such answers.
      gone: false,
      throttled: false,
      refusing: true,
    },
    timeoutMs: 3_000,
    start: startCounterpart,
  });

  describe('nats', () => {
    let server: Awaited<ReturnType<typeof openServer>>;
    const opened: Destination[] = [];
    const open = (more: Record<string, unknown> = {}, load?: LoadNats): Destination => {
      const made = server.create(more, load);
      opened.push(made);
      return made;
    };
    beforeEach(async () => {
      server = await openServer();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((made) => made.close?.()));
      await server.close();
    });

    it('publishes the CloudEvent under the id of the event', async () => {
      const event = testEvent(1, 1);
      await open({ subject: `${server.subject}.{type}`, headers: { 'x-town': 'bursa' } }).send(event, quiet);
      const message = await server.manager.streams.getMessage(server.stream, { seq: 1 });
      expect(Buffer.from(message?.data ?? []).equals(event.body)).toBe(true);
      expect(message?.subject).toBe(`${server.subject}.${event.type}`);
      const headers = ['Nats-Msg-Id', 'Content-Type', 'x-town'].map((name) => message?.header.get(name));
      expect(headers).toEqual([event.id, 'application/cloudevents+json; charset=utf-8', 'bursa']);
    });

    it('declares a stream on disk that refuses rather than drops', async () => {
      await open({ streamMaxBytes: 1_000_000 }).send(testEvent(1, 1), quiet);
      const { config } = await server.manager.streams.info(server.stream);
      expect(config).toMatchObject({
        subjects: [server.subject],
        storage: 'file',
        discard: 'new',
        retention: 'workqueue',
        num_replicas: 1,
        max_bytes: 1_000_000,
      });
      expect(await attempt(open({ streamMaxBytes: 2_000_000 }))).toMatchObject({
        code: 'destination_unavailable',
        message: `stream «${server.stream}» exists with other settings than declared`,
      });
    });

    const flaws: readonly [settings: object, message: RegExp][] = [
      [{ storage: 'memory', discard: 'new' }, /is kept in memory, expected storage: file$/],
      [
        { storage: 'file', discard: 'old' },
        /drops its oldest messages when it is full, expected discard: new$/,
      ],
      [{ storage: 'file', discard: 'new', no_ack: true }, /acknowledges nothing, expected no_ack: false$/],
    ];
    it.each(flaws)('refuses a stream made with %j', async (settings, message) => {
      await server.manager.streams.add({ name: server.stream, subjects: [server.subject], ...settings });
      const made = open({ topology: 'check' });
      const expected = { code: 'destination_unavailable', message: expect.stringMatching(message) };
      expect(await attempt(made)).toMatchObject(expected);
      expect(await made.probe?.(quiet)).toEqual({ ok: false, detail: expect.stringMatching(message) });
      expect(await server.ids()).toEqual([]);
    });

    it('does not count an event as delivered that no stream, or another one, took', async () => {
      const made = open();
      await made.send(testEvent(1, 1), quiet);
      const subjects = [server.subject];
      await server.manager.streams.update(server.stream, { subjects: [`${server.subject}.other`] });
      expect(await attempt(made, testEvent(1, 2))).toMatchObject({
        code: 'destination_unavailable',
        message: 'no stream takes the subject, or JetStream is off',
      });
      const other = `${server.stream}-other`;
      await server.manager.streams.add({ name: other, subjects });
      expect(await attempt(made, testEvent(1, 2))).toMatchObject({
        code: 'destination_unavailable',
        message: `another stream than «${server.stream}» takes the subject`,
      });
      expect(await idsIn(server.manager, other)).toEqual([]);
      await server.manager.streams.delete(other);
      await server.manager.streams.update(server.stream, { subjects });
      expect(await attempt(made, testEvent(1, 2))).toBeUndefined();
      expect(await server.ids()).toEqual([testEvent(1, 1).id, testEvent(1, 2).id]);
    });

    it('would count it if it did not name the stream it expects', async () => {
      const planted: LoadNats = async () => {
        const transport = await import('@nats-io/transport-node');
        const library = await import('@nats-io/jetstream');
        return {
          transport,
          jetstream: {
            ...library,
            jetstream: (connection, options) => {
              const client = library.jetstream(connection, options);
              const publish = client.publish.bind(client);
              client.publish = (subject, payload, { expect: _expect, ...more } = {}) =>
                publish(subject, payload, more);
              return client;
            },
          },
        };
      };
      const made = open({}, planted);
      await made.send(testEvent(1, 1), quiet);
      await server.manager.streams.update(server.stream, { subjects: [`${server.subject}.other`] });
      const other = `${server.stream}-other`;
      await server.manager.streams.add({ name: other, subjects: [server.subject] });
      expect(await attempt(made, testEvent(1, 2)), 'told as delivered').toBeUndefined();
      expect(await server.ids(), 'and not there').toEqual([testEvent(1, 1).id]);
      await server.manager.streams.delete(other);
    });

    it('keeps what a full stream refuses, and sends it once there is room', async () => {
      const size = testEvent(1, 1).body.byteLength;
      const made = open({ streamMaxBytes: size * 4 });
      const events = Array.from({ length: 10 }, (_, n) => testEvent(n + 1, 1));
      const read: string[] = [];
      let waiting = events;
      let refusals = 0;
      while (waiting.length > 0) {
        const left: typeof events = [];
        for (const event of waiting) {
          const error = await attempt(made, event);
          if (error === undefined) continue;
          expect(error).toMatchObject({
            code: 'destination_unavailable',
            message: `stream «${server.stream}» refused the event: it is full`,
          });
          refusals += 1;
          left.push(event);
        }
        waiting = left;
        read.push(...(await server.ids()));
        await server.manager.streams.purge(server.stream);
      }
      expect(refusals).toBeGreaterThan(0);
      expect(read).toEqual(events.map(({ id }) => id));
    });

    it('sends again under the same id what was cut in the middle, and the stream keeps it once', async () => {
      const made = open();
      const event = testEvent(1, 1);
      // Cut within the event's bytes, then with the acknowledgement on its way.
      for (const judge of [cutInPublish, atAck({ first: 0 })]) {
        server.wire.judge(passAll);
        await made.send(testEvent(judge === cutInPublish ? 8 : 9, 1), quiet);
        server.wire.judge(judge);
        expect(codeOf(await attempt(made, event))).toBe('destination_unavailable');
      }
      server.wire.judge(passAll);
      expect(await attempt(made, event)).toBeUndefined();
      expect(await server.ids()).toEqual([testEvent(8, 1).id, testEvent(9, 1).id, event.id]);
    });

    it('that is cut at any moment of opening fails as transient, and leaves no connection', async () => {
      await open().send(testEvent(99, 1), quiet);
      let tries = 0;
      for (let at = 1; ; at++) {
        let pieces = 0;
        server.wire.judge(() => {
          pieces += 1;
          return pieces === at ? { first: 0 } : 'pass';
        });
        const made = open();
        const error = await attempt(made);
        await made.close?.();
        if (pieces < at) break;
        tries += 1;
        if (error !== undefined) expect(codeOf(error)).toBe('destination_unavailable');
      }
      expect(tries).toBeGreaterThan(5);
      await Promise.all(opened.map((made) => made.close?.()));
      await vi.waitFor(() => expect(server.wire.open()).toBe(0));
    });

    it('opens one connection for all sends, and another once that is cut', async () => {
      const made = open();
      const send = (from: number) =>
        Promise.all(Array.from({ length: 8 }, (_, n) => made.send(testEvent(from + n, 1), quiet)));
      await send(1);
      // The greeting is asked for on a socket of its own.
      expect(server.wire.opened()).toBe(2);
      server.wire.cut();
      await vi.waitFor(() => expect(server.wire.open()).toBe(0));
      await send(11);
      expect(server.wire.opened()).toBe(4);
      expect(new Set(await server.ids()).size).toBe(16);
    });

    it('gives a silent connection up after two heartbeats', async () => {
      const made = open({ heartbeatSeconds: 1 });
      await made.send(testEvent(1, 1), quiet);
      server.wire.judge(() => 'swallow');
      await vi.waitFor(() => expect(server.wire.open()).toBe(0), { timeout: 15_000 });
      server.wire.judge(passAll);
      expect(await attempt(made, testEvent(1, 2))).toBeUndefined();
    });

    it('leaves no connection behind to a server that says nothing', async () => {
      server.wire.judge(() => 'swallow');
      const made = open({ timeoutSeconds: 0.2 });
      for (const n of [1, 2, 3])
        expect(codeOf(await attempt(made, testEvent(n, 1)))).toBe('destination_unavailable');
      expect(server.wire.opened()).toBe(3);
      await vi.waitFor(() => expect(server.wire.open()).toBe(0));
    });

    it('goes to the next server where the first is away', async () => {
      const made = open({ servers: ['127.0.0.1:9', `127.0.0.1:${server.wire.port}`] });
      expect(await attempt(made)).toBeUndefined();
    });

    it('gives an event up that is larger than the server takes, and only that one', async () => {
      const made = open();
      const most = server.connection.info?.max_payload ?? 0;
      const large = { ...testEvent(9, 1), body: Buffer.alloc(most, 0x20) };
      const errors = await Promise.all([attempt(made, large), attempt(made, testEvent(1, 1))]);
      expect(errors).toEqual([expect.objectContaining({ code: 'destination_rejected' }), undefined]);
      expect(await server.ids()).toEqual([testEvent(1, 1).id]);
    });

    const setups: readonly [wrong: string, settings: Record<string, unknown>, message: RegExp][] = [
      ['stream', { topology: 'check', stream: 'NOT-THERE' }, /^the server has no stream «NOT-THERE»$/],
      ['port', { servers: ['127.0.0.1:9'] }, /^the connection failed: ECONNREFUSED$/],
      ['security', { security: 'tls' }, /^the server speaks no TLS$/],
      ['number of replicas', { streamReplicas: 3 }, /^the server is no cluster, expected replicas: 1$/],
    ];
    it.each(setups)(
      'says in a sentence that the %s is wrong, and tries again',
      async (_wrong, settings, message) => {
        const made = open(settings);
        const expected = { code: 'destination_unavailable', message: expect.stringMatching(message) };
        expect(await attempt(made)).toMatchObject(expected);
        expect(await made.probe?.(quiet)).toMatchObject({
          ok: false,
          detail: expect.stringMatching(message),
        });
      },
    );

    it('warns once of a server that may lose what it acknowledged, and refuses it where events must be durable', async () => {
      const version = server.connection.info?.version;
      const doubt = `NATS ${version} may lose acknowledged messages, 2.12.3 is the first that need not`;
      warnings.length = 0;
      const made = open();
      for (const n of [1, 2]) await made.send(testEvent(n, 1), quiet);
      expect(warnings).toEqual([[{ doubt }, 'events may be lost in NATS']]);
      expect(await made.probe?.(quiet)).toEqual({ ok: true, detail: expect.stringContaining(doubt) });
      const durable = open({ durable: true });
      expect(await attempt(durable, testEvent(3, 1))).toMatchObject({
        code: 'destination_unavailable',
        message: `durable: ${doubt}`,
      });
      expect(await durable.probe?.(quiet)).toEqual({ ok: false, detail: `durable: ${doubt}` });
      expect(await server.ids()).toEqual([testEvent(1, 1).id, testEvent(2, 1).id]);
    });

    it('takes a durable one whose servers all show that they sync always', async () => {
      // No server of that version can be had here: the wire changes what this one says of itself.
      const as: Judge = (piece, direction) => {
        const text = piece.toString('latin1');
        return direction === 'down' && text.startsWith('INFO ')
          ? { instead: Buffer.from(text.replace(/"version":"[^"]+"/, '"version":"2.14.7"'), 'latin1') }
          : 'pass';
      };
      server.wire.judge(as);
      const shown = { server_id: server.connection.info?.server_id, syncs: true };
      const monitor = createServer((_request, response) => {
        const { server_id, syncs } = shown;
        response.end(JSON.stringify({ server_id, jetstream: { config: { sync_always: syncs } } }));
      });
      await new Promise<void>((resolve) => monitor.listen(0, '127.0.0.1', resolve));
      const monitorUrls = [`http://127.0.0.1:${(monitor.address() as AddressInfo).port}`];
      try {
        expect(await attempt(open({ durable: true, monitorUrls }))).toBeUndefined();
        shown.syncs = false;
        expect(await attempt(open({ durable: true, monitorUrls }), testEvent(1, 2))).toMatchObject({
          message: 'durable: a server acknowledges before it syncs, «sync_interval: always» is not set',
        });
      } finally {
        monitor.close();
      }
    });
  });

  describe('a NATS server of our own', () => {
    let own: Nats | undefined;
    const opened: Destination[] = [];
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((made) => made.close?.()));
      await own?.stop();
      own = undefined;
    });
    const start = async (lines = '') => {
      own = await startNats(lines);
      return own;
    };
    const open = (more: Record<string, unknown>): Destination => {
      const settings = {
        servers: [`127.0.0.1:${own?.port}`],
        durable: false,
        stream: 'KAPI',
        timeoutSeconds: 10,
      };
      const made = createNats(natsConfig.parse({ ...settings, ...more }));
      opened.push(made);
      return made;
    };

    it('over TLS trusts the certificate authority of the configuration, and no other', async () => {
      await start(tlsLines);
      expect(await attempt(open({ ca: certificate }))).toBeUndefined();
      expect(await attempt(open({}), testEvent(1, 2))).toMatchObject({
        code: 'destination_unavailable',
        message: 'the connection failed: DEPTH_ZERO_SELF_SIGNED_CERT',
      });
    });

    it('over TLS refuses the certificate of another host, also where the server is named by its address', async () => {
      const [key, cert] = [fixture('localhost.key'), fixture('localhost.crt')];
      await start(`tls { cert_file: "${cert}", key_file: "${key}" }`);
      const ca = readFileSync(cert, 'utf8');
      const message = 'the connection failed: ERR_TLS_CERT_ALTNAME_INVALID';
      expect(await attempt(open({ ca }))).toMatchObject({ code: 'destination_unavailable', message });
      expect(await attempt(open({ ca, servers: [`localhost:${own?.port}`] }))).toBeUndefined();
    });

    const logins: readonly [lines: string, right: Record<string, unknown>, wrong: Record<string, unknown>][] =
      [
        [
          `authorization { user: kapi, password: "${password}" }`,
          { user: 'kapi', password },
          { user: 'kapi', password: 'x' },
        ],
        [`authorization { token: "${password}" }`, { token: password }, {}],
      ];
    it.each(logins)('with %s is let in by the right login alone', async (lines, right, wrong) => {
      await start(lines);
      expect(await attempt(open({ security: 'plain', ...right }))).toBeUndefined();
      const error = await attempt(open({ security: 'plain', ...wrong }), testEvent(1, 2));
      expect(error).toMatchObject({
        code: 'destination_unavailable',
        message: 'the server refused the login',
      });
    });

    it('says where the login may not publish: the set-up is at fault, not the event', async () => {
      await start(`authorization { users: [
        { user: kapi, password: "${password}", permissions: { publish: "$JS.API.>", subscribe: ">" } } ] }`);
      expect(await attempt(open({ security: 'plain', user: 'kapi', password }))).toMatchObject({
        code: 'destination_unavailable',
        message: 'the server refuses access to the subject or to the JetStream API',
      });
    });

    it('is killed and comes back: what was not acknowledged is sent again, and nothing twice', async () => {
      const { kill, start: again, port } = await start();
      const made = open({ security: 'plain' });
      const events = Array.from({ length: 400 }, (_, n) => testEvent(n + 1, 1));
      const acknowledged: string[] = [];
      const left: typeof events = [];
      const killAt = 150;
      let killed: Promise<void> | undefined;
      const lane = async (mine: typeof events) => {
        for (const event of mine) {
          if ((await attempt(made, event)) === undefined) acknowledged.push(event.id);
          else left.push(event);
          if (acknowledged.length >= killAt) killed ??= kill();
        }
      };
      await Promise.all([0, 1, 2, 3].map((n) => lane(events.filter((_, at) => at % 4 === n))));
      await killed;
      expect(left.length).toBeGreaterThan(0);
      await again();
      for (const event of left)
        await vi.waitFor(async () => expect(await attempt(made, event)).toBeUndefined(), { timeout: 20_000 });
      const connection = await connect({ servers: `127.0.0.1:${port}`, tls: null });
      const held = await idsIn(await jetstreamManager(connection), 'KAPI');
      await connection.close();
      expect(held.toSorted()).toEqual(events.map(({ id }) => id).toSorted());
    });
  });
});

describe('nats', () => {
  const settings = { servers: ['nats.example'], stream: 'KAPI' };

  it('says what to install where its packages are missing', async () => {
    const load: LoadNats = () => Promise.reject(new Error('Cannot find package'));
    const made = createNats(natsConfig.parse(settings), load);
    expect(codeOf(await attempt(made))).toBe('missing_dependency');
    const probed = await made.probe?.(quiet);
    expect(probed).toEqual({
      ok: false,
      detail: expect.stringContaining('npm install @nats-io/transport-node'),
    });
  });

  const configurations: readonly [more: Record<string, unknown>, accepted: boolean][] = [
    [{}, true],
    [{ servers: ['127.0.0.1', '[::1]:4223', 'localhost'], security: 'plain' }, true],
    [{ servers: ['127.0.0.1', 'nats.example'], security: 'plain' }, false],
    [{ security: 'plain', allowPlain: true }, true],
    [{ user: 'kapi', password: 'x' }, true],
    [{ user: 'kapi' }, false],
    [{ password: 'x' }, false],
    [{ token: 'x' }, true],
    [{ token: 'x', user: 'kapi', password: 'x' }, false],
  ];
  it.each(configurations)('with %j: accepted %s', (more, accepted) => {
    const create = () => createNats(natsConfig.parse({ ...settings, ...more }));
    if (accepted) expect(create).not.toThrow();
    else expect(create).toThrow(expect.toSatisfy((error) => kindOfError(error) === 'config'));
  });

  const wrong: readonly Record<string, unknown>[] = [
    { servers: [] },
    { servers: ['nats://nats.example'] },
    { servers: ['kapi:secret@nats.example'] },
    { stream: 'a.b' },
    { subject: 'kapi.>' },
    { subject: 'kapi.*' },
    { subject: '{type}' },
    { subject: 'kapi{type}' },
    { headers: { 'Nats-Msg-Id': 'x' } },
  ];
  it.each(wrong)('refuses %j', (more) => {
    expect(natsConfig.safeParse({ ...settings, ...more }).success).toBe(false);
  });

  const sound: NatsPromise = {
    version: '2.14.7',
    serverId: 'A',
    monitors: [
      { serverId: 'A', syncAlways: true },
      { serverId: 'B', syncAlways: true },
    ],
  };
  const doubts: readonly [NatsPromise, RegExp | undefined][] = [
    [sound, undefined],
    [{ ...sound, version: '2.12.3' }, undefined],
    [{ ...sound, version: '3.0.0-rc.1' }, undefined],
    [{ ...sound, version: '2.12.2' }, /^NATS 2\.12\.2 may lose/],
    [{ ...sound, version: '2.9.10' }, /^NATS 2\.9\.10 may lose/],
    [{ ...sound, version: '1.99.99' }, /may lose/],
    [{ ...sound, version: '' }, /may lose/],
    [{ ...sound, monitors: [] }, /not known without monitorUrls/],
    [{ ...sound, monitors: [...sound.monitors, undefined] }, /did not answer/],
    [{ ...sound, serverId: 'C' }, /not among those/],
    [{ ...sound, monitors: [...sound.monitors, { serverId: 'C', syncAlways: false }] }, /before it syncs/],
  ];
  it.each(doubts)('of %j doubts %s', (promise, doubt) => {
    if (doubt) expect(doubtOf(promise)).toMatch(doubt);
    else expect(doubtOf(promise)).toBeUndefined();
  });
});
