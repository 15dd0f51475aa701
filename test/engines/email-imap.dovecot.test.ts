import type { AccountHealth, AdapterContext, PullBatch, PulledEnvelope, PullOutcome } from '@kapi/contract';
import { ImapFlow } from 'imapflow';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Config } from '../../adapters/email-imap/config.ts';
import { config as schema } from '../../adapters/email-imap/config.ts';
import { probe } from '../../adapters/email-imap/connection.ts';
import { pull } from '../../adapters/email-imap/pull.ts';
import { type Dovecot, missingDovecot, startCutter, startDovecot } from '../support/dovecot.ts';

const missing = missingDovecot();

const mail = (n: number, body = `Şikâyet ${n}: sokak lambası yanmıyor.`) =>
  Buffer.from(
    `From: Vatandaş ${n} <v${n}@posta.example>\r\nTo: sok@bursa.example\r\nSubject: Lamba ${n}\r\nDate: Sun, 22 Nov 2026 09:14:03 +0300\r\nMessage-ID: <m${n}@posta.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}\r\n`,
  );

/** What the core does with a source: unique keys, cursor in the same step, open again when it ends. */
class Core {
  readonly stored = new Map<string, PulledEnvelope>();
  readonly health: AccountHealth[] = [];
  repeats = 0;
  cursor: string | undefined;
  opens = 0;
  private readonly config: Config;
  constructor(config: Config) {
    this.config = config;
  }

  context(signal: AbortSignal): AdapterContext<Config> {
    const silent = () => undefined;
    return {
      account: 'eposta',
      config: this.config,
      signal,
      cursor: this.cursor,
      http: () => Promise.reject(new Error('no network')),
      log: { debug: silent, info: silent, warn: silent, error: silent },
      health: (state) => this.health.push(state),
    };
  }

  /** Reads until `enough`, opening again after every failure. */
  async run(
    enough: () => boolean,
    take: (batch: PullBatch) => readonly PullOutcome[] = (batch) => this.commit(batch),
  ): Promise<void> {
    while (!enough()) {
      const abort = new AbortController();
      this.opens += 1;
      try {
        for await (const batch of pull.open(this.context(abort.signal))) {
          const outcomes = take(batch);
          await batch.settle(outcomes);
          // As the core does: where the store took nothing, the source is opened again at the last cursor.
          const nothing = outcomes.length > 0 && outcomes.every((outcome) => outcome === 'left');
          if (nothing || enough()) break;
        }
      } catch (thrown) {
        expect((thrown as { code?: unknown }).code).toMatch(/^(?:provider|store)_unavailable$/);
      } finally {
        abort.abort();
      }
    }
  }

  commit(batch: PullBatch): PullOutcome[] {
    for (const envelope of batch.envelopes) {
      if (this.stored.has(envelope.key)) this.repeats += 1;
      else this.stored.set(envelope.key, envelope);
    }
    this.cursor = batch.cursor ?? this.cursor;
    return batch.envelopes.map(() => 'stored');
  }

  get subjects(): string[] {
    return [...this.stored.values()]
      .map(({ body }) => /^Subject: (.*)\r?$/m.exec(Buffer.from(body).toString())?.[1] ?? '')
      .toSorted();
  }
}

describe.skipIf(missing !== undefined)(
  `email-imap against Dovecot${missing === undefined ? '' : `: ${missing}`}`,
  () => {
    let dovecot: Dovecot;
    let client: ImapFlow;

    const settings = (more: Readonly<Record<string, unknown>> = {}): Config =>
      schema.parse({
        address: 'sok@bursa.example',
        imapHost: '127.0.0.1',
        imapPort: dovecot.port,
        imapSecurity: 'none-on-loopback',
        imapUser: dovecot.user,
        imapPassword: dovecot.password,
        backlog: 'all',
        ...more,
      });

    async function reconnect(): Promise<void> {
      client = new ImapFlow({
        host: '127.0.0.1',
        port: dovecot.port,
        secure: false,
        doSTARTTLS: false,
        auth: { user: dovecot.user, pass: dovecot.password },
        logger: false,
      });
      client.on('error', () => undefined);
      await client.connect();
    }
    const deliver = async (...mails: readonly Buffer[]) => {
      for (const raw of mails) await client.append('INBOX', raw);
    };
    const withFlag = async (query: { seen?: boolean; flagged?: boolean }) => {
      await client.mailboxOpen('INBOX');
      const found = await client.search(query, { uid: true });
      return Array.isArray(found) ? found.length : 0;
    };

    beforeAll(async () => {
      dovecot = await startDovecot();
    });
    afterAll(() => dovecot.stop());
    beforeEach(async () => {
      await reconnect();
      for (const { path } of await client.list()) {
        await client.mailboxOpen(path);
        await client.messageDelete('1:*').catch(() => false);
        if (path !== 'INBOX') {
          await client.mailboxClose();
          await client.mailboxDelete(path);
        }
      }
    });
    afterEach(() => client.close());

    test('marks a mail as seen only after its envelope is stored, and leaves what is not stored unseen', async () => {
      await deliver(mail(1), mail(2));
      const core = new Core(settings());
      const abort = new AbortController();
      const source = pull.open(core.context(abort.signal))[Symbol.asyncIterator]();
      const first = await source.next();
      expect(first.done).toBe(false);
      expect(await withFlag({ seen: true })).toBe(0);
      await first.value?.settle(['stored', 'left']);
      expect(await withFlag({ seen: true })).toBe(1);
      abort.abort();
      await source.return?.();
      await core.run(() => core.stored.size === 2);
      expect(await withFlag({ seen: true })).toBe(2);
    });

    test('a batch of which nothing can be committed comes again, and nothing is marked or passed over', async () => {
      await deliver(mail(1), mail(2));
      const core = new Core(settings());
      let refused = 0;
      await core.run(
        () => core.stored.size === 2,
        (batch) => {
          if (refused === 2) return core.commit(batch);
          refused += 1;
          return batch.envelopes.map(() => 'left');
        },
      );
      expect(core.opens).toBe(3);
      expect(core.subjects).toEqual(['Lamba 1', 'Lamba 2']);
    });

    test('a crash after the commit and before the mark repeats under the same key, and the mark follows', async () => {
      await deliver(mail(1));
      const core = new Core(settings());
      const abort = new AbortController();
      const source = pull.open(core.context(abort.signal))[Symbol.asyncIterator]();
      const { value } = await source.next();
      core.commit(value);
      abort.abort();
      await source.return?.();
      expect(await withFlag({ seen: true })).toBe(0);
      await core.run(() => core.repeats === 1);
      expect(core.stored.size).toBe(1);
      expect(await withFlag({ seen: true })).toBe(1);
    });

    test('a new UIDVALIDITY is looked through whole, and only new content is new', async () => {
      await deliver(mail(1), mail(2), mail(3));
      const core = new Core(settings());
      await core.run(() => core.stored.size === 3);
      const before = core.cursor;
      client.close();
      await dovecot.forgetUids();
      await reconnect();
      await deliver(mail(4));
      await core.run(() => core.stored.size === 4);
      expect(core.repeats).toBe(3);
      expect(core.subjects).toEqual(['Lamba 1', 'Lamba 2', 'Lamba 3', 'Lamba 4']);
      expect(core.cursor).not.toBe(before);
    });

    test('the same mail in another folder repeats; one Message-ID with two contents is two mails', async () => {
      await client.mailboxCreate('Sikayet');
      await deliver(mail(1), mail(1, 'başka bir metin'));
      await client.append('Sikayet', mail(1));
      const core = new Core(settings({ folders: ['INBOX', 'Sikayet'] }));
      await core.run(() => core.stored.size + core.repeats === 3);
      expect(core.stored.size).toBe(2);
    });

    test('a folder that is not there keeps no mail of the others, and is named', async () => {
      await deliver(mail(1));
      const core = new Core(settings({ folders: ['Yok', 'INBOX'], pollSeconds: 1 }));
      await core.run(() => core.stored.size === 1);
      const abort = new AbortController();
      const source = pull.open(core.context(abort.signal))[Symbol.asyncIterator]();
      const next = source.next();
      await vi.waitFor(
        () =>
          expect(core.health.at(-1)).toMatchObject({
            state: 'failing',
            detail: expect.stringMatching(/Yok, which .*; reading INBOX$/),
          }),
        5_000,
      );
      await deliver(mail(2));
      expect((await next).value?.envelopes).toHaveLength(1);
      abort.abort();
      await source.return?.();
    });

    test('a mailbox of which no folder opens is a mistake of the configuration', async () => {
      const core = new Core(settings({ folders: ['Yok'] }));
      const source = pull.open(core.context(new AbortController().signal))[Symbol.asyncIterator]();
      await expect(source.next()).rejects.toMatchObject({ code: 'config_invalid' });
    });

    test('two mails with the same words and another time are two', async () => {
      const again = Buffer.from(mail(1).toString().replace('m1@', 'm1b@').replace('09:14:03', '09:15:40'));
      await deliver(mail(1), again);
      const core = new Core(settings());
      await core.run(() => core.stored.size === 2);
      expect(core.repeats).toBe(0);
    });

    test('a mail that is too large is stored as its beginning, flagged and left', async () => {
      await deliver(mail(1, 'x'.repeat(400_000)), mail(2));
      const core = new Core(settings({ maxBytes: 65_536 }));
      await core.run(() => core.stored.size === 2);
      const large = [...core.stored.values()].find(
        ({ headers }) => headers['x-kapi-too-large'] !== undefined,
      );
      expect(large?.body.length).toBe(262_144);
      expect(Number(large?.headers['x-kapi-too-large'])).toBeGreaterThan(400_000);
      expect(await withFlag({ flagged: true })).toBe(1);
      expect(await withFlag({ seen: true })).toBe(1);
    });

    test('stored mail moves where the account says', async () => {
      await deliver(mail(1), mail(2));
      const core = new Core(settings({ moveTo: 'Islenen' }));
      await core.run(() => core.stored.size === 2);
      expect((await client.mailboxOpen('Islenen')).exists).toBe(2);
      expect((await client.mailboxOpen('INBOX')).exists).toBe(0);
    });

    test('of a mailbox that is there already only the unread mail is taken', async () => {
      await client.append('INBOX', mail(1), ['\\Seen'], new Date('2020-01-01'));
      await client.append('INBOX', mail(2), [], new Date('2020-01-01'));
      const core = new Core(settings({ backlog: 'unseen' }));
      await core.run(() => core.stored.size === 1);
      expect(core.subjects).toEqual(['Lamba 2']);
    });

    test('new mail comes long before the poll is due', async () => {
      const core = new Core(settings({ pollSeconds: 60 }));
      await deliver(mail(1));
      const abort = new AbortController();
      const source = pull.open(core.context(abort.signal))[Symbol.asyncIterator]();
      const first = await source.next();
      await first.value?.settle(['stored']);
      const second = source.next();
      for (let n = 2; core.stored.size === 0; n += 1) {
        await deliver(mail(n));
        const won = await Promise.race([second, client.noop().then(() => undefined)]);
        if (won !== undefined && won.done !== true) core.commit(won.value);
      }
      expect(core.stored.size).toBeGreaterThan(0);
      abort.abort();
      await source.return?.();
    });

    test('300 mails through connections that are cut anywhere: none lost, none doubled', async () => {
      const all = Array.from({ length: 300 }, (_, n) => mail(n, 'çöp '.repeat((n * 37) % 900)));
      await deliver(...all);
      let seed = 20261122;
      const random = () => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return seed / 2 ** 32;
      };
      let connections = 0;
      const cutter = await startCutter(dovecot.port, () => {
        connections += 1;
        return connections > 60 ? undefined : Math.floor(random() * 120_000);
      });
      try {
        const core = new Core(settings({ imapPort: cutter.port }));
        await core.run(() => core.stored.size === 300 && connections > 20);
        expect(cutter.cuts()).toBeGreaterThan(5);
        expect(new Set(core.subjects).size).toBe(300);
        expect(core.stored.size).toBe(300);
      } finally {
        await cutter.stop();
      }
      const again = new Core(settings());
      await again.run(() => again.stored.size === 300);
      expect(again.subjects).toHaveLength(300);
    });

    test('a server killed between two batches is found again', async () => {
      await deliver(...Array.from({ length: 120 }, (_, n) => mail(n)));
      client.close();
      const core = new Core(settings());
      let crashed: Promise<void> | undefined;
      await core.run(
        () => core.stored.size === 120,
        (batch) => {
          crashed ??= dovecot.crash();
          return core.commit(batch);
        },
      );
      await crashed;
      await reconnect();
      expect(core.subjects).toHaveLength(120);
    });

    test('a refused login says what to check and no secret', async () => {
      const core = new Core(settings({ imapPassword: 'yanlis-parola' }));
      const { ok, detail } = await probe(core.context(new AbortController().signal));
      expect(ok).toBe(false);
      expect(detail).toMatch(/refused the login of sok: check imapUser and imapPassword/);
      expect(core.health.at(-1)?.state).toBe('failing');
      expect(JSON.stringify(core.health)).not.toContain('yanlis-parola');
    });

    test('doctor counts what the folders hold', async () => {
      await deliver(mail(1));
      const core = new Core(settings());
      expect(await probe(core.context(new AbortController().signal))).toEqual({
        ok: true,
        detail: 'INBOX: 1 mails, 1 unread',
      });
    });
  },
);
