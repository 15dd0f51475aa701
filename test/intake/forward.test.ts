import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { claimRequest } from '@kapi/contract';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWebhook, webhookConfig } from '../../src/destinations/webhook.ts';
import { apply } from '../../src/intake/events.ts';
import { type Forward, type ForwardOptions, startForward } from '../../src/intake/forward.ts';
import { createQueue } from '../../src/intake/queue.ts';
import { systemClock } from '../../src/platform/index.ts';
import { actor, openTown, silent, type Town } from '../support/town.ts';

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes 123').toString('base64')}`;

interface Post {
  readonly id: string;
  readonly body: string;
  readonly taken: boolean;
}

/** A receiver that verifies every signature, and takes events only while it is up. */
async function startReceiver() {
  const posts: Post[] = [];
  const state = { status: 503 };
  const webhook = new Webhook(secret);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      webhook.verify(
        body,
        Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)])),
      );
      posts.push({ id: String(request.headers['webhook-id']), body, taken: state.status < 300 });
      response.writeHead(state.status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    posts,
    state,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('from the store to a webhook and to readers of the queue', () => {
  let town: Town;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let forward: Forward | undefined;

  beforeEach(async () => {
    receiver = await startReceiver();
    town = await openTown({
      settings: {
        destinations: [
          { id: 'coordination', profile: 'full' },
          { id: 'ebelediye', profile: 'masked' },
        ],
      },
    });
  });
  afterEach(async () => {
    await forward?.stop();
    expect((await town.balance()).filter((off) => off !== 0)).toEqual([]);
    await town.close();
    await receiver.close();
  });

  const stateOf = (name: string) => town.house.reader.queue(name);

  function start(more: Partial<ForwardOptions> = {}): Forward {
    forward = startForward({
      pipeline: town.house.pipeline,
      watch: town.house.watch,
      destinations: new Map([
        ['ebelediye', createWebhook(webhookConfig.parse({ url: receiver.url, secrets: [secret] }))],
      ]),
      clock: { now: town.clock.now, sleep: systemClock.sleep },
      log: silent,
      http: () => Promise.reject(new Error('unused')),
      pollMs: 20,
      breaker: { probeEveryMs: 50 },
      ...more,
    });
    return forward;
  }

  it('a receiver that was down gets every event once it is up: once, in order, the same bytes; the queue never waits', async () => {
    const running = start();
    const numbers: string[] = [];
    for (let batch = 0; batch < 10; batch++) {
      const said = Array.from({ length: 20 }, (_, i) =>
        town.say(
          { text: `Su yok, TC 10000000146, sokak ${batch}`, citizen: { name: 'Ayşe Yılmaz' } },
          `k${batch}-${i}`,
        ),
      );
      numbers.push(...(await Promise.all(said)).map(({ number }) => number));
    }
    for (const number of numbers.slice(0, 50))
      await apply(town.house, number, { event: 'accepted' }, actor());
    await expect.poll(() => running.states()[0]?.state).toBe('open');

    const queue = createQueue({ ...town.house, queues: ['coordination'] });
    const reader = actor({ scopes: new Set(['queue', 'records:reveal']) });
    const { items } = await queue.claim(claimRequest.parse({ max: 500 }), reader);
    expect(items).toHaveLength(200);
    expect(
      (
        await queue.ack(
          items.map(({ lease }) => lease),
          reader,
        )
      ).acked,
    ).toBe(200);
    expect(await stateOf('ebelediye')).toMatchObject({ delivered: 0, dead: 0 });

    receiver.state.status = 200;
    // Past the waits of the few that were tried; the breaker's probe goes by its own time.
    town.clock.advance(3600_000);
    await expect
      .poll(() => stateOf('ebelediye'), { timeout: 20_000 })
      .toMatchObject({ delivered: 250, dead: 0 });

    const taken = receiver.posts.filter((post) => post.taken);
    expect(new Set(taken.map(({ id }) => id)).size).toBe(250);
    expect(taken).toHaveLength(250);
    const sequences = new Map<string, number[]>();
    for (const { body } of taken) {
      const { subject, sequence } = JSON.parse(body);
      sequences.set(subject, [...(sequences.get(subject) ?? []), sequence]);
      expect(body).not.toMatch(/10000000146|Yılmaz/);
    }
    expect([...sequences.values()].map((each) => each.join()).toSorted()).toEqual([
      ...Array<string>(150).fill('1'),
      ...Array<string>(50).fill('1,2'),
    ]);
    const bodies = new Map<string, Set<string>>();
    for (const { id, body } of receiver.posts) bodies.set(id, (bodies.get(id) ?? new Set()).add(body));
    expect([...bodies.values()].every((each) => each.size === 1)).toBe(true);
  });

  it('a refused event is dead, listed, and sent again on request', async () => {
    receiver.state.status = 422;
    start();
    const { number } = await town.say({}, 'k1');
    await expect.poll(() => stateOf('ebelediye')).toMatchObject({ dead: 1 });
    const { items } = await town.house.reader.deadLetters({ limit: 10 });
    expect(items).toMatchObject([
      { destination: 'ebelediye', number, code: 'destination_rejected', attempts: 1 },
    ]);
    receiver.state.status = 200;
    await town.house.pipeline.save([
      { changes: [{ do: 'resend-delivery', destination: 'ebelediye', at: town.clock.now() }] },
    ]);
    await expect.poll(() => stateOf('ebelediye')).toMatchObject({ dead: 0, delivered: 1 });
    expect(new Set(receiver.posts.map(({ id }) => id)).size).toBe(1);
  });

  it('what was on its way when the gateway stopped is delivered by the next one', async () => {
    const first = start();
    await town.say({}, 'k1');
    await expect.poll(() => receiver.posts.length).toBeGreaterThan(0);
    await first.stop();
    receiver.state.status = 200;
    town.clock.advance(3600_000);
    start();
    await expect.poll(() => stateOf('ebelediye')).toMatchObject({ delivered: 1 });
    expect(new Set(receiver.posts.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
  });

  it('a waiting reader is woken by the message itself', async () => {
    const queue = createQueue({ ...town.house, queues: ['coordination'], pollMs: 60_000 });
    const claiming = queue.claim(claimRequest.parse({ waitSeconds: 25 }), actor());
    const { number } = await town.say({}, 'k1');
    const { items } = await claiming;
    expect(items.map(({ event }) => event.subject)).toEqual([number]);
    expect((await town.house.reader.audit({ limit: 10 })).items.map(({ action }) => action)).toContainEqual(
      expect.stringContaining('claim'),
    );
  });

  it('a lease handed out twenty times in vain makes the event a dead letter, and the books still balance', async () => {
    const queue = createQueue({ ...town.house, queues: ['coordination'] });
    await town.say({}, 'k1');
    for (let attempt = 1; attempt <= 20; attempt++) {
      const { items } = await queue.claim(claimRequest.parse({}), actor());
      expect(items[0]?.attempt).toBe(attempt);
      await queue.nack(items[0]?.lease ?? '', 'not today', 0, actor());
    }
    expect(await stateOf('coordination')).toMatchObject({ dead: 1, ready: 0 });
    const { items } = await town.house.reader.deadLetters({ limit: 10, destination: 'coordination' });
    expect(items).toMatchObject([{ code: 'attempts_exhausted', attempts: 20 }]);
  });
});
