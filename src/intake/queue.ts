import { randomBytes } from 'node:crypto';
import type {
  ClaimRequest,
  CloudEvent,
  Ending,
  ForwardWork,
  Pipeline,
  Reader,
  Settlement,
  Store,
} from '@kapi/contract';
import { maskText, RefusedRequest, recordSchema, toCloudEvent } from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import type { DeliveryFact } from './forward.ts';
import type { Actor, Queue, QueueItem } from './gateway.ts';
import { fromLease, type Lease, toLease } from './lease.ts';
import { onward } from './onward.ts';
import type { Clock } from './stage.ts';

export interface QueueOptions {
  readonly pipeline: Pipeline;
  readonly reader: Pick<Reader, 'queue'>;
  readonly watch: Store['watch'];
  readonly clock: Clock;
  /** Milliseconds that no change of the wall clock moves. */
  readonly monotonic?: () => number;
  /** Names of the pulled destinations. */
  readonly queues: readonly string[];
  /** Handed out this often without an ack, a delivery is dead. */
  readonly maxAttempts?: number;
  /** Marks leases as ours; the same in every process and after a restart, or what is out at that moment cannot be acked. */
  readonly leaseKey?: Uint8Array;
  /** How often a waiting reader looks without a hint: retries and ended leases give none. */
  readonly pollMs?: number;
  /** Called once per ack, per nack and per delivery that became dead, after it is durable. A lease that ran out is no try that ended. */
  readonly observe?: (fact: DeliveryFact) => void;
}

/**
 * The pulled queues. Readers of one queue compete; urgency first, then oldest; at most one event of a
 * record is out at a time. A reader may wait: it is woken by the commit that brings it something.
 */
export function createQueue(options: QueueOptions): Queue {
  const { pipeline, reader, clock, maxAttempts = 20, pollMs = 1_000 } = options;
  const { monotonic = () => performance.now() } = options;
  const { leaseKey = randomBytes(32), observe = () => undefined } = options;
  const dueNow = onward(clock.now, monotonic);
  const names = new Set(options.queues);

  /** Undefined also for a lease of a queue that is none of the actor's. */
  const leaseOf = (text: string, actor: Actor): Lease | undefined => {
    const lease = fromLease(text, leaseKey, options.queues);
    return lease && mayUse(actor, lease.destination) ? lease : undefined;
  };

  async function settleOne(text: string, actor: Actor, toEnding: (lease: Lease) => Ending): Promise<void> {
    const parsed = leaseOf(text, actor);
    const [saved] = parsed ? await settle([{ claim: parsed, ending: toEnding(parsed) }]) : [];
    if (!saved) throw new RefusedRequest('lease_expired', 'the lease has ended or was never given');
  }

  /** Whether each was saved; of those that were, metrics and alarms are told. */
  async function settle(ends: readonly End[]): Promise<readonly boolean[]> {
    if (ends.length === 0) return [];
    const outcomes = await pipeline.settle(ends.map(({ claim, ending }) => settlement(claim, ending)));
    return ends.map((end, index) => {
      if (outcomes[index]?.result !== 'saved') return false;
      const fact = toFact(end);
      if (fact) observe(fact);
      return true;
    });
  }

  /** Claims until there is something to hand out; deliveries that were handed out too often are parked on the way. */
  async function claimNow(request: ClaimRequest, actor: Actor): Promise<readonly ForwardWork[]> {
    for (;;) {
      const works = await pipeline.claim('forward', {
        destination: request.queue,
        max: request.max,
        leaseMs: request.leaseSeconds * 1000,
        now: dueNow(),
        actor: actor.name,
        ...(request.filter && { filter: toFilter(request.filter) }),
      });
      const worn = works.filter((work) => work.attempt > maxAttempts);
      if (worn.length === 0) return works;
      await settle(worn.map((work) => ({ claim: work, ending: wornOut(maxAttempts) })));
      const fresh = works.filter((work) => work.attempt <= maxAttempts);
      if (fresh.length > 0) return fresh;
    }
  }

  /** A delivery that cannot be read back is parked alone and takes no other with it. */
  async function render(works: readonly ForwardWork[], actor: Actor): Promise<readonly QueueItem[]> {
    const broken: End[] = [];
    const items = works.flatMap((work) => {
      try {
        return [{ lease: toLease(work, leaseKey), attempt: work.attempt, event: toEvent(work, actor) }];
      } catch {
        const ending: Ending = { end: 'parked', code: 'internal', detail: 'its bytes cannot be read back' };
        broken.push({ claim: work, ending });
        return [];
      }
    });
    await settle(broken);
    return items;
  }

  async function giveBack(works: readonly ForwardWork[]): Promise<void> {
    const ending: Ending = {
      end: 'retry',
      at: dueNow(),
      reason: 'the reader had gone',
      countAttempt: false,
    };
    await pipeline.settle(works.map((work) => settlement(work, ending)));
  }

  return {
    async claim(request, actor, signal) {
      if (!mayUse(actor, request.queue)) {
        throw new RefusedRequest('forbidden', 'The key is bound to other queues.', {
          extra: { queue: request.queue },
        });
      }
      if (!names.has(request.queue)) throw new RefusedRequest('not_found', 'there is no queue of that name');
      const until = monotonic() + request.waitSeconds * 1000;
      let wake = new AbortController();
      const stop = () => wake.abort();
      const unwatch = options.watch((hint) => {
        if (hint.destinations.includes(request.queue)) wake.abort();
      });
      signal?.addEventListener('abort', stop);
      try {
        for (;;) {
          wake = new AbortController();
          const works = await claimNow(request, actor);
          if (signal?.aborted) {
            await giveBack(works);
            return { items: [] };
          }
          const leftMs = until - monotonic();
          if (works.length > 0) failpoint('before-claim-answer');
          if (works.length > 0 || leftMs <= 0) return { items: await render(works, actor) };
          await clock.sleep(Math.min(pollMs, leftMs), wake.signal).catch(() => undefined);
        }
      } finally {
        unwatch();
        signal?.removeEventListener('abort', stop);
      }
    },

    async ack(leases, actor) {
      const parsed = leases.map((lease) => leaseOf(lease, actor));
      const ends = parsed.flatMap((lease) =>
        lease ? [{ claim: lease, ending: { end: 'done' } as const }] : [],
      );
      const settled = await settle(ends);
      failpoint('before-ack-answer');
      const saved = new Set(ends.filter((_, index) => settled[index]).map(({ claim }) => claim.id));
      const expired = leases.filter((_, index) => !saved.has(parsed[index]?.id ?? ''));
      return { acked: saved.size, expired };
    },

    async nack(lease, reason, retryAfterSeconds, actor) {
      await settleOne(lease, actor, ({ attempt }) =>
        attempt >= maxAttempts
          ? wornOut(maxAttempts, reason)
          : { end: 'retry', at: dueNow() + retryAfterSeconds * 1000, reason: maskText(reason) },
      );
    },

    async extend(lease, leaseSeconds, actor) {
      await settleOne(lease, actor, () => ({ end: 'extend', until: dueNow() + leaseSeconds * 1000 }));
    },

    stats: (actor) =>
      Promise.all(options.queues.filter((name) => mayUse(actor, name)).map((name) => reader.queue(name))),

    watch(listener) {
      let position = 0;
      return options.watch((hint) => {
        if (hint.position <= position) return;
        position = hint.position;
        listener();
      });
    },
  };
}

const mayUse = ({ queues }: Actor, queue: string): boolean => queues?.has(queue) ?? true;

/** A delivery that was handed out, and how that ended. */
interface End {
  readonly claim: Pick<Lease, 'destination' | 'id' | 'token' | 'attempt'>;
  readonly ending: Ending;
}

function toFact({ claim: { destination, attempt }, ending }: End): DeliveryFact | undefined {
  switch (ending.end) {
    case 'done':
      return { fact: 'delivered', destination, attempt };
    case 'retry':
      return { fact: 'retried', destination, code: 'nacked', attempt };
    case 'parked':
      return { fact: 'dead', destination, code: ending.code };
    case 'extend':
      return undefined;
  }
}

function settlement(claim: { readonly id: string; readonly token: number }, ending: Ending): Settlement {
  return { stage: 'forward', id: claim.id, token: claim.token, ending };
}

const wornOut = (attempts: number, reason?: string): Ending => ({
  end: 'parked',
  code: 'attempts_exhausted',
  detail: `handed out ${attempts} times without an ack${reason ? `; the last reader said: ${maskText(reason)}` : ''}`,
});

/** Without the keys that were left out. */
function toFilter({ urgency, unit, topic, channel }: NonNullable<ClaimRequest['filter']>) {
  return {
    ...(urgency && { urgency }),
    ...(unit && { unit }),
    ...(topic && { topic }),
    ...(channel && { channel }),
  };
}

/** An event as it was rendered: our own bytes, authenticated when they were opened, so read and not validated again. */
export const readEvent = (body: Uint8Array): CloudEvent => JSON.parse(Buffer.from(body).toString());

function toEvent(work: ForwardWork, actor: Actor): CloudEvent {
  const event = readEvent(work.body);
  const mayReveal = work.profile !== 'full' || actor.scopes.has('records:reveal');
  return mayReveal ? event : toMasked(event, work);
}

/** The masked rendering of a full one: what a reader sees whose key may not reveal. */
function toMasked(full: CloudEvent, work: ForwardWork): CloudEvent {
  const { event: _event, ...record } = full.data;
  // The full profile lacks only the tracking secrets, and no other profile shows them.
  const whole = recordSchema.safeParse({ ...record, trackingPin: '000000', trackingToken: '' });
  if (!whole.success) return { ...full, data: { number: full.subject, event: { name: work.event.name } } };
  return toCloudEvent(work.event, whole.data, 'masked', full.source.replace(/^kapi\//, ''));
}
