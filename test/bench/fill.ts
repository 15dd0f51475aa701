import { randomUUID } from 'node:crypto';
import { type AcceptEntry, formatNumber, promiseClock, type SokRecord, toInstant } from '@kapi/contract';
import { loadKeyRing } from '../../src/sealing/index.ts';
import { openSqliteStore } from '../../src/store/sqlite/index.ts';

const text =
  'Mahallemizde sokak lambaları üç gecedir yanmıyor, çocuklar okuldan dönerken karanlıkta kalıyor. Arıza kaydı açtırdık ama gelen olmadı.';
const body = Buffer.from(JSON.stringify({ channel: 'phone', text, filler: text.repeat(3) }));

function waitingRecord(id: string, serial: number, at: number): SokRecord {
  return {
    schema: 'sok/1',
    id,
    version: 1,
    number: formatNumber('SOK', 2026, serial),
    trackingPin: '402913',
    trackingToken: id.replaceAll('-', ''),
    kind: 'complaint',
    applicationType: 'complaint',
    legalTrack: 'service',
    channel: 'phone',
    account: 'api',
    origin: 'citizen',
    createdBy: 'key:bench',
    receivedAt: toInstant(at),
    occurredAt: toInstant(at),
    citizen: {
      type: 'person',
      name: 'Ayşe Yılmaz',
      phones: [`+90532${String(serial % 10_000_000).padStart(7, '0')}`],
      emails: [],
      handles: [],
      needs: [],
    },
    anonymity: 'open',
    subject: 'Sokak lambası',
    body: text,
    language: 'tr',
    place: { district: 'Nilüfer', neighbourhood: 'Görükle', text: 'okulun önü' },
    owner: 'metropolitan',
    route: { mode: 'automatic', history: [] },
    urgency: 'normal',
    confidentiality: 'none',
    deadlines: [promiseClock(at)],
    status: 'queued',
    missing: [],
    messages: [],
    attachments: [],
    links: { related: [] },
    privacy: {},
    findings: { '/citizen/name': { value: 'Ayşe Yılmaz', confidence: 1, from: 'citizen' } },
    extra: {},
  };
}

/** What an entrance stores for one message: envelope, message, record, event with its delivery, timer. */
function waitingEntry(serial: number, at: number): AcceptEntry {
  const recordId = randomUUID();
  const envelopeId = randomUUID();
  const record = waitingRecord(recordId, serial, at);
  return {
    envelope: {
      id: envelopeId,
      adapter: 'api',
      account: 'api',
      receivedAt: toInstant(at),
      contentType: 'application/json',
      headers: {},
      body,
    },
    key: `bench-${recordId}`,
    contentHash: recordId,
    changes: [
      {
        do: 'put-record',
        record,
        expectedVersion: 0,
        lookups: [{ kind: 'phone', value: record.citizen.phones[0] ?? '' }],
      },
      {
        do: 'put-message',
        item: { envelopeId, account: 'api', key: `bench-${recordId}`, contentHash: recordId },
        message: {
          id: randomUUID(),
          account: 'api',
          adapter: 'api',
          envelopeId,
          channel: 'phone',
          receivedAt: at,
          saidAt: at,
          content: {
            key: recordId,
            channel: 'phone',
            sender: { id: record.citizen.phones[0] ?? '', kind: 'phone', proven: false },
            text,
            attachments: [],
          },
        },
        placement: { place: 'in-record', recordId },
      },
      {
        do: 'put-event',
        event: {
          id: randomUUID(),
          recordId,
          name: 'received',
          sequence: 1,
          version: 1,
          at: toInstant(at),
          actor: 'key:bench',
          data: {},
        },
        destinations: [{ name: 'coordination', profile: 'full' }],
      },
      {
        do: 'put-timer',
        timer: { id: `promise:${recordId}`, kind: 'promise', recordId, dueAt: at + 36 * 3_600_000 },
      },
    ],
  };
}

/** Puts records into the coordination queue of a data folder that nothing has open, through the store's own port. */
export async function fill(dataDir: string, count: number): Promise<void> {
  const store = await openSqliteStore({
    dataDir,
    keys: loadKeyRing(dataDir),
    institution: 'ornek',
    hosting: 'inline',
    onFatal: (error) => {
      throw error;
    },
  });
  const at = Date.now();
  const { first } = await store.pipeline.reserveNumbers('SOK', 2026, count);
  const group = 1000;
  for (let done = 0; done < count; done += group) {
    const entries = Array.from({ length: Math.min(group, count - done) }, (_, index) =>
      waitingEntry(first + done + index, at),
    );
    const outcomes = await store.pipeline.accept(entries);
    if (outcomes.some(({ result }) => result !== 'accepted'))
      throw new Error('A record could not be stored.');
  }
  await store.close();
}
