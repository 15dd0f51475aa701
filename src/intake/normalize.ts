import {
  type Change,
  type InboundMessage,
  type Normalized,
  type Part,
  PayloadError,
  type ReadWork,
  type Save,
  type StatusItem,
  toEpoch,
} from '@kapi/contract';
import { partsOf } from './accept.ts';
import { canonicalJson, messageHash, sha256 } from './hash.ts';
import type { House } from './house.ts';
import { isEmergency } from './join.ts';
import type { RunningAccount, RunningAccounts } from './running.ts';

const unsettledParts = (parts: readonly Part[]): Part[] =>
  parts.filter((part) => part.wait === 'needed' && (part.state === 'pending' || part.state === 'retrying'));

/**
 * The read stage: one envelope with its parts to items, each under its own key. Waits for parts marked
 * needed, up to the account's `partsWaitSeconds`; then reads on without them.
 */
export function read(house: House, accounts: RunningAccounts, work: ReadWork): Save {
  const claim = { stage: 'read', id: work.id, token: work.token } as const;
  const account = accounts().get(work.envelope.account);
  if (account === undefined) {
    throw new PayloadError(
      'payload_unreadable',
      `no running account «${work.envelope.account}» reads this envelope`,
    );
  }
  const now = house.clock.now();
  const waitUntil = work.acceptedAt + account.settings.partsWaitSeconds * 1000;
  if (unsettledParts(work.parts).length > 0 && now < waitUntil) {
    // A part that is stored makes the envelope due at once; this is only the end of the patience.
    return {
      work: {
        ...claim,
        ending: { end: 'retry', at: waitUntil, reason: 'waits for parts', countAttempt: false },
      },
      changes: [],
    };
  }
  const items = normalizeChecked(account, work);
  // A newer adapter may name parts that the one which took the envelope did not know.
  const unknown = partsOf(account, work.envelope).filter(({ key }) =>
    work.parts.every((part) => part.key !== key),
  );
  return {
    work: { ...claim, ending: { end: 'done' } },
    changes: [
      ...unknown.map(
        (ref): Change => ({
          do: 'put-part',
          envelopeId: work.envelope.id,
          part: { ...ref, state: 'pending' },
        }),
      ),
      ...items.messages.map((message) => toPutMessage(house, account, work, message)),
      ...items.statuses.flatMap((status) => toStatusChanges(work, status)),
      ...items.ignored.map(({ key, reason }): Change => putItem(work, key, 'ignored', reason, reason)),
      ...items.failed.map(
        ({ key, code, detail }): Change => ({ ...putItem(work, key, 'failed', code, code), detail }),
      ),
    ],
  };
}

/** Runs normalize and refuses a result in which two items share a key: that would lose one of them. */
function normalizeChecked(account: RunningAccount, work: Pick<ReadWork, 'envelope' | 'parts'>): Normalized {
  const items = account.adapter.normalize(work.envelope, work.parts, account.config);
  const keys = [...items.messages, ...items.statuses, ...items.ignored, ...items.failed].map(
    (item) => item.key,
  );
  if (new Set(keys).size !== keys.length)
    throw new Error(`adapter ${account.adapter.id} gave two items one key`);
  return items;
}

function putItem(
  work: ReadWork,
  key: string,
  kind: 'status' | 'ignored' | 'failed',
  reason: string,
  content: string,
) {
  const { id, account } = work.envelope;
  return {
    do: 'put-item',
    item: { envelopeId: id, account, key, contentHash: sha256(content) },
    kind,
    reason,
  } as const;
}

/** When it was said, never later than it was heard: a wrong clock at the provider makes nothing wait for it. */
function instantOf(claimed: string | undefined, heardAt: number): number {
  const at = claimed === undefined ? heardAt : toEpoch(claimed);
  return Number.isNaN(at) ? heardAt : Math.min(at, heardAt);
}

function toPutMessage(
  house: House,
  account: RunningAccount,
  work: ReadWork,
  message: InboundMessage,
): Change {
  const { envelope } = work;
  const { settles, settleQuietSeconds, settleMaxSeconds } = account.settings;
  const receivedAt = toEpoch(envelope.receivedAt);
  const saidAt = instantOf(message.sentAt, receivedAt);
  const parts = work.parts.filter((part) =>
    message.attachments.some((reference) => reference.part === part.key),
  );
  const emergency = isEmergency(message, house.settings().lexicon);
  // Quiet is measured by provider time: a backlog of hours is settled already. An emergency is due since
  // ever, and so before whatever waits.
  const [quiet, longest] = settles ? [settleQuietSeconds, settleMaxSeconds] : [0, 0];
  return {
    do: 'put-message',
    item: {
      envelopeId: envelope.id,
      account: envelope.account,
      key: message.key,
      contentHash: messageHash(message, parts),
    },
    message: {
      id: house.ids.uuid(),
      account: envelope.account,
      adapter: envelope.adapter,
      envelopeId: envelope.id,
      channel: message.channel,
      receivedAt,
      saidAt,
      content: message,
    },
    placement: {
      place: 'settle',
      conversation: { account: envelope.account, senderId: message.sender.id },
      dueAt: emergency ? 0 : saidAt + quiet * 1000,
      latestAt: emergency ? 0 : saidAt + longest * 1000,
    },
  };
}

function toStatusChanges(work: ReadWork, status: StatusItem): Change[] {
  const { what } = status;
  const at = instantOf(status.at, toEpoch(work.envelope.receivedAt));
  const item: Change = putItem(work, status.key, 'status', what.kind, canonicalJson(what));
  if (what.kind !== 'report') {
    const { account } = work.envelope;
    return [item, { do: 'opt-out', account, address: what.address, out: what.kind === 'opt-out', at }];
  }
  const reason = [what.code, what.detail].filter(Boolean).join(' ');
  return [
    item,
    {
      do: 'put-report',
      account: work.envelope.account,
      ref: what.ref,
      state: what.state === 'read' ? 'delivered' : what.state,
      at,
      ...(reason !== '' && { reason }),
    },
  ];
}

/** The same reading without a trace: for previews and dry runs. */
export const normalizeOnly = normalizeChecked;
