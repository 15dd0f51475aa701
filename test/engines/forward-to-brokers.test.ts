import { randomUUID } from 'node:crypto';
import type { Destination } from '@kapi/contract';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import amqplib from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNats, natsConfig } from '../../src/destinations/nats.ts';
import { createRabbitmq, rabbitmqConfig } from '../../src/destinations/rabbitmq.ts';
import { apply } from '../../src/intake/events.ts';
import { type Forward, type ForwardFact, startForward } from '../../src/intake/forward.ts';
import { systemClock } from '../../src/platform/index.ts';
import { missingBroker, natsPort, rabbitmqPort } from '../support/brokers.ts';
import { actor, openTown, silent, type Town } from '../support/town.ts';
import { type Judge, passAll, startWire, type Wire } from '../support/wire.ts';

const missing = (await missingBroker('RabbitMQ', rabbitmqPort)) ?? (await missingBroker('NATS', natsPort));

interface Arrived {
  readonly id: string;
  readonly body: string;
}

interface Broker {
  readonly destination: Destination;
  readonly wire: Wire;
  /** Everything the broker has, oldest first; taken out. */
  drain(): Promise<Arrived[]>;
  close(): Promise<void>;
}

async function openRabbitmq(): Promise<Broker> {
  const wire = await startWire(rabbitmqPort);
  const exchange = `kapi-test-${randomUUID()}`;
  const queue = `${exchange}-queue`;
  const model = await amqplib.connect({ hostname: '127.0.0.1', port: rabbitmqPort });
  const channel = await model.createChannel();
  const login = { user: 'guest', password: 'guest' };
  const address = { host: '127.0.0.1', port: wire.port, security: 'plain', ...login };
  return {
    wire,
    destination: createRabbitmq(rabbitmqConfig.parse({ ...address, exchange, queue })),
    async drain() {
      const arrived: Arrived[] = [];
      for (;;) {
        const message = await channel.get(queue, { noAck: true });
        if (message === false) return arrived;
        arrived.push({ id: String(message.properties.messageId), body: message.content.toString() });
      }
    },
    async close() {
      await wire.close();
      for (const name of [queue, `${queue}.dead`]) await channel.deleteQueue(name);
      await channel.deleteExchange(exchange);
      await model.close();
    },
  };
}

async function openNats(): Promise<Broker> {
  const wire = await startWire(natsPort);
  const stream = `KAPI-${randomUUID()}`;
  const connection = await connect({ servers: `127.0.0.1:${natsPort}`, tls: null });
  const { streams } = await jetstreamManager(connection);
  const address = { servers: [`127.0.0.1:${wire.port}`], security: 'plain', durable: false };
  return {
    wire,
    destination: createNats(natsConfig.parse({ ...address, stream, subject: `kapi.test.${randomUUID()}` })),
    async drain() {
      const { state } = await streams.info(stream);
      const arrived: Arrived[] = [];
      for (let seq = 1; seq <= state.last_seq; seq++) {
        const message = await streams.getMessage(stream, { seq });
        if (message) arrived.push({ id: message.header.get('Nats-Msg-Id'), body: message.string() });
      }
      return arrived;
    },
    async close() {
      await wire.close();
      await streams.delete(stream);
      await connection.close();
    },
  };
}

describe.skipIf(missing !== undefined)(
  `from the store to RabbitMQ and NATS${missing === undefined ? '' : `: ${missing}`}`,
  () => {
    let town: Town;
    let brokers: Readonly<Record<'kuyruk' | 'akim', Broker>>;
    let forward: Forward;
    let facts: ForwardFact[];
    const each = (does: (broker: Broker) => void) => Object.values(brokers).forEach(does);

    beforeEach(async () => {
      brokers = { kuyruk: await openRabbitmq(), akim: await openNats() };
      town = await openTown({
        settings: {
          destinations: [
            { id: 'coordination', profile: 'full' },
            { id: 'kuyruk', profile: 'masked' },
            { id: 'akim', profile: 'masked' },
          ],
        },
      });
      facts = [];
      forward = startForward({
        pipeline: town.house.pipeline,
        watch: town.house.watch,
        destinations: new Map(Object.entries(brokers).map(([id, { destination }]) => [id, destination])),
        clock: { now: town.clock.now, sleep: systemClock.sleep },
        log: silent,
        http: () => Promise.reject(new Error('unused')),
        pollMs: 20,
        breaker: { probeEveryMs: 50 },
        observe: (fact) => facts.push(fact),
      });
    });
    afterEach(async () => {
      await forward.stop();
      expect((await town.balance()).filter((off) => off !== 0)).toEqual([]);
      await town.close();
      for (const broker of Object.values(brokers)) await broker.close();
    });

    /** Messages of citizens, every second record with a second event. */
    async function happen(records: number): Promise<number> {
      const said = await Promise.all(
        Array.from({ length: records }, (_, n) =>
          town.say({ text: `Su yok, TC 10000000146, sokak ${n}`, citizen: { name: 'Ayşe Yılmaz' } }, `k${n}`),
        ),
      );
      const moved = said.filter((_, n) => n % 2 === 0);
      for (const { number } of moved) await apply(town.house, number, { event: 'accepted' }, actor());
      return said.length + moved.length;
    }

    const delivered = async () => {
      const states = await Promise.all(Object.keys(brokers).map((id) => town.house.reader.queue(id)));
      return states.map(({ delivered, dead }) => [delivered, dead]);
    };
    const inBoth = (events: number) => [
      [events, 0],
      [events, 0],
    ];

    /** First arrivals by id; whatever came again is the same. */
    function distinct(arrived: readonly Arrived[]): Map<string, string> {
      const byId = new Map<string, string>();
      for (const { id, body } of arrived) {
        expect(byId.get(id) ?? body).toBe(body);
        byId.set(id, body);
      }
      return byId;
    }

    function expectInOrder(bodies: Iterable<string>): void {
      const sequences = new Map<string, number[]>();
      for (const body of bodies) {
        const { subject, sequence } = JSON.parse(body);
        sequences.set(subject, [...(sequences.get(subject) ?? []), sequence]);
        expect(body).not.toMatch(/10000000146|Yılmaz/);
      }
      for (const each of sequences.values()) expect(each).toEqual(each.toSorted((a, b) => a - b));
    }

    it('both were away for long: once back they get every event, in order, once, with the same bytes', async () => {
      each(({ wire }) => wire.judge(() => ({ first: 0 })));
      const events = await happen(40);
      await expect.poll(() => forward.states().map(({ state }) => state)).toEqual(['open', 'open']);
      const opened = Object.values(brokers).map(({ wire }) => wire.opened());
      const retried = (id: string) =>
        facts.filter(({ fact, destination }) => fact === 'retried' && destination === id).length;
      // Nothing but a try of an event connects.
      expect(opened[0]).toBeLessThanOrEqual(retried('kuyruk') + 1);
      expect(opened[1]).toBeLessThanOrEqual(retried('akim') + 1);
      each(({ wire }) => wire.judge(passAll));
      // Past the waits of those that were tried; the breaker's probe goes by its own time.
      town.clock.advance(3600_000);
      await expect.poll(delivered, { timeout: 25_000 }).toEqual(inBoth(events));
      const [inQueue, inStream] = [await brokers.kuyruk.drain(), await brokers.akim.drain()];
      expect([inQueue.length, inStream.length]).toEqual([events, events]);
      const queued = distinct(inQueue);
      expect(queued.size).toBe(events);
      expect(distinct(inStream)).toEqual(queued);
      expectInOrder(queued.values());
      expectInOrder(distinct(inStream).values());
    });

    it('cut again and again in the middle: nothing is missing, what came twice is the same', async () => {
      const cutting = (): Judge => {
        let pieces = 0;
        return (piece) => {
          pieces += 1;
          if (pieces > 600) return 'pass';
          // Seldom enough for some of the handshakes to pass.
          if (pieces % 23 === 0) return { first: piece.length >> 1 };
          return pieces % 31 === 0 ? { first: 0 } : 'pass';
        };
      };
      each(({ wire }) => wire.judge(cutting()));
      const events = await happen(40);
      const later = async () => {
        town.clock.advance(60_000);
        return delivered();
      };
      await expect.poll(later, { timeout: 25_000 }).toEqual(inBoth(events));
      expect(facts.filter(({ fact }) => fact === 'retried').length).toBeGreaterThan(2);
      const [inQueue, inStream] = [await brokers.kuyruk.drain(), await brokers.akim.drain()];
      const queued = distinct(inQueue);
      expect(queued.size).toBe(events);
      expect(inStream, 'the stream knows ids again').toHaveLength(events);
      expect(distinct(inStream)).toEqual(queued);
      expectInOrder(queued.values());
    });
  },
);
