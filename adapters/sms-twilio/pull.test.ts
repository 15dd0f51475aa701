import type { AccountHealth, AdapterContext, PullBatch, PulledEnvelope, PullOutcome } from '@kapi/contract';
import { codeOf, kindOfError } from '@kapi/contract';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { adapter } from './adapter.ts';
import { type Config, config as schema } from './config.ts';
import { pull } from './pull.ts';
import { type Kept, type MessagesList, startMessagesList } from './testing/messages-list.ts';
import { account, context, raw, sid, token } from './testing/samples.ts';

const hour = 60 * 60_000;
const ago = (ms: number) => new Date(Date.now() - ms);
const kept = (number: string, at: Date, more: Partial<Kept> = {}): Kept => ({
  sid: sid(number),
  at,
  ...more,
});

let list: MessagesList;
afterEach(async () => {
  vi.useRealTimers();
  await list.stop();
});

/** What the core does with a source: keys once, the cursor in the same step. */
class Core {
  readonly offered: string[] = [];
  readonly envelopes = new Map<string, PulledEnvelope>();
  readonly health: AccountHealth[] = [];
  cursor: string | undefined;
  readonly #settings: Config;
  constructor(more: Readonly<Record<string, unknown>> = {}) {
    this.#settings = schema.parse({ ...raw, apiUrl: list.url, ...more });
  }

  /** Opens the source and takes batches until one sweep is complete, or it throws. */
  async sweep(outcomeOf: (key: string) => PullOutcome = () => 'stored'): Promise<void> {
    const abort = new AbortController();
    const source = pull.open(this.#context(abort.signal))[Symbol.asyncIterator]();
    const swept = () => this.health.at(-1)?.state === 'connected';
    this.health.length = 0;
    try {
      for (let next = source.next(); ; next = source.next()) {
        const ended = await Promise.race([
          next,
          vi.waitUntil(swept, { timeout: 5000 }).then(() => undefined),
        ]);
        if (ended === undefined || ended.done) return;
        await this.#take(ended.value, outcomeOf);
      }
    } finally {
      abort.abort();
    }
  }

  async #take(batch: PullBatch, outcomeOf: (key: string) => PullOutcome): Promise<void> {
    const outcomes = batch.envelopes.map(({ key }) => outcomeOf(key));
    for (const [index, envelope] of batch.envelopes.entries()) {
      this.offered.push(envelope.key);
      if (outcomes[index] === 'stored') this.envelopes.set(envelope.key, envelope);
    }
    this.cursor = batch.cursor ?? this.cursor;
    await batch.settle(outcomes);
  }

  #context(signal: AbortSignal): AdapterContext<Config> {
    const made = context(this.#settings);
    return { ...made, signal, cursor: this.cursor, health: (state) => void this.health.push(state) };
  }

  get since(): number {
    return Date.parse(JSON.parse(this.cursor ?? '{}').since);
  }
}

describe('a sweep', () => {
  test('brings what came since the last one, oldest first, over all pages and days', async () => {
    const lost = [50, 49, 26, 25, 3, 2, 1].map((hours) => kept(String(100 + hours), ago(hours * hour)));
    list = await startMessagesList(lost.toReversed(), 2);
    const core = new Core();
    core.cursor = JSON.stringify({ since: ago(60 * hour).toISOString() });
    await core.sweep();
    expect(core.offered).toEqual(lost.map((message) => message.sid));
    expect(list.authorizations).toEqual(
      new Set([`Basic ${Buffer.from(`${account}:${token}`).toString('base64')}`]),
    );
    expect(core.since).toBeGreaterThan(Date.now() - hour);
  });

  test('begins an hour before the first start, and says so at once even where Twilio is away', async () => {
    list = await startMessagesList([kept('1', ago(2 * hour)), kept('2', ago(hour / 2))]);
    list.refuseWith('hang up');
    const core = new Core();
    await expect(core.sweep()).rejects.toMatchObject({ code: 'provider_unavailable' });
    const begun = core.cursor;
    expect(begun).toBeDefined();
    list.refuseWith(undefined);
    await core.sweep();
    expect(core.offered).toEqual([sid('2')]);
  });

  test('overlaps the one before, and offers again only what another session stored', async () => {
    list = await startMessagesList([kept('1', ago(hour / 4))]);
    const core = new Core();
    await core.sweep();
    // It was on its way while a later one was in the list already.
    list.kept.push(kept('2', ago(hour / 2)));
    await core.sweep();
    expect(core.offered).toEqual([sid('1'), sid('2'), sid('1')]);
    expect(core.envelopes.size).toBe(2);
  });

  test('does not move on past a message that was left', async () => {
    list = await startMessagesList([kept('1', ago(30 * hour)), kept('2', ago(2 * hour))]);
    const core = new Core();
    const before = ago(40 * hour).toISOString();
    core.cursor = JSON.stringify({ since: before });
    await core.sweep((key) => (key === sid('1') ? 'left' : 'stored'));
    expect(core.offered).toEqual([sid('1'), sid('2')]);
    expect(core.since).toBeLessThan(Date.now() - 30 * hour);
    await core.sweep();
    expect(core.envelopes.size).toBe(2);
    expect(core.since).toBeGreaterThan(Date.now() - hour);
  });

  test('takes what citizens sent to our numbers, and nothing else', async () => {
    list = await startMessagesList([
      kept('1', ago(1000)),
      kept('2', ago(1000), { to: '+908505550154' }),
      kept('3', ago(1000), { to: '+908505550199' }),
      kept('4', ago(1000), { to: '3838' }),
      kept('5', ago(1000), { direction: 'outbound-api', status: 'delivered' }),
      kept('6', ago(1000), { status: 'receiving' }),
    ]);
    const numbers = ['+908505550153', '+908505550154', '3838'];
    const core = new Core({ from: undefined, messagingServiceSid: `MG${'a'.repeat(32)}`, numbers });
    await core.sweep();
    expect(core.offered.toSorted()).toEqual([sid('1'), sid('2'), sid('4')]);
  });

  test('carries the media and the time the list knows', async () => {
    const at = new Date(Math.floor((Date.now() - hour / 2) / 1000) * 1000);
    const media = [{ sid: sid('1', 'ME'), contentType: 'image/jpeg' }];
    list = await startMessagesList([kept('1', at, { media })]);
    const core = new Core();
    await core.sweep();
    const envelope = core.envelopes.get(sid('1'));
    expect(envelope?.receivedAt).toBe(at.toISOString());
    const parts = adapter.parts?.(
      { id: 'e', adapter: 'sms-twilio', account: 'sms-153', ...envelope, receivedAt: '' } as never,
      {} as never,
    );
    expect(parts).toMatchObject([
      {
        mediaType: 'image/jpeg',
        source: `https://api.twilio.com/2010-04-01/Accounts/${account}/Messages/${sid('1')}/Media/${sid('1', 'ME')}`,
      },
    ]);
  });

  test.each([
    [
      'asks to slow down',
      { status: 429, code: 20429, retryAfter: '7' },
      'transient',
      /HTTP 429, error 20429/,
      7000,
    ],
    ['fails', { status: 503, code: 20503 }, 'transient', /HTTP 503, error 20503/, undefined],
    ['is away', 'hang up', 'transient', /does not answer/, undefined],
    [
      'refuses the token',
      { status: 401, code: 20003 },
      'config',
      /accountSid, authTokens: .*HTTP 401, error 20003/,
      undefined,
    ],
    ['moved', { status: 302, code: 0 }, 'transient', /HTTP 302/, undefined],
  ] as const)(
    'that meets a Twilio which %s ends with a coded error',
    async (_name, answer, kind, words, wait) => {
      list = await startMessagesList([kept('1', ago(1000))]);
      list.refuseWith(answer);
      const thrown: unknown = await new Core().sweep().catch((error: unknown) => error);
      expect(kindOfError(thrown)).toBe(kind);
      expect(codeOf(thrown)).toBeDefined();
      expect(thrown).toMatchObject({ message: expect.stringMatching(words), retryAfterMs: wait });
      expect(String(thrown)).not.toMatch(/\+90|5ecre7/);
    },
  );

  test('comes again after its minutes, and not at all with 0', async () => {
    list = await startMessagesList([]);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const abort = new AbortController();
    const own = schema.parse({ ...raw, apiUrl: list.url, sweepMinutes: 30 });
    const source = pull.open({
      ...context(own),
      signal: abort.signal,
      cursor: JSON.stringify({ since: new Date().toISOString() }),
    });
    const iterator = source[Symbol.asyncIterator]();
    // A cursor for each day the window touches: the sweep is over when the next one needs the clock.
    const days = new Set(
      [new Date(Date.now() - hour), new Date()].map((date) => date.toISOString().slice(0, 10)),
    );
    for (const _day of days) await iterator.next();
    const asked = list.asked.length;
    const next = iterator.next();
    await vi.advanceTimersByTimeAsync(29 * 60_000);
    expect(list.asked).toHaveLength(asked);
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await next).done).toBe(false);
    expect(list.asked.length).toBeGreaterThan(asked);
    abort.abort();

    const never = new AbortController();
    const off = pull.open({ ...context({ ...own, sweepMinutes: 0 }), signal: never.signal, cursor: '{}' });
    const waiting = off[Symbol.asyncIterator]().next();
    const before = list.asked.length;
    await vi.advanceTimersByTimeAsync(48 * hour);
    never.abort();
    expect((await waiting).done).toBe(true);
    expect(list.asked).toHaveLength(before);
  });

  test('follows no page to another host', async () => {
    list = await startMessagesList([]);
    const core = new Core();
    vi.spyOn(globalThis, 'fetch').mockImplementationOnce(async () =>
      Response.json({ messages: [], next_page_uri: 'https://example.org/2010-04-01/Messages.json' }),
    );
    await expect(core.sweep()).rejects.toThrow('Twilio named a page on another host');
    expect(list.asked).toEqual([]);
  });
});
