import {
  type AcceptEntry,
  type AcceptOutcome,
  type Envelope,
  type PartRef,
  type PushAnswer,
  type PushRequest,
  type PushSource,
  RefusedRequest,
  TransientError,
  toInstant,
} from '@kapi/contract';
import { peekText } from '../understanding/index.ts';
import { sha256 } from './hash.ts';
import type { House } from './house.ts';
import type { RefusedCalls } from './refused-calls.ts';
import type { RunningAccount, RunningAccounts } from './running.ts';

/** Request headers worth keeping beside the bytes: never authorisation, never cookies. */
const keptHeaders = new Set([
  'content-type',
  'content-language',
  'user-agent',
  'date',
  'x-request-id',
  'webhook-id',
  'i-twilio-idempotency-token',
]);

/** What an adapter hands over, as the entry the store accepts. Asks the adapter which parts it will need. */
export function toEntry(
  house: House,
  account: RunningAccount,
  received: {
    readonly id: string;
    readonly at: number;
    readonly key: string;
    readonly contentType: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array;
  },
  cursor?: string,
): AcceptEntry {
  const envelope: Envelope = {
    id: received.id,
    adapter: account.adapter.id,
    account: account.settings.id,
    receivedAt: toInstant(received.at),
    contentType: received.contentType,
    headers: received.headers,
    body: received.body,
  };
  return {
    envelope,
    key: received.key,
    contentHash: sha256(received.body),
    parts: partsOf(account, envelope),
    // Before anything is understood: what looks like an emergency is read before all that waits.
    urgent: house.settings().lexicon.emergency(peekText(received.body, received.contentType)) !== undefined,
    ...(cursor !== undefined && { cursor }),
  };
}

/** An adapter that cannot even name its parts is not a reason to lose the envelope: it is read without. */
export function partsOf(account: RunningAccount, envelope: Envelope): readonly PartRef[] {
  try {
    return account.adapter.parts?.(envelope, account.config) ?? [];
  } catch {
    return [];
  }
}

function pushSourceOf(account: RunningAccount | undefined): PushSource<unknown> | undefined {
  return account?.adapter.sources.find((source) => source.kind === 'push');
}

function find(accounts: RunningAccounts, adapter: string, account: string) {
  const running = accounts().get(account);
  const source = running?.adapter.id === adapter ? pushSourceOf(running) : undefined;
  return running && source && { running, source };
}

/** Largest body the account takes, or undefined: it takes no pushes. */
export const pushLimit = (accounts: RunningAccounts, adapter: string, account: string): number | undefined =>
  find(accounts, adapter, account)?.source.maxBytes;

export interface PushParts {
  readonly accounts: RunningAccounts;
  readonly refused: RefusedCalls;
}

/**
 * A provider's call: handshake, verify, commit, answer, in this order. Nothing is parsed, and no row is
 * touched, before the exact bytes are judged; no 2xx is given before the envelope is durable.
 */
export async function push(
  house: House,
  { accounts, refused }: PushParts,
  adapter: string,
  account: string,
  request: PushRequest,
): Promise<PushAnswer> {
  const found = find(accounts, adapter, account);
  if (!found)
    throw new RefusedRequest('unknown_account', 'No enabled account of that name takes calls here.');
  const { running, source } = found;
  const handshake = source.handshake?.(request, running.config);
  if (handshake) return handshake;
  if (request.method !== 'POST')
    throw new RefusedRequest('method_not_allowed', 'Only POST is answered here.');
  const verdict = source.verify(request, { config: running.config, now: house.clock.now() });
  if (verdict !== 'genuine') {
    refused.note(house, { adapter, account, verdict, body: request.body });
    if (verdict === 'stale')
      throw new RefusedRequest('stale_request', 'The signed time is too far from now.');
    throw new RefusedRequest('bad_signature', 'The signature does not match.');
  }
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      keptHeaders.has(name) && typeof value === 'string' ? [[name, value]] : [],
    ),
  );
  const entry = toEntry(house, running, {
    id: house.ids.uuid(),
    at: house.clock.now(),
    key: source.envelopeKey(request, running.config),
    contentType: headers['content-type'] ?? 'application/octet-stream',
    headers,
    body: request.body,
  });
  const [outcome] = await house.pipeline.accept([entry]);
  if (!stands(outcome))
    throw new TransientError('store_unavailable', 'Not stored; send it again.', { retryAfterMs: 5000 });
  return source.answer?.(request, running.config) ?? { status: 200 };
}

/** The envelope is durable: committed now, or already before. */
export const stands = (outcome: AcceptOutcome | undefined): boolean =>
  outcome?.result === 'accepted' || outcome?.result === 'repeated';
