import type { AcceptEntry, CommitHint, SaveOutcome } from '@kapi/contract';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import {
  claimAt,
  entranceEntry,
  idOf,
  queue,
  recordStep,
  sampleEntry,
  saveOne,
  settlement,
} from '../../contract/testing/store/samples.ts';
import type { PostgresStore } from './index.ts';
import { ask, missingPostgres, type OpenedPostgres, temporaryStores, testUrl } from './testing.ts';

const missing = await missingPostgres();
const numbers = (count: number, from = 1): readonly number[] =>
  Array.from({ length: count }, (_, n) => from + n);

async function expectBalance(store: PostgresStore): Promise<void> {
  expect(await store.reader.recount()).toEqual(await store.reader.books());
}

/** Several gateways on one database. */
describe.skipIf(missing !== undefined)(
  `several gateways on PostgreSQL${missing ? ` (${missing})` : ''}`,
  () => {
    const stores = temporaryStores();
    afterEach(stores.close);
    const openTwo = async (): Promise<OpenedPostgres & { other: PostgresStore }> => {
      const opened = await stores.open();
      return { ...opened, other: await opened.another() };
    };

    it('accept each of the same keys once, whoever is asked first', async () => {
      const { store, other } = await openTwo();
      const entries = numbers(200).map((n) => entranceEntry(n));
      const submit = (to: PostgresStore, list: readonly AcceptEntry[]) =>
        Promise.all(list.map((entry) => to.pipeline.accept([entry])));
      const answers = await Promise.all([submit(store, entries), submit(other, [...entries].reverse())]);
      const results = answers.flat(2).map(({ result }) => result);
      expect(results.filter((result) => result === 'accepted')).toHaveLength(200);
      expect(results.filter((result) => result === 'repeated')).toHaveLength(200);
      expect((await store.reader.records({ limit: 500 })).items).toHaveLength(200);
      await expectBalance(other);
    });

    it('share a queue: each delivery is claimed once, none is left behind', async () => {
      const { store, other } = await openTwo();
      await store.pipeline.accept(numbers(150).map((n) => entranceEntry(n)));
      const claimed: string[] = [];
      await Promise.all(
        [store, other, store, other].map(async (one) => {
          for (;;) {
            const works = await one.pipeline.claim('forward', claimAt({ destination: queue, max: 7 }));
            if (works.length === 0) return;
            claimed.push(...works.map(({ event }) => event.recordId));
            await one.pipeline.settle(works.map((work) => settlement('forward', work)));
          }
        }),
      );
      expect(new Set(claimed).size).toBe(150);
      expect(claimed).toHaveLength(150);
      expect(await other.reader.queue(queue)).toMatchObject({ delivered: 150, ready: 0, claimed: 0 });
      await expectBalance(store);
    });

    it('write to the same records: one wins each version, and no event waits behind nothing', async () => {
      const { store, other } = await openTwo();
      const records = numbers(10);
      await store.pipeline.accept(records.map((n) => entranceEntry(n)));
      const outcomes: SaveOutcome[] = [];
      const forward = async (one: PostgresStore): Promise<void> => {
        const works = await one.pipeline.claim('forward', claimAt({ destination: queue, max: 3 }));
        await one.pipeline.settle(works.map((work) => settlement('forward', work)));
      };
      for (const version of [2, 3, 4])
        await Promise.all([
          ...records.flatMap((n) =>
            [store, other].map(async (one) => outcomes.push(await saveOne(one, recordStep(n, version)))),
          ),
          ...numbers(6).map((n) => forward(n % 2 ? store : other)),
        ]);
      expect(outcomes.filter(({ result }) => result === 'saved')).toHaveLength(30);
      expect(outcomes.filter(({ result }) => result === 'conflict')).toHaveLength(30);
      for (let left = true; left; ) {
        const works = await store.pipeline.claim('forward', claimAt({ destination: queue }));
        left = works.length > 0;
        await store.pipeline.settle(works.map((work) => settlement('forward', work)));
      }
      expect(await store.reader.queue(queue)).toMatchObject({
        delivered: 40,
        behind: 0,
        ready: 0,
        claimed: 0,
      });
      await expectBalance(store);
    });

    it('give out no serial twice', async () => {
      const { store, other } = await openTwo();
      const blocks = await Promise.all(
        numbers(40).map((n) => (n % 2 ? store : other).pipeline.reserveNumbers('SOK', 2026, 5)),
      );
      const serials = blocks.flatMap(({ first, count }) => numbers(count, first));
      expect(new Set(serials).size).toBe(200);
      expect(Math.max(...serials)).toBe(200);
    });

    it('write one audit chain', async () => {
      const { store, other } = await openTwo();
      await Promise.all(
        numbers(40).map((n) =>
          saveOne(n % 2 ? store : other, [
            { do: 'audit', at: n, actor: 'key:1', action: 'revealed', subject: `SOK-${n}` },
          ]),
        ),
      );
      expect(await other.reader.verifyAudit()).toMatchObject({ rows: 40, last: { sequence: 40 } });
    });

    it('wake each other after a commit', async () => {
      const { store, other } = await openTwo();
      const heard = new Promise<CommitHint>((resolve) => other.watch(resolve));
      await store.pipeline.accept([entranceEntry(1)]);
      expect(await heard).toMatchObject({ stages: ['forward'], destinations: [queue] });
    });

    it('hear of a revoked key at once', async () => {
      const { store, other } = await openTwo();
      const key = {
        id: 'k1',
        name: 'Çağrı merkezi',
        scopes: ['intake' as const],
        account: 'cagri-153',
        createdAt: 1,
        rateLimited: true,
      };
      await saveOne(store, [{ do: 'put-api-key', key, hash: 'aa' }]);
      expect(await other.reader.apiKey('aa')).toEqual(key);
      await saveOne(store, [{ do: 'revoke-api-key', id: 'k1', at: 2 }]);
      await expect.poll(() => other.reader.apiKey('aa')).toEqual({ ...key, revokedAt: 2 });
    });

    it('leave alone what a living one has in hand, and free what a dead one had', async () => {
      const { store, other, another } = await openTwo();
      await store.pipeline.accept([sampleEntry(1), sampleEntry(2)]);
      const [first] = await store.pipeline.claim('read', claimAt({ max: 1 }));
      const [second] = await other.pipeline.claim('read', claimAt({ max: 1 }));
      await other.close();
      const third = await another();
      const [taken, ...rest] = await third.pipeline.claim('read', claimAt());
      expect(rest).toEqual([]);
      expect(taken).toMatchObject({ id: second?.id, attempt: 2 });
      expect(await third.timers.hold('imap', 'third', 1000, 1)).toEqual({ fence: 1 });
      expect(first && (await store.pipeline.settle([settlement('read', first)]))).toEqual([
        { result: 'saved' },
      ]);
    });

    it('an account passes to another gateway when its holder has gone, and the loser is fenced', async () => {
      const { store, other, another } = await openTwo();
      const held = await other.timers.hold('imap', 'other', 3600_000, 1);
      expect(await store.timers.hold('imap', 'store', 1000, 2)).toBeUndefined();
      await other.close();
      const third = await another();
      expect((await third.timers.hold('imap', 'third', 1000, 2))?.fence).toBeGreaterThan(held?.fence ?? 0);
    });
  },
);

/** Positions are given out before commits, and commits come in any order. */
describe.skipIf(missing !== undefined)(`the stream of PostgreSQL${missing ? ` (${missing})` : ''}`, () => {
  const stores = temporaryStores();
  afterEach(stores.close);

  it('does not pass over an event whose commit comes after that of a higher position', async () => {
    const { store, schema } = await stores.open();
    await store.pipeline.accept([entranceEntry(1), entranceEntry(2)]);
    const before = (await store.reader.stream(0, 10)).newest;
    const slow = new pg.Client({ connectionString: testUrl, options: `-c search_path=${schema}` });
    await slow.connect();
    try {
      await slow.query('BEGIN; SELECT pg_current_xact_id()');
      await slow.query(
        `INSERT INTO events SELECT rid, 2, nextval('positions'), 'slow', 1, 'amended', at, actor, NULL, NULL FROM events WHERE position = $1`,
        [before],
      );
      await saveOne(store, recordStep(1, 2));
      expect(await store.reader.stream(before, 10)).toMatchObject({ events: [], newest: before });
      await slow.query('COMMIT');
    } finally {
      await slow.end();
    }
    const { events } = await store.reader.stream(before, 10);
    expect(events.map(({ id }) => id)).toEqual(['slow', idOf('ev', 1002)]);
  });

  it('gives a reader that follows it every event once, and those of a record in order, whoever writes', async () => {
    const { store, another } = await stores.open();
    const other = await another();
    const records = numbers(12);
    let writing = true;
    const seen: { position: number; recordId: string; sequence: number }[] = [];
    const follow = async (): Promise<void> => {
      for (;;) {
        // Other transactions of the database may hold the stream back for a while: then nothing comes yet.
        const finished = !writing && seen.length >= 60;
        const { events } = await other.reader.stream(seen.at(-1)?.position ?? 0, 7);
        seen.push(...events);
        if (finished && events.length === 0) return;
      }
    };
    const write = async (): Promise<void> => {
      await Promise.all(
        records.map(async (n) => {
          for (let version = 1; version <= 5; version += 1)
            await saveOne((n + version) % 2 ? store : other, recordStep(n, version));
        }),
      );
      writing = false;
    };
    await Promise.all([write(), follow()]);
    expect(seen).toHaveLength(60);
    const positions = seen.map(({ position }) => position);
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    for (const n of records)
      expect(
        seen.filter(({ recordId }) => recordId === idOf('re', n)).map(({ sequence }) => sequence),
      ).toEqual(numbers(5));
  });
});

describe.skipIf(missing !== undefined)(
  `a connection to PostgreSQL that breaks${missing ? ` (${missing})` : ''}`,
  () => {
    const stores = temporaryStores();
    afterEach(stores.close);
    const terminate = (schema: string) =>
      ask('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
        `kapi ${schema}`,
      ]);

    it('costs nothing that was accepted and doubles nothing, in the middle of whatever', async () => {
      const { store, schema } = await stores.open();
      const entries = numbers(400).map((n) => entranceEntry(n));
      let cuts = 0;
      const submit = async (lane: number): Promise<void> => {
        for (const entry of entries.filter((_, index) => index % 8 === lane)) {
          const [outcome] = await store.pipeline.accept([entry]);
          expect(outcome?.result).toMatch(/^(accepted|repeated)$/);
        }
      };
      const cut = async (): Promise<void> => {
        for (; cuts < 6; cuts += 1) {
          await terminate(schema);
          await store.reader.books();
        }
      };
      await Promise.all([...numbers(8, 0).map(submit), cut()]);
      expect(cuts).toBe(6);
      expect((await store.reader.records({ limit: 1000 })).items).toHaveLength(400);
      expect(await store.pipeline.claim('forward', claimAt({ destination: queue, max: 1000 }))).toHaveLength(
        400,
      );
      await expectBalance(store);
    });

    it('is noticed by the line to the others, which is made anew', async () => {
      const { store, another, schema } = await stores.open();
      const other = await another();
      await terminate(schema);
      // Whoever was cut off looks at everything once.
      await new Promise<CommitHint>((resolve) => store.watch(resolve));
      const heard: string[] = [];
      store.watch(({ destinations }) => heard.push(...destinations));
      let n = 0;
      await expect
        .poll(async () => {
          n += 1;
          await other.pipeline.accept([entranceEntry(n)]);
          return heard;
        })
        .toContain(queue);
    });
  },
);
