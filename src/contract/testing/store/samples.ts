import { formatNumber, promiseClock, type SokRecord, toInstant } from '../../../record/index.ts';
import type { RecordEvent } from '../../cloud-event.ts';
import type { InboundMessage } from '../../envelope.ts';
import type {
  AcceptEntry,
  Change,
  ClaimOptions,
  Notice,
  PutMessage,
  Save,
  SaveOutcome,
  Settlement,
  Stage,
  Store,
  WorkOf,
} from '../../store.ts';

/** A moment all samples share; stores are told the time, they do not look. */
export const noon = Date.parse('2026-11-22T12:00:00+03:00');
export const account = 'sms-153';
export const queue = 'coordination';

/** A distinct id per kind and number, in the form of a UUID. */
export const idOf = (kind: string, n: number): string =>
  `00000000-0000-7000-8000-${Buffer.from(kind).toString('hex').slice(0, 4).padEnd(4, '0')}${String(n).padStart(8, '0')}`;

export const sampleEntry = (n: number, over: Partial<AcceptEntry> = {}): AcceptEntry => ({
  envelope: {
    id: idOf('en', n),
    adapter: 'sms-twilio',
    account,
    receivedAt: toInstant(noon),
    contentType: 'application/json',
    headers: { 'user-agent': 'provider' },
    body: Buffer.from(`{"text":"çukur ${n}"}`),
  },
  key: `key-${n}`,
  contentHash: `hash-${n}`,
  ...over,
});

export const sampleContent = (n: number, text = `Sokakta çukur var ${n}`): InboundMessage => ({
  key: `message-${n}`,
  channel: 'sms',
  sender: { id: '+905321234567', kind: 'phone', proven: true },
  text,
  attachments: [],
});

interface MessageOver {
  readonly envelope?: number;
  readonly id?: string;
  readonly text?: string;
  readonly sender?: string;
  readonly at?: number;
  readonly recordId?: string;
}

/** Message `n`; it settles for a minute unless a record is named. */
export function putMessage(n: number, over: MessageOver = {}): PutMessage {
  const at = over.at ?? noon;
  return {
    do: 'put-message',
    item: {
      envelopeId: idOf('en', over.envelope ?? n),
      account,
      key: `message-${n}`,
      contentHash: `content-${n}-${over.text ?? ''}`,
    },
    message: {
      id: over.id ?? idOf('me', n),
      account,
      adapter: 'sms-twilio',
      envelopeId: idOf('en', over.envelope ?? n),
      channel: 'sms',
      receivedAt: at,
      saidAt: at,
      content: sampleContent(n, over.text),
    },
    placement:
      over.recordId === undefined
        ? {
            place: 'settle',
            conversation: { account, senderId: over.sender ?? '+905321234567' },
            dueAt: at + 60_000,
            latestAt: at + 600_000,
          }
        : { place: 'in-record', recordId: over.recordId },
  };
}

export const sampleRecord = (n: number, over: Partial<SokRecord> = {}): SokRecord => ({
  schema: 'sok/1',
  id: idOf('re', n),
  version: 1,
  number: formatNumber('SOK', 2026, n),
  trackingPin: '402913',
  trackingToken: `token-${n}`,
  kind: 'complaint',
  applicationType: 'complaint',
  legalTrack: 'service',
  channel: 'sms',
  account,
  origin: 'citizen',
  createdBy: 'citizen',
  receivedAt: toInstant(noon + n),
  occurredAt: toInstant(noon + n),
  citizen: {
    type: 'person',
    name: 'Ayşe Yılmaz',
    phones: ['+905321234567'],
    emails: [],
    handles: [],
    needs: [],
  },
  anonymity: 'open',
  body: `Sokakta çukur var ${n}`,
  owner: 'unknown',
  route: { mode: 'proposal', history: [] },
  urgency: 'normal',
  confidentiality: 'none',
  deadlines: [promiseClock(noon + n)],
  status: 'queued',
  missing: [],
  messages: [],
  attachments: [],
  links: { related: [] },
  privacy: {},
  findings: {},
  extra: {},
  ...over,
});

export const sampleEvent = (n: number, sequence = 1, over: Partial<RecordEvent> = {}): RecordEvent => ({
  id: idOf('ev', n * 1000 + sequence),
  recordId: idOf('re', n),
  name: sequence === 1 ? 'received' : 'amended',
  sequence,
  version: sequence,
  at: toInstant(noon + sequence),
  actor: 'gateway',
  data: sequence === 1 ? {} : { internalNote: `not ${sequence}` },
  ...over,
});

/** One step of record `n`: its version, the event that made it, a delivery to each destination. */
export function recordStep(
  n: number,
  version = 1,
  over: { record?: Partial<SokRecord>; to?: readonly string[]; key?: string } = {},
): Change[] {
  const record = sampleRecord(n, { version, ...over.record });
  return [
    {
      do: 'put-record',
      record,
      expectedVersion: version - 1,
      lookups: record.citizen.phones.map((value) => ({ kind: 'phone' as const, value })),
    },
    {
      do: 'put-event',
      event: sampleEvent(n, version),
      destinations: (over.to ?? [queue]).map((name) => ({ name, profile: 'full' as const })),
      ...(over.key !== undefined && { key: over.key }),
    },
  ];
}

/** An entrance's entry: envelope, its own message, record and event in one. */
export function entranceEntry(
  n: number,
  over: { record?: Partial<SokRecord>; to?: readonly string[] } = {},
): AcceptEntry {
  const { key, contentHash } = sampleEntry(n);
  const message = putMessage(n, { recordId: idOf('re', n) });
  return sampleEntry(n, {
    changes: [{ ...message, item: { ...message.item, key, contentHash } }, ...recordStep(n, 1, over)],
  });
}

export const sampleNotice = (n: number, step = 1, over: Partial<Notice> = {}): Notice => ({
  id: idOf('no', n * 100 + step),
  recordId: idOf('re', n),
  eventId: idOf('ev', n * 1000 + 1),
  kind: 'receipt',
  step,
  channel: 'sms',
  account,
  to: '+905321234567',
  template: 'receipt',
  text: 'Kaydınız alındı',
  language: 'tr',
  state: 'pending',
  createdAt: noon,
  ...over,
});

export const later = (ms: number): number => noon + ms;

/** Claims with a lease of a minute. `now` is far enough on for everything accepted by the real clock. */
export const claimAt = (over: Partial<ClaimOptions> = {}): ClaimOptions => ({
  max: 100,
  leaseMs: 60_000,
  now: distant,
  ...over,
});
/** Stores stamp what they accept with the real clock; claims of the suite look from well after it. */
export const distant = Date.parse('2100-01-01T00:00:00Z');

export const settlement = <S extends Stage>(
  stage: S,
  work: WorkOf[S],
  ending: Settlement['ending'] = { end: 'done' },
): Settlement => ({
  stage,
  id: work.id,
  token: work.token,
  ending,
});

/** Saves one set of changes and says how it ended. */
export async function saveOne(
  store: Store,
  changes: readonly Change[],
  work?: Save['work'],
): Promise<SaveOutcome> {
  const [outcome] = await store.pipeline.save([{ changes, ...(work && { work }) }]);
  if (!outcome) throw new Error('save did not answer');
  return outcome;
}

export async function claimOne<S extends Stage>(
  store: Store,
  stage: S,
  over: Partial<ClaimOptions> = {},
): Promise<WorkOf[S]> {
  const [work] = await store.pipeline.claim(
    stage,
    claimAt({ max: 1, ...(stage === 'forward' && { destination: queue }), ...over }),
  );
  if (!work) throw new Error(`nothing to claim for ${stage}`);
  return work;
}

/** Accepts the envelopes of these numbers and reads each of them into what `items` says. */
export async function readInto(
  store: Store,
  numbers: readonly number[],
  items: (n: number) => readonly Change[],
): Promise<void> {
  await store.pipeline.accept(numbers.map((n) => sampleEntry(n)));
  const works = await store.pipeline.claim('read', claimAt({ max: numbers.length }));
  const byId = new Map(works.map((work) => [work.envelope.id, work]));
  await store.pipeline.save(
    numbers.map((n) => {
      const work = byId.get(idOf('en', n));
      if (!work) throw new Error(`envelope ${n} was not claimable`);
      return { changes: items(n), work: settlement('read', work) };
    }),
  );
}
