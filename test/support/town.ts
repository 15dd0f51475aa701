import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change, MessageSubmission, PushRequest, RecordView, Scope } from '@kapi/contract';
import { type Adapter, RejectedError, scopes } from '@kapi/contract';
import { afterEach, beforeEach, expect } from 'vitest';
import { createHouse } from '../../src/compose/house.ts';
import { difference } from '../../src/compose/watchman.ts';
import { push } from '../../src/intake/accept.ts';
import { assemble } from '../../src/intake/assemble.ts';
import { receive } from '../../src/intake/entrance.ts';
import { fetchPart } from '../../src/intake/fetch.ts';
import type { Actor } from '../../src/intake/gateway.ts';
import type { House } from '../../src/intake/house.ts';
import { read } from '../../src/intake/normalize.ts';
import type { OperationsPorts } from '../../src/intake/operations.ts';
import { RefusedCalls } from '../../src/intake/refused-calls.ts';
import type { RunningAccount } from '../../src/intake/running.ts';
import type { IntakeSettings } from '../../src/intake/settings.ts';
import { sampleAccount, sampleSettings } from '../../src/intake/testing/samples.ts';
import { createTestClock, type TestClock } from '../../src/platform/index.ts';
import { loadKeyRing, trackingTokens } from '../../src/sealing/index.ts';
import { openSqliteStore } from '../../src/store/sqlite/index.ts';
import { type ChatItem, chatAdapter } from './chat-adapter.ts';

/** An hour ahead of the machine: what the store dates by its own clock is due already. */
export const noon = Date.now() + 3600_000;

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The house on a real store in a folder of its own, with a clock that stands still until told. */
export interface Town {
  readonly house: House;
  readonly clock: TestClock;
  readonly settings: IntakeSettings;
  readonly chat: RunningAccount;
  /** A batch pushed by the pretended provider, as one envelope. */
  deliver(id: string, items: readonly ChatItem[], account?: string): Promise<void>;
  say(submission: Partial<MessageSubmission>, key: string, who?: Partial<Actor>): ReturnType<typeof receive>;
  /** Works off everything that is due now, stage after stage; the clock is moved past settling first where asked. */
  work(afterMs?: number): Promise<void>;
  records(): Promise<RecordView[]>;
  /** Differences of every book, counted twice: all must be 0. */
  balance(): Promise<number[]>;
  close(): Promise<void>;
}

/** Operations' ports where nothing runs. */
export const quietPorts: OperationsPorts = {
  accounts: () => [],
  destinations: () => [],
  ready: () => true,
  resume: () => undefined,
  alarms: async () => [],
  acknowledge: async () => false,
};

export const actor = (over: Partial<Actor> = {}): Actor => ({
  name: 'key:test',
  scopes: new Set<Scope>(scopes),
  account: 'api',
  ...over,
});

export interface TownOptions {
  readonly adapter?: Adapter;
  /** Settings of its accounts, as the adapter's schema read them. */
  readonly config?: unknown;
  readonly planNotices?: House['planNotices'];
  readonly settings?: Partial<IntakeSettings>;
}

export async function openTown(options: TownOptions = {}): Promise<Town> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kapi-town-'));
  const keys = loadKeyRing(dataDir);
  const store = await openSqliteStore({
    dataDir,
    keys,
    hosting: 'inline',
    institution: 'ornek',
    onFatal: (error) => {
      throw error;
    },
  });
  const clock = createTestClock(noon);
  const adapter = options.adapter ?? chatAdapter(true);
  const chatSettings = sampleAccount({
    id: 'chat',
    adapter: 'chat-test',
    settles: adapter.capabilities.settles,
  });
  const api = sampleAccount({ id: 'api', adapter: 'api', entrance: true, settles: false });
  const settings = sampleSettings({
    accounts: new Map([
      ['chat', chatSettings],
      ['chat-2', { ...chatSettings, id: 'chat-2' }],
      ['api', api],
      ['cagri-153', { ...api, id: 'cagri-153' }],
    ]),
    ...options.settings,
  });
  const house: House = {
    ...createHouse(store, silent, () => settings, options.planNotices ?? (() => []), trackingTokens(keys)),
    clock,
  };
  const token = 'gizli-anahtar';
  const config = options.config ?? { token };
  const run = (id: string): RunningAccount => ({
    settings: { ...chatSettings, id },
    adapter,
    config,
    context: (signal, cursor) => ({
      account: id,
      config,
      signal,
      cursor,
      http: () => Promise.reject(new Error('no network')),
      log: silent,
      health: () => undefined,
    }),
  });
  const chat = run('chat');
  const accounts = new Map([chat, run('chat-2')].map((account) => [account.settings.id, account]));
  const running = () => accounts;
  const refused = new RefusedCalls();
  const fetching = {
    accounts: running,
    parsers: { parse: () => Promise.reject(new Error('no parser')) },
    fetchUrl: async (url: string) => {
      if (url.includes('yok')) throw new RejectedError('media_expired', 'gone');
      return (async function* () {
        yield Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex');
      })();
    },
    maxBytes: 1_000_000,
    mediaTypes: new Set(['image/png']),
    signal: new AbortController().signal,
  };
  const lease = () => ({ max: 100, leaseMs: 60_000, now: clock.now() });

  async function round(): Promise<number> {
    const reads = await store.pipeline.claim('read', lease());
    await store.pipeline.save(
      reads.map((work) => saveOrPark('read', work, () => read(house, running, work))),
    );
    const fetches = await store.pipeline.claim('fetch', lease());
    for (const work of fetches) await store.pipeline.save([await fetchPart(house, fetching, work)]);
    const talks = await store.pipeline.claim('assemble', lease());
    for (const work of talks) await store.pipeline.save([await assemble(house, work)]);
    return reads.length + fetches.length + talks.length;
  }

  return {
    house,
    clock,
    settings,
    chat,
    async deliver(id, items, account = 'chat') {
      const request: PushRequest = {
        method: 'POST',
        target: `/webhooks/chat-test/${account}?id=${id}&token=${token}`,
        publicUrl: 'http://127.0.0.1/',
        query: new URLSearchParams({ id, token }),
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ items })),
        remoteAddress: '127.0.0.1',
      };
      await push(house, { accounts: running, refused }, 'chat-test', account, request);
    },
    say: (submission, key, who) =>
      receive(house, { channel: 'phone', text: 'Su yok', ...submission }, key, actor(who)),
    async work(afterMs = 0) {
      while ((await round()) > 0);
      if (afterMs === 0) return;
      clock.advance(afterMs);
      while ((await round()) > 0);
    },
    async records() {
      const page = await store.reader.records({ limit: 100, order: 'oldest' });
      const views = await Promise.all(page.items.map(({ id }) => store.reader.record({ id })));
      return views.flatMap((view) => (view ? [view] : []));
    },
    async balance() {
      const books = [...(await store.reader.books()), ...(await store.reader.recount())];
      return books.map(difference);
    },
    async close() {
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** What the stage runner does with a row that throws. */
function saveOrPark<W extends { readonly id: string; readonly token: number }>(
  stage: 'read',
  work: W,
  make: () => ReturnType<typeof read>,
): { work?: NonNullable<ReturnType<typeof read>['work']>; changes: readonly Change[] } {
  try {
    return make();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'internal';
    return {
      work: { stage, id: work.id, token: work.token, ending: { end: 'parked', code, detail: 'refused' } },
      changes: [],
    };
  }
}

/** A town of its own for every test of the file; after each its books must balance, counted twice. */
export function eachInATown(use: (town: Town) => void, options: TownOptions = {}): void {
  let town: Town;
  beforeEach(async () => {
    town = await openTown(options);
    use(town);
  });
  afterEach(async () => {
    expect((await town.balance()).filter((off) => off !== 0)).toEqual([]);
    await town.close();
  });
}
