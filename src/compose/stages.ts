import type { HttpClient, Logger, Reply, ReplyCapability } from '@kapi/contract';
import { assemble } from '../intake/assemble.ts';
import { type Bell, ring } from '../intake/clocks.ts';
import { fetchPart, type ParserPool } from '../intake/fetch.ts';
import type { House } from '../intake/house.ts';
import { read } from '../intake/normalize.ts';
import type { RunningAccount } from '../intake/running.ts';
import { runStage, type StageLoop } from '../intake/stage.ts';
import type { NoticeAccount, ReplyAccounts, Sender } from '../notify/index.ts';
import type { Metrics } from '../platform/index.ts';
import type { Accounts } from './accounts.ts';
import { fetchUrlOf } from './fetch-url.ts';
import { maxFileBytes } from './gateway.ts';
import { keptMediaTypes } from './house.ts';

export interface StageParts {
  readonly house: House;
  readonly accounts: Accounts;
  readonly parsers: ParserPool;
  readonly http: HttpClient;
  /** Hosts that a message's files may be fetched from, as configured now. */
  readonly urlHosts: () => readonly string[] | undefined;
  readonly bell: Bell;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Ends fetches in flight when the gateway stops. */
  readonly signal: AbortSignal;
}

/** Read, fetch, assemble and the clocks: each its own loop, none waits for another. */
export function startStages(parts: StageParts): StageLoop[] {
  const { house, accounts, bell, metrics, log } = parts;
  const common = { pipeline: house.pipeline, watch: house.watch, clock: house.clock, log };
  const broken = (stage: string) => (work: { readonly id: string }) =>
    void bell.raise(
      'bug',
      stage,
      `Bir ${stage} satırı beklenmedik biçimde işlenemedi (${work.id}); karantinaya bakın.`,
      'critical',
    );
  function quarantined(account: string, code: string): void {
    metrics.quarantined.add({ account, code });
    const text = `${account} hesabından gelen bir şey okunamadı (${code}); karantinada bekliyor.`;
    void bell.raise('quarantine', account, text, 'warning');
  }
  const fetching = {
    accounts: accounts.running,
    parsers: parts.parsers,
    fetchUrl: fetchUrlOf({ http: parts.http, hosts: parts.urlHosts }),
    maxBytes: maxFileBytes,
    mediaTypes: keptMediaTypes,
    signal: parts.signal,
  };
  return [
    runStage({
      ...common,
      stage: 'read',
      batch: 64,
      leaseMs: 60_000,
      pollMs: 1_000,
      process: (work) => read(house, accounts.running, work),
      done: (work, save) => {
        const { account } = work.envelope;
        if (save.work?.ending.end === 'parked') quarantined(account, save.work.ending.code);
        for (const change of save.changes) {
          if (change.do === 'put-message') metrics.messages.add({ account, channel: change.message.channel });
          if (change.do === 'put-item' && change.kind === 'failed') quarantined(account, change.reason);
        }
      },
      broken: broken('read'),
    }),
    runStage({
      ...common,
      stage: 'fetch',
      // A dead media host fills the places of its own account and no other's.
      lanes: {
        all: () =>
          [...house.settings().accounts.values()].flatMap(({ id, enabled }) => (enabled ? [id] : [])),
        of: ({ envelope }) => envelope.account,
      },
      batch: 8,
      leaseMs: 180_000,
      pollMs: 1_000,
      process: (work) => fetchPart(house, fetching, work),
      broken: broken('fetch'),
    }),
    runStage({
      ...common,
      stage: 'assemble',
      batch: 64,
      leaseMs: 60_000,
      pollMs: 500,
      process: (work) => assemble(house, work),
      done: (_work, save) => {
        for (const change of save.changes) {
          if (change.do === 'put-record' && change.expectedVersion === 0)
            metrics.records.add({ channel: change.record.channel });
          if (change.do === 'put-event') metrics.events.add({ name: change.event.name });
        }
      },
      broken: broken('assemble'),
    }),
    runStage({
      ...common,
      stage: 'timer',
      batch: 32,
      leaseMs: 60_000,
      pollMs: 1_000,
      process: (work) => ring(house, bell, work),
      broken: broken('timer'),
    }),
  ];
}

const replyOf = ({
  adapter,
}: RunningAccount): { reply: Reply<unknown>; capability: ReplyCapability } | undefined =>
  adapter.reply && adapter.capabilities.reply !== false
    ? { reply: adapter.reply, capability: adapter.capabilities.reply }
    : undefined;

/** The accounts through which citizens can be written to, as they run now. */
export function replyAccounts(house: Pick<House, 'settings'>, accounts: Accounts): ReplyAccounts {
  return {
    list: () =>
      [...accounts.running().values()].flatMap((account): NoticeAccount[] => {
        const [channel] = account.adapter.channels;
        const found = replyOf(account);
        if (!found || channel === undefined) return [];
        return [
          {
            id: account.settings.id,
            channel,
            reply: found.capability,
            abroad: account.adapter.capabilities.abroad,
          },
        ];
      }),
    sender(id): Sender | undefined {
      const account = accounts.running().get(id);
      const reply = account && replyOf(account)?.reply;
      if (!account || !reply) return undefined;
      const { lookup } = reply;
      return {
        send: (draft, signal) => reply.send(draft, account.context(signal)),
        ...(lookup && { lookup: (ref, signal) => lookup(ref, account.context(signal)) }),
      };
    },
    sendsNotices: (id) => house.settings().accounts.get(id)?.sendNotices ?? false,
  };
}
