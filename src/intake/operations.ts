import { createHash, randomBytes } from 'node:crypto';
import {
  type Callback,
  type Change,
  type Lookup,
  meetsPromise,
  outgoingType,
  type Reached,
  RefusedRequest,
  type Scope,
  TransientError,
  toInstant,
} from '@kapi/contract';
import { toE164 } from '@kapi/kit';
import type { Actor, Erased, OpenAlarm, Operations } from './gateway.ts';
import type { House } from './house.ts';
import { meetPromise } from './meet-promise.ts';
import { outgoing } from './outgoing.ts';
import { destinationsOf } from './route.ts';
import type { DestinationSettings } from './settings.ts';

/** Accounts, readiness and breakers are known to compose; the rest of an operator's work is here. */
export interface OperationsPorts extends Pick<Operations, 'accounts' | 'ready'> {
  /** All that are configured, on or off. */
  destinations(): readonly DestinationSettings[];
  /** A destination that was given up, or had said it is gone, is called again. */
  resume(destination: string): void;
  alarms(): Promise<readonly OpenAlarm[]>;
  /** False where there is no such alarm. */
  acknowledge(alarmId: string, by: string): Promise<boolean>;
}

export function createOperations(house: House, ports: OperationsPorts): Operations {
  async function save(changes: readonly Change[]): Promise<Reached> {
    const [outcome] = await house.pipeline.save([{ changes }]);
    if (outcome?.result === 'saved') return outcome.reached ?? {};
    if (outcome?.result === 'failed' && (outcome.code === 'not_found' || outcome.code === 'invalid_request'))
      throw new RefusedRequest(outcome.code, outcome.detail);
    if (outcome?.result === 'exists') throw new RefusedRequest('not_found', 'It is no longer in that state.');
    throw new TransientError('store_unavailable', `Not done: ${outcome?.result ?? 'no answer'}.`);
  }

  function commit(
    actor: Actor,
    action: string,
    subject: string,
    changes: readonly Change[],
    detail?: string,
  ): Promise<Reached> {
    const at = house.clock.now();
    const said = detail !== undefined && { detail };
    return save([...changes, { do: 'audit', at, actor: actor.name, action, subject, ...said }]);
  }

  async function replay(envelopeId: string, actor: Actor): Promise<void> {
    const found = await house.reader.envelope(envelopeId);
    if (found === undefined || found.state === 'erased')
      throw new RefusedRequest('not_found', 'No such envelope.');
    await commit(actor, 'replay', envelopeId, await readAgain(envelopeId));
  }

  /** The envelope read anew; where parts of it were refused, after they were fetched and parsed once more. */
  async function readAgain(id: string): Promise<readonly Change[]> {
    const found = await house.reader.envelope(id);
    const refused = (found?.parts ?? []).filter(
      ({ state, kind, source }) => state === 'refused' && (kind === 'parsed' || source !== undefined),
    );
    if (refused.length === 0) return [{ do: 'replay-envelope', id, at: house.clock.now() }];
    return refused.map(({ reason: _reason, ...part }) => ({
      do: 'put-part',
      envelopeId: id,
      part: { ...part, state: 'pending' },
    }));
  }

  return {
    accounts: ports.accounts,
    alarms: ports.alarms,
    async acknowledge(alarmId, actor) {
      if (!(await ports.acknowledge(alarmId, actor.name)))
        throw new RefusedRequest('not_found', 'No such alarm.');
      await commit(actor, 'acknowledge', alarmId, []);
    },
    ready: ports.ready,
    replay,
    async replaySince(since, account, actor) {
      const from = Date.parse(since);
      if (Number.isNaN(from))
        throw new RefusedRequest('invalid_request', 'since is not a date.', {
          errors: [{ pointer: '/since', message: 'ISO 8601 with offset' }],
        });
      let count = 0;
      let cursor: string | undefined;
      do {
        const page = await house.reader.envelopesSince(from, {
          limit: 200,
          ...(cursor !== undefined && { cursor }),
          ...(account !== undefined && { account }),
        });
        if (page.items.length > 0) {
          const changes = await Promise.all(page.items.map(readAgain));
          await commit(actor, 'replay', `${page.items.length} envelopes`, changes.flat());
        }
        count += page.items.length;
        cursor = page.next;
      } while (cursor !== undefined);
      return count;
    },
    async resend(what, actor) {
      const subject = 'id' in what ? what.id : what.destination;
      if ('destination' in what) await refuseStranger(house, ports.destinations(), what.destination);
      const change: Change = { do: 'resend-delivery', ...what, at: house.clock.now() };
      const { deliveries = 0 } = await commit(actor, 'resend', subject, [change]);
      if ('destination' in what) ports.resume(what.destination);
      return deliveries;
    },
    async restore(messageId, actor) {
      await commit(actor, 'restore', messageId, [
        { do: 'restore-message', id: messageId, at: house.clock.now() },
      ]);
    },
    closeCallback: async (id, actor, told) => {
      const at = house.clock.now();
      const found = await openCallback(house, id);
      const events = toldBy(found, told);
      await commit(actor, 'close-callback', id, [
        // By name: what is added to it meanwhile stays to be told.
        { do: 'close-callback', id, told: events, by: actor.name, at },
        ...(found === undefined ? [] : await spoken(house, found, events, at)),
      ]);
    },
    async notices(number) {
      const view = await house.reader.record({ number });
      if (view === undefined) throw new RefusedRequest('not_found', 'No such record.');
      return view.notices;
    },
    async createKey({ name, scopes, account, queues }, actor) {
      for (const scope of scopes) {
        if (!actor.scopes.has(scope)) {
          throw new RefusedRequest('forbidden', `A key gives no more than it has itself: ${scope}.`, {
            extra: { scope },
          });
        }
      }
      refuseQueues(house, queues, scopes, actor);
      if (account !== undefined && house.settings().accounts.get(account)?.entrance !== true) {
        throw new RefusedRequest('unknown_account', `No entrance «${account}» exists.`, {
          errors: [{ pointer: '/account', message: 'no entrance of that name' }],
        });
      }
      const { id, key, change } = newKey(
        {
          name,
          scopes,
          ...(account !== undefined && { account }),
          ...(queues && { queues }),
          rateLimited: true,
        },
        house.clock.now(),
      );
      await commit(
        actor,
        'create-key',
        id,
        [change],
        [
          ...scopes,
          ...(account === undefined ? [] : [`account:${account}`]),
          ...(queues ?? []).map((queue) => `queue:${queue}`),
        ].join(' '),
      );
      return { id, key };
    },
    async revokeKey(id, actor) {
      await commit(actor, 'revoke-key', id, [{ do: 'revoke-api-key', id, at: house.clock.now() }]);
    },
    outgoing: (number, destination, actor, reason) =>
      outgoing(house, ports.destinations(), number, destination, actor, reason),
    erase: (what, reason, actor) => erase(house, what, reason, actor, save),
  };
}

async function openCallback(house: House, id: string): Promise<Callback | undefined> {
  let cursor: string | undefined;
  do {
    const page = await house.reader.callbacks({
      open: true,
      limit: 200,
      ...(cursor !== undefined && { cursor }),
    });
    const found = page.items.find((callback) => callback.id === id);
    if (found) return found;
    cursor = page.next;
  } while (cursor !== undefined);
  return undefined;
}

/** The events that were told: those named, else all that it is there to tell. @throws RefusedRequest `invalid_request` */
function toldBy(callback: Callback | undefined, told: readonly string[] | undefined): readonly string[] {
  const known = (callback?.tells ?? []).map(({ eventId }) => eventId);
  const errors = (told ?? []).flatMap((id, index) =>
    callback === undefined || known.includes(id)
      ? []
      : [{ pointer: `/told/${index}`, message: 'no event of this call-back' }],
  );
  if (errors.length > 0)
    throw new RefusedRequest('invalid_request', 'An event is not one that this call-back tells.', { errors });
  return told ?? known;
}

/** A person has told the citizen these events; where one of them meets the promise, it is met. */
async function spoken(
  house: House,
  { recordId }: Callback,
  told: readonly string[],
  at: number,
): Promise<readonly Change[]> {
  const view = recordId === undefined ? undefined : await house.reader.record({ id: recordId });
  const running = view?.record.deadlines.some(({ kind, metAt }) => kind === '48h' && metAt === undefined);
  return view && running && view.events.some((event) => told.includes(event.id) && meetsPromise(event))
    ? meetPromise(house, view.record, at)
    : [];
}

/** @throws RefusedRequest `forbidden` where the maker is bound more narrowly, `invalid_request` for a name that is no destination's */
function refuseQueues(
  house: House,
  queues: readonly string[] | undefined,
  scopes: readonly Scope[],
  actor: Actor,
): void {
  const reach = actor.queues;
  if (reach && scopes.includes('queue') && !queues?.every((queue) => reach.has(queue))) {
    throw new RefusedRequest('forbidden', 'A key opens no more queues than its maker has.', {
      extra: { queues: [...reach] },
    });
  }
  const names = new Set(house.settings().destinations.map(({ id }) => id));
  const errors = (queues ?? []).flatMap((queue, index) =>
    names.has(queue) ? [] : [{ pointer: `/queues/${index}`, message: `no queue «${queue}» exists` }],
  );
  if (errors.length > 0) throw new RefusedRequest('invalid_request', 'A queue is unknown.', { errors });
}

/** @throws RefusedRequest `not_found` for a name that is no destination's, nor was that of one with dead letters */
async function refuseStranger(
  house: House,
  destinations: readonly DestinationSettings[],
  destination: string,
): Promise<void> {
  const names = destinations.map(({ id }) => id);
  if (names.includes(destination)) return;
  const left = await house.reader.deadLetters({ destination, limit: 1 });
  if (left.items.length > 0) return;
  throw new RefusedRequest(
    'not_found',
    `There is no destination «${destination}»; there are: ${names.join(', ')}.`,
  );
}

/** A fresh API key: shown once, stored as its hash. */
export function newKey(
  wish: {
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly account?: string;
    readonly queues?: readonly string[];
    readonly rateLimited: boolean;
  },
  now: number,
): { readonly id: string; readonly key: string; readonly change: Change } {
  const id = randomBytes(6).toString('hex');
  const key = `kapi_${id}_${randomBytes(24).toString('base64url')}`;
  const hash = createHash('sha256').update(key).digest('hex');
  return { id, key, change: { do: 'put-api-key', hash, key: { id, ...wish, createdAt: now } } };
}

/**
 * Erases one record, or everything of a subject, and tells the destinations that it is gone. The store
 * writes to the audit chain what it erased: a row for each record, and one with the counts of a subject.
 */
async function erase(
  house: House,
  whose: Parameters<Operations['erase']>[0],
  reason: string,
  actor: Actor,
  save: (changes: readonly Change[]) => Promise<Reached>,
): Promise<Erased> {
  const subject = 'number' in whose ? undefined : toLookup(whose);
  const numbers = subject ? await numbersOf(house, subject) : 'number' in whose ? [whose.number] : [];
  let records = 0;
  for (const number of numbers) {
    const view = await house.reader.record({ number });
    if (view === undefined && subject) continue;
    if (view === undefined) throw new RefusedRequest('not_found', 'No such record.');
    const { record } = view;
    const at = house.clock.now();
    const sequence = record.version + 1;
    const id = house.ids.uuid();
    const reached = await save([
      { do: 'erase', what: { recordId: record.id }, at, actor: actor.name, reason },
      {
        do: 'put-event',
        event: {
          id,
          recordId: record.id,
          name: 'erased',
          sequence,
          version: sequence,
          at: toInstant(at),
          actor: actor.name,
          data: {},
        },
        destinations:
          outgoingType('erased') === undefined
            ? []
            : destinationsOf(record, house.settings().destinations).map(({ id: name, profile }) => ({
                name,
                profile,
              })),
      },
    ]);
    records += reached.records ?? 0;
  }
  if (!subject) return { records, messages: 0 };
  // What the subject said outside any record: settling, or kept as not a case.
  const what = { subject, before: records };
  const rest = await save([{ do: 'erase', what, at: house.clock.now(), actor: actor.name, reason }]);
  return { records: records + (rest.records ?? 0), messages: rest.messages ?? 0 };
}

function toLookup(
  what: { readonly phone: string } | { readonly tckn: string } | { readonly email: string },
): Lookup {
  if ('phone' in what) return { kind: 'phone', value: toE164(what.phone) ?? what.phone };
  if ('tckn' in what) return { kind: 'tckn', value: what.tckn.replace(/\D/g, '') };
  return { kind: 'email', value: what.email.trim().toLowerCase() };
}

async function numbersOf(house: House, lookup: Lookup): Promise<string[]> {
  const numbers: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await house.reader.records({
      lookups: [lookup],
      limit: 200,
      ...(cursor !== undefined && { cursor }),
    });
    numbers.push(...page.items.map(({ number }) => number));
    cursor = page.next;
  } while (cursor !== undefined);
  return numbers;
}
