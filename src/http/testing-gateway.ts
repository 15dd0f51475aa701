import { createHash, randomUUID } from 'node:crypto';
import {
  type ApiKey,
  scopes as allScopes,
  canMove,
  type EventName,
  eventRule,
  formatNumber,
  kindOf,
  type MessageSubmission,
  type Notice,
  type PushRequest,
  type RecordEvent,
  type RecordSummary,
  type RecordView,
  RefusedRequest,
  type Scope,
  type SokRecord,
  toCloudEvent,
  toEpoch,
  toInstant,
  transitions,
  type Upload,
} from '@kapi/contract';
import type { Actor, Gateway, QueueItem } from '../intake/gateway.ts';

/**
 * A gateway in memory for tests of the server: keeps what it is given, once, and refuses what the real
 * one refuses. It has no stages, no sealing and no durability.
 */
/** What an error may quote. */
const spoken = 'no field "tel 0532 123 45 67", 10000000146';

export interface TestingGateway extends Gateway {
  readonly state: {
    readonly records: Map<string, StoredCase>;
    readonly keys: Map<string, ApiKey>;
    readonly revealed: { number: string; actor: string; reason: string }[];
    readonly pushed: PushRequest[];
    /** Calls that changed something, by name. */
    readonly done: string[];
    keyLookups: number;
    ready: boolean;
  };
  /** A key with these scopes; returns the whole secret. */
  grant(id: string, scopes: readonly Scope[], rateLimited?: boolean): string;
  /** Makes every verb that stores reject with this. */
  failWith(thrown: unknown): void;
}

interface StoredCase {
  record: SokRecord;
  readonly events: (RecordEvent & { readonly position: number })[];
  readonly keys: Map<string, RecordEvent>;
}

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');
const start = Date.parse('2026-11-22T06:00:00Z');

function toRecord(submission: MessageSubmission, actor: Actor, serial: number): SokRecord {
  const at = toInstant(start + serial * 1000);
  const { citizen, applicationType = 'complaint' } = submission;
  return {
    schema: 'sok/1',
    id: randomUUID(),
    version: 1,
    number: formatNumber('SOK', 2026, serial),
    trackingPin: '402913',
    trackingToken: randomUUID(),
    kind: kindOf[applicationType],
    applicationType,
    legalTrack: 'service',
    channel: submission.channel,
    account: submission.account ?? actor.account,
    origin: 'citizen',
    createdBy: actor.name,
    receivedAt: at,
    occurredAt: submission.occurredAt ?? at,
    citizen: {
      type: 'person',
      ...(citizen?.name !== undefined && { name: citizen.name }),
      ...(citizen?.tckn !== undefined && { tckn: citizen.tckn }),
      phones: citizen?.phone === undefined ? [] : [`+90${citizen.phone.replaceAll(/\D/g, '').slice(-10)}`],
      emails: citizen?.email === undefined ? [] : [citizen.email],
      handles: [],
      needs: citizen?.needs ?? [],
    },
    anonymity: submission.anonymity ?? 'open',
    ...(submission.subject !== undefined && { subject: submission.subject }),
    body: submission.text ?? '',
    owner: 'unknown',
    route: { mode: 'automatic', history: [] },
    urgency: submission.urgency ?? 'normal',
    confidentiality: 'none',
    deadlines: [],
    status: 'queued',
    missing: [],
    messages: [],
    attachments: [{ id: 'att-1', name: 'çukur "1".jpg', mediaType: 'image/jpeg', bytes: 5, state: 'stored' }],
    links: { related: [] },
    privacy: {},
    findings: {},
    extra: submission.extra ?? {},
  };
}

const toSummary = ({ record }: StoredCase): RecordSummary => ({
  id: record.id,
  number: record.number,
  version: record.version,
  status: record.status,
  kind: record.kind,
  applicationType: record.applicationType,
  channel: record.channel,
  account: record.account,
  urgency: record.urgency,
  confidential: record.anonymity !== 'open',
  receivedAt: toEpoch(record.receivedAt),
  updatedAt: toEpoch(record.receivedAt),
});

const receipt: Notice = {
  id: 'notice-1',
  recordId: 'r',
  eventId: 'e',
  kind: 'receipt',
  step: 1,
  channel: 'sms',
  account: 'sms-153',
  to: '+905321234567',
  template: 'receipt',
  text: 'Basvurunuz alindi, PIN 402913',
  language: 'tr',
  state: 'sent',
  createdAt: start,
};

export function testingGateway(): TestingGateway {
  const records = new Map<string, StoredCase>();
  const keys = new Map<string, ApiKey>();
  const uploads = new Map<string, Upload>();
  const received = new Map<string, { readonly content: string; readonly record: SokRecord }>();
  const leases = new Map<string, StoredCase>();
  const watchers = new Set<() => void>();
  const state: TestingGateway['state'] = {
    records,
    keys,
    revealed: [],
    pushed: [],
    done: [],
    keyLookups: 0,
    ready: true,
  };
  let serial = 1233;
  let position = 0;
  let failure: unknown;

  const failIfAsked = (): void => {
    if (failure !== undefined) throw failure;
  };
  const caseOf = (number: string): StoredCase => {
    const found = records.get(number);
    if (found === undefined) throw new RefusedRequest('not_found', 'No record has this number.');
    return found;
  };
  const append = (
    found: StoredCase,
    name: EventName,
    data: RecordEvent['data'],
    actor: string,
  ): RecordEvent => {
    const event = {
      id: randomUUID(),
      recordId: found.record.id,
      name,
      sequence: found.events.length + 1,
      version: found.record.version,
      at: toInstant(start),
      actor,
      data,
      position: ++position,
    };
    found.events.push(event);
    for (const wake of watchers) wake();
    return event;
  };
  const known = (has: boolean): void => {
    if (!has) throw new RefusedRequest('not_found', 'There is nothing of this id.');
  };
  const done = (what: string): void => {
    failIfAsked();
    state.done.push(what);
  };
  const emptyPage = async () => ({ items: [] });
  const view = (found: StoredCase): RecordView => ({
    record: found.record,
    events: found.events,
    notices: [receipt],
    callbacks: [],
    pin: { wrong: 0 },
  });

  const gateway: TestingGateway = {
    state,
    grant(id, scopes, rateLimited = false) {
      const key = `kapi_${id}_${sha256(id).slice(0, 40)}`;
      keys.set(sha256(key), { id, name: id, scopes, account: 'cagri-153', createdAt: start, rateLimited });
      return key;
    },
    failWith(thrown) {
      failure = thrown;
    },

    entrance: {
      async receive(submission, idempotencyKey, actor) {
        failIfAsked();
        const account = submission.account ?? actor.account;
        if (account === 'nobody') throw new RefusedRequest('unknown_account', 'No such account.');
        for (const attachment of submission.attachments ?? []) {
          if ('upload' in attachment && uploads.get(attachment.upload)?.owner !== actor.name) {
            throw new RefusedRequest('unknown_upload', 'An upload is not yours.');
          }
        }
        const scope = JSON.stringify([account, idempotencyKey]);
        const content = JSON.stringify(submission);
        const before = received.get(scope);
        if (before !== undefined && before.content !== content) {
          throw new RefusedRequest('idempotency_conflict', 'Used with other content.');
        }
        const record = before?.record ?? toRecord(submission, actor, ++serial);
        if (before === undefined) {
          received.set(scope, { content, record });
          const stored: StoredCase = { record, events: [], keys: new Map() };
          records.set(record.number, stored);
          append(stored, 'received', {}, actor.name);
        }
        const { id, number, trackingPin } = record;
        const { thread } = submission;
        return {
          id,
          number,
          trackingPin,
          ...(thread !== undefined && { thread: 'linked' as const }),
          duplicate: before !== undefined,
        };
      },
      async upload(file, actor) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of file.content) chunks.push(chunk);
        failIfAsked();
        const bytes = Buffer.concat(chunks);
        const upload = {
          id: `up_${randomUUID()}`,
          owner: actor.name,
          name: file.name,
          mediaType: file.mediaType,
          bytes: bytes.length,
          sha256: sha256(bytes),
          blobId: sha256(bytes),
          createdAt: start,
        };
        uploads.set(upload.id, upload);
        return upload;
      },
      preview: async () => ({ messages: [], statuses: [], ignored: [], failed: [], records: [] }),
    },

    providers: {
      limit: (adapter, account) =>
        adapter === 'sms-example' && account === 'sms-153' ? 64 * 1024 : undefined,
      async push(_adapter, _account, request) {
        const challenge = request.query.get('challenge');
        if (request.method === 'GET' && challenge !== null) return { status: 200, body: challenge };
        const signature = request.headers['x-signature'];
        if (signature === 'old') throw new RefusedRequest('stale_request', 'Signed too long ago.');
        if (signature !== sha256(request.body)) throw new RefusedRequest('bad_signature', 'Not signed.');
        failIfAsked();
        state.pushed.push(request);
        return { status: 200, contentType: 'text/xml', body: '<Response/>' };
      },
    },

    records: {
      async apply(number, event, actor, expectedVersion) {
        failIfAsked();
        const found = caseOf(number);
        const { record } = found;
        const before = event.key === undefined ? undefined : found.keys.get(event.key);
        if (before !== undefined) {
          const { id, sequence, version } = before;
          return { id, sequence, version, status: record.status, duplicate: true };
        }
        if (expectedVersion !== undefined && expectedVersion !== record.version) {
          throw new RefusedRequest('version_conflict', 'Changed since.', {
            extra: { version: record.version },
          });
        }
        const to = eventRule(event.event).status;
        if (to !== undefined && !canMove(record.status, to)) {
          throw new RefusedRequest('illegal_transition', `Not from ${record.status}.`, {
            extra: { legal: transitions[record.status] },
          });
        }
        found.record = { ...record, version: record.version + 1, status: to ?? record.status };
        const { event: name, key, citizenText, internalNote } = event;
        const data = {
          ...(citizenText !== undefined && { citizenText }),
          ...(internalNote !== undefined && { internalNote }),
        };
        const applied = append(found, name, data, actor.name);
        if (key !== undefined) found.keys.set(key, applied);
        const { id, sequence, version } = applied;
        return { id, sequence, version, status: found.record.status, duplicate: false };
      },
      track: async () => {
        throw new RefusedRequest('not_found', 'Not kept here.');
      },
      trackByToken: async () => {
        throw new RefusedRequest('not_found', 'Not kept here.');
      },
      async attachment(number, attachmentId, actor, reason) {
        const file = caseOf(number).record.attachments.find(({ id }) => id === attachmentId);
        if (file === undefined) throw new RefusedRequest('not_found', 'No such file.');
        state.revealed.push({ number, actor: actor.name, reason: `${attachmentId}: ${reason}` });
        return {
          name: file.name,
          mediaType: file.mediaType,
          bytes: 5,
          content: (async function* () {
            yield Buffer.from('photo');
          })(),
        };
      },
      async revealed(number, actor, reason) {
        failIfAsked();
        state.revealed.push({ number, actor: actor.name, reason });
      },
    },

    queue: {
      async claim(request, actor, signal) {
        if (request.queue !== 'coordination') throw new RefusedRequest('not_found', 'No such queue.');
        const ready = (): StoredCase[] => [...records.values()].slice(0, request.max);
        if (ready().length === 0 && request.waitSeconds > 0 && signal?.aborted !== true) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, request.waitSeconds * 1000);
            signal?.addEventListener('abort', () => {
              clearTimeout(timer);
              resolve();
            });
          });
        }
        const profile = actor.scopes.has('records:reveal') ? 'full' : 'masked';
        const items: QueueItem[] = ready().flatMap((found) => {
          const event = found.events.at(-1);
          if (event === undefined) return [];
          const lease = randomUUID();
          leases.set(lease, found);
          return [{ lease, attempt: 1, event: toCloudEvent(event, found.record, profile, 'test') }];
        });
        return { items };
      },
      ack: async (named) => ({
        acked: named.filter((lease) => leases.delete(lease)).length,
        expired: named.filter((lease) => !leases.has(lease)),
      }),
      async nack(lease) {
        if (!leases.delete(lease)) throw new RefusedRequest('lease_expired', 'The lease has ended.');
      },
      async extend(lease) {
        if (!leases.has(lease)) throw new RefusedRequest('lease_expired', 'The lease has ended.');
      },
      stats: async ({ queues }) =>
        queues?.has('coordination') === false ? [] : [await gateway.reader.queue('coordination')],
      watch(listener) {
        watchers.add(listener);
        return () => watchers.delete(listener);
      },
    },

    operations: {
      accounts: () => [{ id: 'cagri-153', adapter: 'api', enabled: true, state: 'listening' }],
      alarms: async () => [
        {
          id: 'alarm-1',
          kind: 'emergency',
          subject: 'SOK-26-0001234-9',
          text: 'Acil durum',
          severity: 'critical',
          raisedAt: '2026-11-22T12:00:00.000+03:00',
          count: 1,
        },
      ],
      acknowledge: async (id) => {
        known(id === 'alarm-1');
        done(`acknowledge ${id}`);
      },
      replay: async (id) => {
        known(id === 'envelope-1');
        done(`replay ${id}`);
      },
      replaySince: async (since) => {
        done(`replay-since ${since}`);
        return 3;
      },
      resend: async (what) => {
        const name = 'id' in what ? what.id : what.destination;
        known(['delivery-1', 'ebelediye'].includes(name));
        done(`resend ${name}`);
        return 1;
      },
      restore: async (id) => {
        known(id === 'message-1');
        done(`restore ${id}`);
      },
      closeCallback: async (id) => {
        known(id === 'callback-1');
        done(`close ${id}`);
      },
      notices: async () => [],
      async createKey(request) {
        const id = randomUUID();
        const key = gateway.grant(id, request.scopes);
        const { queues } = request;
        const made = keys.get(sha256(key));
        if (made && queues) keys.set(sha256(key), { ...made, queues });
        return { id, key };
      },
      async revokeKey(id) {
        const [hash, key] = [...keys].find(([, candidate]) => candidate.id === id) ?? [];
        if (hash === undefined || key === undefined) throw new RefusedRequest('not_found', 'No such key.');
        keys.set(hash, { ...key, revokedAt: start });
      },
      erase: async (what) => {
        done(`erase ${Object.keys(what).join()}`);
        return { records: 1, messages: 0 };
      },
      async outgoing(number, destination) {
        const found = records.get(number);
        known(destination === 'ebelediye');
        return found ? found.events.map((event) => toCloudEvent(event, found.record, 'masked', 'ornek')) : [];
      },
      ready: () => state.ready,
    },

    reader: {
      async record(ref) {
        const found =
          'number' in ref
            ? records.get(ref.number)
            : [...records.values()].find(({ record }) => record.id === ref.id);
        return found && view(found);
      },
      recordByNotice: async () => undefined,
      history: async () => [],
      messages: async () => [],
      async records(query) {
        const from = Number(query.cursor ?? 0);
        const matching = [...records.values()].filter(
          ({ record }) =>
            (query.status?.includes(record.status) ?? true) &&
            (query.urgency?.includes(record.urgency) ?? true) &&
            !(query.openOnly === true && record.anonymity !== 'open') &&
            (query.lookups?.some(({ value }) =>
              [...record.citizen.phones, ...record.citizen.emails].includes(value),
            ) ??
              true),
        );
        const next = from + query.limit;
        return {
          items: matching.slice(from, next).map(toSummary),
          ...(next < matching.length && { next: String(next) }),
        };
      },
      async stream(after, max) {
        const all = [...records.values()]
          .flatMap(({ record, events }) => events.map((event) => ({ ...event, record })))
          .sort((a, b) => a.position - b.position);
        return {
          events: all.filter((event) => event.position > after).slice(0, max),
          oldest: all[0]?.position ?? 1,
          newest: position,
        };
      },
      books: async () => [{ unit: 'envelope', total: 2, parts: { read: 1, unread: 1 } }],
      recount: async () => [{ unit: 'envelope', total: 2, parts: { read: 1, unread: 1 } }],
      queue: async (destination) => ({
        destination,
        ready: records.size,
        behind: 0,
        claimed: 0,
        delivered: 0,
        dead: 0,
        erased: 0,
        oldestReadyAt: start,
        byUrgency: { emergency: 0, today: 0, urgent: 0, normal: records.size },
      }),
      quarantine: async () => ({
        items: [
          {
            id: 'envelope-1',
            what: 'envelope',
            envelopeId: 'envelope-1',
            adapter: 'sms-example',
            account: 'sms-153',
            receivedAt: start,
            code: 'payload_unreadable',
            detail: spoken,
            bytes: 3,
          },
        ],
      }),
      deadLetters: async () => ({
        items: [
          {
            id: 'delivery-1',
            what: 'delivery',
            destination: 'ebelediye',
            number: 'SOK-26-0001234-9',
            sequence: 1,
            attempts: 1,
            code: 'destination_rejected',
            detail: spoken,
            at: start,
          },
        ],
      }),
      notCases: emptyPage,
      callbacks: async () => ({
        items: [
          { id: 'callback-1', reason: 'no channel', phone: '+905321234567', createdAt: start, tells: [] },
        ],
      }),
      lateRecords: emptyPage,
      envelope: async (id) =>
        id === 'envelope-1'
          ? {
              envelope: {
                id,
                adapter: 'sms-example',
                account: 'sms-153',
                receivedAt: toInstant(start),
                contentType: 'text/plain',
                headers: {},
                body: new Uint8Array(3),
              },
              parts: [],
              state: 'quarantined',
              reason: spoken,
            }
          : undefined,
      envelopesSince: emptyPage,
      async apiKey(hash) {
        state.keyLookups++;
        return keys.get(hash);
      },
      apiKeys: async () => [...keys.values()],
      upload: async (id) => uploads.get(id),
      optedOut: async () => false,
      cursor: async () => undefined,
      audit: async () => ({
        items: [
          {
            sequence: 1,
            at: start,
            actor: 'cli',
            action: 'create-key',
            subject: 'k',
            detail: '',
            hash: sha256('1'),
          },
        ],
      }),
      verifyAudit: async () => ({ rows: 1 }),
      backlog: async () => ({
        unread: 0,
        settling: 0,
        partsPending: 0,
        deliveriesPending: 0,
        noticesPending: 0,
      }),
    },
  };
  gateway.grant('all', allScopes);
  gateway.grant('spare', ['intake']);
  return gateway;
}
