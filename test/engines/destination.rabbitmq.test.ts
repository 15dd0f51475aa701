import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { codeOf, type Destination, kindOfError } from '@kapi/contract';
import { type Counterpart, type CounterpartMode, testDestination, testEvent } from '@kapi/contract/testing';
import amqplib, { type Channel, type ChannelModel, type GetMessage } from 'amqplib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LoadAmqp } from '../../src/destinations/amqp.ts';
import { createRabbitmq, rabbitmqConfig } from '../../src/destinations/rabbitmq.ts';
import { missingBroker, rabbitmqPort } from '../support/brokers.ts';
import { missingRabbitmq, type Rabbitmq, startRabbitmq } from '../support/rabbitmq.ts';
import { type Fate, type Judge, passAll, startWire } from '../support/wire.ts';

const missing = await missingBroker('RabbitMQ', rabbitmqPort);

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../src/destinations/fixtures/${name}`, import.meta.url));
const certificateFiles = { key: fixture('loopback.key'), cert: fixture('loopback.crt') };
const certificate = {
  key: readFileSync(certificateFiles.key),
  cert: readFileSync(certificateFiles.cert, 'utf8'),
};

/** The broker as Debian ships it lets this login in from this machine. */
const login = { user: 'guest', password: 'guest' };

const quiet = {
  signal: new AbortController().signal,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  http: () => Promise.reject(new Error('unused')),
};
const attempt = (destination: Destination, event = testEvent(1, 1)): Promise<unknown> =>
  destination.send(event, quiet).then(
    () => undefined,
    (error: unknown) => error,
  );

/** Where a frame begins that carries a method: basic.publish is class 60 method 40, basic.ack 60/80. */
const frameAt = (piece: Buffer, classId: number, methodId: number) =>
  piece.indexOf(Buffer.from([0, classId, 0, methodId])) - frameHeadBytes;
const frameHeadBytes = 7;
const atPublish =
  (fate: (frame: number) => Fate): Judge =>
  (piece, direction) => {
    const frame = frameAt(piece, 60, 40);
    return direction === 'up' && frame >= 0 ? fate(frame) : 'pass';
  };
const atConfirm =
  (fate: Fate): Judge =>
  (piece, direction) =>
    direction === 'down' && frameAt(piece, 60, 80) >= 0 ? fate : 'pass';
/** In the middle of the first event's bytes. */
const cutInPublish = atPublish((frame) => ({ first: frame + 150 }));

/** What the broker has in a queue, oldest first; taken out. */
async function drain(channel: Channel, queue: string): Promise<GetMessage[]> {
  const got: GetMessage[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) return got;
    got.push(message);
  }
}

/** An exchange and a queue of our own on the broker, and a wire to it. */
async function openBroker() {
  const model: ChannelModel = await amqplib.connect({ hostname: '127.0.0.1', port: rabbitmqPort });
  const channel = await model.createChannel();
  const exchange = `kapi-test-${randomUUID()}`;
  const queue = `${exchange}-queue`;
  const wire = await startWire(rabbitmqPort);
  const tlsWire = await startWire(rabbitmqPort, certificate);
  const create = (more: Record<string, unknown> = {}, load?: LoadAmqp) =>
    createRabbitmq(
      rabbitmqConfig.parse({
        host: '127.0.0.1',
        port: wire.port,
        security: 'plain',
        ...login,
        exchange,
        queue,
        timeoutSeconds: 10,
        ...more,
      }),
      load,
    );
  let closed = false;
  return {
    channel,
    exchange,
    queue,
    wire,
    tlsWire,
    create,
    drain: () => drain(channel, queue),
    async close() {
      if (closed) return;
      closed = true;
      await Promise.all([wire.close(), tlsWire.close()]);
      await channel.deleteQueue(queue);
      await channel.deleteQueue(`${queue}.dead`);
      await channel.deleteExchange(exchange);
      await model.close();
    },
  };
}

/** The real broker behind a wire; of a mode that the broker has no word for, the wire is at fault. */
async function startCounterpart(): Promise<Counterpart> {
  const broker = await openBroker();
  const { channel, exchange, queue, wire, tlsWire } = broker;
  await channel.assertExchange(exchange, 'topic', { durable: true });
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(queue, exchange, '#');
  const seen: Counterpart['seen'][number][] = [];
  const judges: Partial<Record<CounterpartMode, Judge>> = {
    hanging: atPublish(() => 'swallow'),
    reset: cutInPublish,
    'taken-then-reset': atConfirm({ first: 0 }),
    slow: atConfirm({ afterMs: 100 }),
  };
  const settled = async () => {
    for (const { properties, content } of await broker.drain())
      seen.push({ id: String(properties.messageId), body: content, taken: true });
  };
  return {
    create: (link, timeoutMs) =>
      broker.create({
        topology: 'check',
        timeoutSeconds: timeoutMs / 1000,
        ...(link === 'untrusted' && { security: 'tls', port: tlsWire.port }),
      }),
    async mode(mode) {
      await settled();
      wire.judge(judges[mode] ?? passAll);
      // Without a binding the broker returns what it cannot route.
      if (mode === 'failing') await channel.unbindQueue(queue, exchange, '#');
      else await channel.bindQueue(queue, exchange, '#');
    },
    seen,
    settled,
    secrets: [login.password],
    openConnections: () => wire.open() + tlsWire.open(),
    close: broker.close,
  };
}

describe.skipIf(missing !== undefined)(
  `against RabbitMQ${missing === undefined ? '' : `: ${missing}`}`,
  () => {
    testDestination('rabbitmq', {
      modes: {
        ok: true,
        failing: true,
        hanging: true,
        reset: true,
        'taken-then-reset': true,
        slow: true,
        // The protocol has no such answers; too large an event is refused, see below.
        gone: false,
        throttled: false,
        refusing: false,
      },
      timeoutMs: 3_000,
      start: startCounterpart,
    });

    describe('rabbitmq', () => {
      let broker: Awaited<ReturnType<typeof openBroker>>;
      const opened: Destination[] = [];
      const open = (more: Record<string, unknown> = {}, load?: LoadAmqp): Destination => {
        const made = broker.create(more, load);
        opened.push(made);
        return made;
      };
      const ids = async () => (await broker.drain()).map(({ properties }) => properties.messageId);

      beforeEach(async () => {
        broker = await openBroker();
      });
      afterEach(async () => {
        await Promise.all(opened.splice(0).map((made) => made.close?.()));
        await broker.close();
      });

      it('publishes a persistent CloudEvent under the id of the event', async () => {
        const event = testEvent(1, 1);
        await open({ headers: { 'x-town': 'bursa' } }).send(event, quiet);
        const [message] = await broker.drain();
        expect(message?.content.equals(event.body)).toBe(true);
        expect(message?.fields).toMatchObject({ exchange: broker.exchange, routingKey: event.type });
        expect(message?.properties).toMatchObject({
          messageId: event.id,
          type: event.type,
          contentType: 'application/cloudevents+json; charset=utf-8',
          deliveryMode: 2,
          headers: { 'x-town': 'bursa' },
        });
      });

      it('uses the routing key of the configuration', async () => {
        await open({ routingKey: 'bursa.{type}.sok' }).send(testEvent(1, 1), quiet);
        const [message] = await broker.drain();
        expect(message?.fields.routingKey).toBe('bursa.kapi.record.received.v1.sok');
      });

      it('declares a quorum queue that refuses rather than drops, and keeps what readers cannot take', async () => {
        const made = open({ queueMaxMessages: 7 });
        await made.send(testEvent(1, 1), quiet);
        const declared = {
          'x-queue-type': 'quorum',
          'x-overflow': 'reject-publish',
          'x-dead-letter-strategy': 'at-least-once',
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': `${broker.queue}.dead`,
          'x-delivery-limit': 20,
          'x-max-length': 7,
        };
        // The broker refuses a second declaration that differs in anything.
        await broker.channel.assertQueue(broker.queue, { durable: true, arguments: declared });
        const dead = { 'x-queue-type': 'quorum' };
        await broker.channel.assertQueue(`${broker.queue}.dead`, { durable: true, arguments: dead });
        const error = await attempt(open({ queueMaxMessages: 8 }));
        expect(error).toMatchObject({
          code: 'destination_unavailable',
          message: expect.stringContaining('406'),
        });
      });

      it('does not count an event as delivered that no queue took', async () => {
        const made = open();
        await made.send(testEvent(1, 1), quiet);
        await broker.channel.unbindQueue(broker.queue, broker.exchange, '#');
        expect(await attempt(made, testEvent(1, 2))).toMatchObject({
          code: 'destination_unavailable',
          message: 'the exchange has no queue for this event',
        });
        await broker.channel.bindQueue(broker.queue, broker.exchange, '#');
        expect(await attempt(made, testEvent(1, 2))).toBeUndefined();
        expect(await ids()).toEqual([testEvent(1, 1).id, testEvent(1, 2).id]);
        expect(broker.wire.opened(), 'the connection was kept').toBe(1);
      });

      it('would lose that event if it did not publish as mandatory', async () => {
        const planted: LoadAmqp = async () => ({
          connect: async (url, options) => {
            const model = await amqplib.connect(url, options);
            const createConfirmChannel = model.createConfirmChannel.bind(model);
            model.createConfirmChannel = async () => {
              const channel = await createConfirmChannel();
              const publish = channel.publish.bind(channel);
              channel.publish = (exchange, key, content, properties, confirm) =>
                publish(exchange, key, content, { ...properties, mandatory: false }, confirm);
              return channel;
            };
            return model;
          },
        });
        const made = open({}, planted);
        await made.send(testEvent(1, 1), quiet);
        await broker.channel.unbindQueue(broker.queue, broker.exchange, '#');
        expect(await attempt(made, testEvent(1, 2)), 'told as delivered').toBeUndefined();
        expect(await ids(), 'and lost').toEqual([testEvent(1, 1).id]);
      });

      it('keeps what a full queue refuses, and sends it once there is room', async () => {
        const made = open({ queueMaxMessages: 3 });
        const events = Array.from({ length: 12 }, (_, n) => testEvent(n + 1, 1));
        const confirmed: string[] = [];
        let waiting = events;
        let refusals = 0;
        const inQueue: string[] = [];
        while (waiting.length > 0) {
          const left: typeof events = [];
          for (const event of waiting) {
            const error = await attempt(made, event);
            if (error === undefined) confirmed.push(event.id);
            else {
              expect(error).toMatchObject({
                code: 'destination_unavailable',
                message: 'the broker refused the event: its queue is full or not ready',
              });
              refusals += 1;
              left.push(event);
            }
          }
          waiting = left;
          inQueue.push(...(await ids()));
        }
        expect(refusals).toBeGreaterThan(0);
        expect(inQueue.toSorted()).toEqual(events.map(({ id }) => id).toSorted());
        expect(confirmed.toSorted()).toEqual(inQueue.toSorted());
      });

      it('sends again under the same id what was cut in the middle', async () => {
        const made = open();
        const event = testEvent(1, 1);
        // Cut within the event's bytes, then with the confirm on its way.
        for (const judge of [cutInPublish, atConfirm({ first: 0 })]) {
          broker.wire.judge(judge);
          expect(codeOf(await attempt(made, event))).toBe('destination_unavailable');
        }
        broker.wire.judge(passAll);
        expect(await attempt(made, event)).toBeUndefined();
        const messages = await broker.drain();
        expect(messages.map(({ properties }) => properties.messageId)).toEqual([event.id, event.id]);
        expect(messages.every(({ content }) => content.equals(event.body))).toBe(true);
      });

      // As many pieces as opening and publishing take.
      const troubles: readonly [name: string, fate: Fate][] = [
        ['cut', { first: 0 }],
        ['silent', 'swallow'],
      ];
      it.each(troubles)(
        'that is %s at any moment of opening fails as transient, and leaves no connection',
        async (_name, fate) => {
          await open().send(testEvent(99, 1), quiet);
          let tries = 0;
          for (let at = 1; ; at++) {
            let pieces = 0;
            broker.wire.judge(() => {
              pieces += 1;
              return pieces === at ? fate : 'pass';
            });
            const made = open({ timeoutSeconds: fate === 'swallow' ? 0.3 : 10 });
            const error = await attempt(made);
            await made.close?.();
            if (pieces < at) break;
            tries += 1;
            if (error !== undefined) expect(codeOf(error)).toBe('destination_unavailable');
          }
          expect(tries).toBeGreaterThan(10);
          await Promise.all(opened.map((made) => made.close?.()));
          await vi.waitFor(() => expect(broker.wire.open()).toBe(0));
        },
      );

      it('opens one connection for all sends, and another once that is cut', async () => {
        const made = open();
        const send = (from: number) =>
          Promise.all(Array.from({ length: 8 }, (_, n) => made.send(testEvent(from + n, 1), quiet)));
        await send(1);
        expect(broker.wire.opened()).toBe(1);
        broker.wire.cut();
        await vi.waitFor(() => expect(broker.wire.open()).toBe(0));
        await send(11);
        expect(broker.wire.opened()).toBe(2);
        expect(new Set(await ids()).size).toBe(16);
      });

      it('gives a silent connection up after two heartbeats', async () => {
        const made = open({ heartbeatSeconds: 1 });
        await made.send(testEvent(1, 1), quiet);
        broker.wire.judge(() => 'swallow');
        await vi.waitFor(() => expect(broker.wire.open()).toBe(0), { timeout: 15_000 });
        broker.wire.judge(passAll);
        expect(await attempt(made, testEvent(1, 2))).toBeUndefined();
      });

      const setups: readonly [wrong: string, settings: Record<string, unknown>, message: RegExp][] = [
        [
          'exchange',
          { topology: 'check', exchange: 'not-there' },
          /^the broker has no exchange «not-there» or/,
        ],
        ['queue', { topology: 'check', queue: 'not-there' }, /queue «not-there» \(404\)$/],
        ['password', { password: 'kein' }, /^the broker refused the login$/],
        ['virtual host', { vhost: 'not/there' }, /^the broker refused the virtual host$/],
        ['port', { port: 9 }, /^the connection failed: ECONNREFUSED$/],
        ['security', { security: 'tls', timeoutSeconds: 2 }, /^(the connection failed: |no answer within)/],
      ];
      it.each(setups)(
        'says in a sentence that the %s is wrong, and tries again',
        async (_wrong, settings, message) => {
          const seed = open();
          await seed.send(testEvent(1, 1), quiet);
          const made = open(settings);
          const error = await attempt(made);
          expect(error).toMatchObject({
            code: 'destination_unavailable',
            message: expect.stringMatching(message),
          });
          const probed = await made.probe?.(quiet);
          expect(probed).toMatchObject({ ok: false, detail: expect.stringMatching(message) });
        },
      );

      it('over TLS refuses the certificate of another host', async () => {
        const other = { key: fixture('localhost.key'), cert: fixture('localhost.crt') };
        const [key, cert] = [readFileSync(other.key), readFileSync(other.cert, 'utf8')];
        const tlsWire = await startWire(rabbitmqPort, { key, cert });
        const tls = { security: 'tls', port: tlsWire.port, ca: cert };
        expect(await attempt(open(tls))).toMatchObject({
          code: 'destination_unavailable',
          message: 'the connection failed: ERR_TLS_CERT_ALTNAME_INVALID',
        });
        const named = open({ ...tls, host: 'localhost' });
        expect(await attempt(named)).toBeUndefined();
        await named.close?.();
        await tlsWire.close();
      });

      it('only checks where it was told to', async () => {
        await open().send(testEvent(1, 1), quiet);
        expect(await open({ topology: 'check' }).probe?.(quiet)).toMatchObject({ ok: true });
        await broker.channel.deleteQueue(broker.queue);
        expect(await open({ topology: 'check' }).probe?.(quiet)).toMatchObject({ ok: false });
        await expect(broker.channel.deleteQueue(broker.queue)).resolves.toMatchObject({ messageCount: 0 });
      });
    });
  },
);

describe('rabbitmq', () => {
  const settings = { host: '127.0.0.1', ...login, queue: 'q' };

  it('says what to install where its package is missing', async () => {
    const load: LoadAmqp = () => Promise.reject(new Error('Cannot find package'));
    const made = createRabbitmq(rabbitmqConfig.parse(settings), load);
    const error = await attempt(made);
    expect(codeOf(error)).toBe('missing_dependency');
    expect(await made.probe?.(quiet)).toEqual({
      ok: false,
      detail: expect.stringContaining('npm install amqplib'),
    });
  });

  const addresses: readonly [host: string, more: Record<string, unknown>, accepted: boolean][] = [
    ['broker.example', {}, true],
    ['127.0.0.1', { security: 'plain' }, true],
    ['broker.example', { security: 'plain' }, false],
    ['broker.example', { security: 'plain', allowPlain: true }, true],
  ];
  it.each(addresses)('to %s with %j: accepted %s', (host, more, accepted) => {
    const create = () => createRabbitmq(rabbitmqConfig.parse({ ...settings, host, ...more }));
    if (accepted) expect(create).not.toThrow();
    else expect(create).toThrow(expect.toSatisfy((error) => kindOfError(error) === 'config'));
  });
});

const missingOwn = missingRabbitmq();

describe.skipIf(missingOwn !== undefined)(
  `against a RabbitMQ of our own${missingOwn === undefined ? '' : `: ${missingOwn}`}`,
  () => {
    let broker: Rabbitmq;
    let made: Destination;
    const queue = 'kapi.own';
    const create = (more: Record<string, unknown> = {}) =>
      createRabbitmq(
        rabbitmqConfig.parse({
          host: '127.0.0.1',
          port: broker.port,
          security: 'plain',
          ...broker.logins.kapi,
          queue,
          timeoutSeconds: 10,
          ...more,
        }),
      );
    const inQueue = async () => {
      const { user, password } = broker.logins.kapi;
      const address = { hostname: '127.0.0.1', port: broker.port, username: user, password };
      const model = await amqplib.connect(address);
      const messages = await drain(await model.createChannel(), queue);
      await model.close();
      return messages.map(({ properties }) => String(properties.messageId));
    };

    beforeAll(async () => {
      broker = await startRabbitmq(certificateFiles);
    }, 120_000);
    afterAll(() => broker.stop());
    beforeEach(() => {
      made = create();
    });
    afterEach(() => made.close?.());

    it('over TLS trusts the certificate authority of the configuration, and no other', async () => {
      const tls = { security: 'tls', port: broker.tlsPort };
      const trusting = create({ ...tls, ca: certificate.cert });
      await trusting.send(testEvent(1, 1), quiet);
      await trusting.close?.();
      const strange = create(tls);
      expect(await attempt(strange, testEvent(1, 2))).toMatchObject({
        code: 'destination_unavailable',
        message: 'the connection failed: DEPTH_ZERO_SELF_SIGNED_CERT',
      });
      expect(await inQueue()).toEqual([testEvent(1, 1).id]);
    });

    it('is refused by a broker that does not let it write: the set-up is at fault, not the event', async () => {
      await made.send(testEvent(1, 1), quiet);
      const reader = create({ ...broker.logins.reader, topology: 'check' });
      expect(await attempt(reader, testEvent(1, 2))).toMatchObject({
        code: 'destination_unavailable',
        message: 'the broker refuses access to exchange «kapi» or queue «kapi.own» (403)',
      });
      await reader.close?.();
      expect(await inQueue()).toEqual([testEvent(1, 1).id]);
    });

    it('gives an event up that is larger than the broker takes, and only that one', async () => {
      const large = { ...testEvent(9, 1), body: Buffer.alloc(broker.maxMessageBytes + 1, 0x20) };
      const errors = await Promise.all([attempt(made, large), attempt(made, testEvent(1, 1))]);
      expect(errors[0]).toMatchObject({ code: 'destination_rejected' });
      expect([undefined, 'destination_unavailable']).toContain(codeOf(errors[1]));
      expect(await attempt(made, testEvent(1, 1))).toBeUndefined();
      expect(new Set(await inQueue())).toEqual(new Set([testEvent(1, 1).id]));
    });

    it('tries again later while the broker is short of memory', async () => {
      await made.send(testEvent(1, 1), quiet);
      await broker.alarm(true);
      try {
        await vi.waitFor(async () => expect(codeOf(await attempt(made, testEvent(1, 2)))).toBeDefined());
        expect(await attempt(made, testEvent(1, 2))).toMatchObject({
          code: 'destination_unavailable',
          message: 'the broker takes nothing now: it is short of memory or disk',
        });
        const late = create();
        expect(codeOf(await attempt(late, testEvent(1, 3)))).toBe('destination_unavailable');
        await late.close?.();
      } finally {
        await broker.alarm(false);
      }
      await vi.waitFor(async () => expect(await attempt(made, testEvent(1, 2))).toBeUndefined(), {
        timeout: 10_000,
      });
      expect(new Set(await inQueue())).toContain(testEvent(1, 2).id);
    });

    it('loses nothing that was confirmed when the broker is killed, and sends the rest when it is back', async () => {
      const events = Array.from({ length: 300 }, (_, n) => testEvent(n + 1, 1));
      const confirmed: string[] = [];
      const left: typeof events = [];
      const killAt = 100;
      let killed: Promise<void> | undefined;
      const lane = async (own: typeof events) => {
        for (const event of own) {
          if ((await attempt(made, event)) === undefined) confirmed.push(event.id);
          else left.push(event);
          if (confirmed.length >= killAt) killed ??= broker.kill();
        }
      };
      await Promise.all([0, 1, 2, 3].map((n) => lane(events.filter((_, at) => at % 4 === n))));
      await killed;
      expect(confirmed.length).toBeGreaterThanOrEqual(killAt);
      expect(left.length).toBeGreaterThan(0);
      await broker.start();
      for (const event of left)
        await vi.waitFor(async () => expect(await attempt(made, event)).toBeUndefined(), { timeout: 20_000 });
      const arrived = new Set(await inQueue());
      expect([...confirmed, ...left.map(({ id }) => id)].filter((id) => !arrived.has(id))).toEqual([]);
      expect(arrived.size).toBe(events.length);
    }, 120_000);
  },
);
