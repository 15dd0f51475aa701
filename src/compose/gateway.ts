import { codeOf, kindOfError, toInstant } from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import { push, pushLimit } from '../intake/accept.ts';
import { receive } from '../intake/entrance.ts';
import { apply } from '../intake/events.ts';
import type { FetchOptions } from '../intake/fetch.ts';
import type { DeliveryFact } from '../intake/forward.ts';
import type { Gateway } from '../intake/gateway.ts';
import type { House } from '../intake/house.ts';
import { createOperations, type OperationsPorts } from '../intake/operations.ts';
import { PinLocks } from '../intake/pin-locks.ts';
import { type PreviewOptions, preview } from '../intake/preview.ts';
import { createQueue } from '../intake/queue.ts';
import { RefusedCalls } from '../intake/refused-calls.ts';
import { attachment, revealed } from '../intake/reveal.ts';
import { track, trackByToken } from '../intake/track.ts';
import { upload } from '../intake/upload.ts';
import type { Metrics } from '../platform/index.ts';
import type { Accounts } from './accounts.ts';
import { keptMediaTypes } from './house.ts';

/** Bytes of one file a citizen or integrator may send. */
export const maxFileBytes = 25 * 1024 * 1024;

export interface GatewayParts {
  readonly accounts: Accounts;
  readonly parsers: FetchOptions['parsers'];
  /** Names of the pulled destinations. */
  readonly queues: readonly string[];
  readonly operations: OperationsPorts;
  /** Signs leases, so that those handed out before a restart can still be acknowledged. */
  readonly leaseKey: Uint8Array;
  /** Hears of each try to deliver to a reader of a queue. */
  readonly observe: (fact: DeliveryFact) => void;
  readonly metrics?: Pick<Metrics, 'records' | 'envelopes'>;
}

/** Everything the entrances may ask of the house. */
export function createGateway(house: House, parts: GatewayParts): Gateway {
  const { accounts, parsers } = parts;
  const running = accounts.running;
  const locks = new PinLocks();
  const pushParts = { accounts: running, refused: new RefusedCalls() };
  const previewParts: PreviewOptions = {
    parsers,
    trial: (adapter, account) => accounts.trial(adapter, account),
  };
  return {
    reader: house.reader,
    queue: createQueue({
      ...house,
      queues: parts.queues,
      leaseKey: parts.leaseKey,
      observe: parts.observe,
    }),
    entrance: {
      async receive(submission, key, actor) {
        const receipt = await receive(house, submission, key, actor);
        failpoint('before-entrance-answer');
        if (!receipt.duplicate) parts.metrics?.records.add({ channel: submission.channel });
        return receipt;
      },
      upload: (file, actor) =>
        upload(house, file, actor, { maxBytes: maxFileBytes, mediaTypes: keptMediaTypes }),
      preview: (request, actor) => preview(house, previewParts, request, actor),
    },
    providers: {
      limit: (adapter, account) => pushLimit(running, adapter, account),
      async push(adapter, account, request) {
        const count = (result: string) => parts.metrics?.envelopes.add({ adapter, account, result });
        const answer = await push(house, pushParts, adapter, account, request).catch((error: unknown) => {
          // Names of strangers' making are no labels.
          if (codeOf(error) !== 'unknown_account')
            count(kindOfError(error) === 'refused' ? 'refused' : 'failed');
          throw error;
        });
        failpoint('before-push-answer');
        count('accepted');
        accounts.heard(account, toInstant(house.clock.now()));
        return answer;
      },
    },
    records: {
      apply: (number, event, actor, expectedVersion) => apply(house, number, event, actor, expectedVersion),
      track: (number, pin) => track(house, locks, number, pin),
      trackByToken: (token) => trackByToken(house, token),
      attachment: (number, id, actor, reason) => attachment(house, number, id, actor, reason),
      revealed: (number, actor, reason) => revealed(house, number, actor, reason),
    },
    operations: createOperations(house, parts.operations),
  };
}
