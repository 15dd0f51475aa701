import { randomUUIDv7 } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type AcceptEntry, formatNumber, promiseClock, type SokRecord, toInstant } from '@kapi/contract';
import pg from 'pg';
import { loadKeyRing } from '../../src/sealing/index.ts';
import { openPostgresStore, type PostgresStore } from '../../src/store/postgres/index.ts';
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/index.ts';

/**
 * Prints what a store's writer does on this machine: entrance accepts, claim and ack, empty and with
 * records waiting. The embedded store inline and in its thread; PostgreSQL in a schema that is made and
 * dropped, with one gateway and with two (`--gateways 2`: two stores of one process, so of one processor).
 * `node test/bench/store-writer.ts [--engine sqlite|postgres] [--accepts 20000] [--waiting 200000] [--concurrency 64] [--hosting inline|thread]
 *   [--url postgres://postgres@127.0.0.1:5432/test] [--gateways 1]`
 */
const { values } = parseArgs({
  options: {
    accepts: { type: 'string', default: '20000' },
    waiting: { type: 'string', default: '200000' },
    concurrency: { type: 'string', default: '64' },
    hosting: { type: 'string', default: 'both' },
    engine: { type: 'string', default: 'sqlite' },
    url: { type: 'string', default: 'postgres://postgres@127.0.0.1:5432/test' },
    gateways: { type: 'string', default: '1' },
  },
});
const accepts = Number(values.accepts);
const waiting = Number(values.waiting);
const concurrency = Number(values.concurrency);
const hostings = (['inline', 'thread'] as const).filter(
  (one) => values.hosting === 'both' || values.hosting === one,
);
type Measured = SqliteStore | PostgresStore;
const start = Date.parse('2026-11-22T12:00:00+03:00');

function record(id: string, serial: number): SokRecord {
  const at = toInstant(start + serial);
  const text =
    'Mahallemizde sokak lambaları üç gecedir yanmıyor, çocuklar okuldan dönerken karanlıkta kalıyor. '.repeat(
      3,
    );
  return {
    schema: 'sok/1',
    id,
    version: 1,
    number: formatNumber('SOK', 2026, serial),
    trackingPin: '402913',
    trackingToken: randomUUIDv7(),
    kind: 'complaint',
    applicationType: 'complaint',
    legalTrack: 'service',
    channel: 'phone',
    account: 'cagri-153',
    origin: 'citizen',
    createdBy: 'key:centre',
    receivedAt: at,
    occurredAt: at,
    citizen: {
      type: 'person',
      name: 'Ayşe Yılmaz',
      tckn: '10000000146',
      tcknStatus: 'valid',
      phones: [`+90532${String(serial).padStart(7, '0')}`],
      emails: ['ayse@example.org'],
      handles: [],
      needs: [],
    },
    anonymity: 'open',
    subject: 'Sokak lambası',
    body: text,
    language: 'tr',
    place: { district: 'Nilüfer', neighbourhood: 'Görükle', text: 'okulun önü' },
    topic: { code: 'TM01', candidates: [{ code: 'TM01', confidence: 0.9 }] },
    owner: 'metropolitan',
    route: {
      unit: 'fen-isleri',
      ruleId: 'r1',
      mode: 'automatic',
      history: [{ unit: 'fen-isleri', ruleId: 'r1', mode: 'automatic', at }],
    },
    urgency: 'normal',
    confidentiality: 'none',
    deadlines: [promiseClock(start + serial)],
    status: 'queued',
    missing: [],
    messages: [],
    attachments: [],
    links: { related: [] },
    privacy: { noticeVersion: '1' },
    findings: Object.fromEntries(
      [
        '/citizen/name',
        '/citizen/tckn',
        '/place/district',
        '/place/neighbourhood',
        '/topic/code',
        '/urgency',
      ].map((key) => [
        key,
        { value: 'x', confidence: 0.9, from: 'rule' as const, rule: 'r', span: [0, 10] as [number, number] },
      ]),
    ),
    extra: {},
  };
}

/** What an entrance stores for one message: about a kilobyte received, record, event with a delivery, receipt, timer, lookups. */
function entry(serial: number): AcceptEntry {
  const id = randomUUIDv7();
  const envelopeId = randomUUIDv7();
  const eventId = randomUUIDv7();
  const made = record(id, serial);
  const at = start + serial;
  return {
    envelope: {
      id: envelopeId,
      adapter: 'api',
      account: 'cagri-153',
      receivedAt: toInstant(at),
      contentType: 'application/json',
      headers: {},
      body: Buffer.alloc(1000, made.body),
    },
    key: `CC-${id}`,
    contentHash: id,
    changes: [
      {
        do: 'put-record',
        record: made,
        expectedVersion: 0,
        lookups: [
          { kind: 'phone', value: made.citizen.phones[0] ?? '' },
          { kind: 'tckn', value: '10000000146' },
        ],
      },
      {
        do: 'put-message',
        item: { envelopeId, account: 'cagri-153', key: `CC-${id}`, contentHash: id },
        message: {
          id: randomUUIDv7(),
          account: 'cagri-153',
          adapter: 'api',
          envelopeId,
          channel: 'phone',
          receivedAt: at,
          saidAt: at,
          content: {
            key: id,
            channel: 'phone',
            sender: { id: '+905321234567', kind: 'phone', proven: false },
            text: made.body,
            attachments: [],
          },
        },
        placement: { place: 'in-record', recordId: id },
      },
      {
        do: 'put-event',
        event: {
          id: eventId,
          recordId: id,
          name: 'received',
          sequence: 1,
          version: 1,
          at: toInstant(at),
          actor: 'key:centre',
          data: {},
        },
        destinations: [{ name: 'coordination', profile: 'full' }],
      },
      {
        do: 'put-notice',
        notice: {
          id: randomUUIDv7(),
          recordId: id,
          eventId,
          kind: 'receipt',
          step: 1,
          channel: 'sms',
          account: 'sms-153',
          to: '+905321234567',
          template: 'receipt',
          text: 'Başvurunuz alındı, kayıt numaranız SOK-26-0001234-9.',
          language: 'tr',
          state: 'pending',
          createdAt: at,
        },
        dueAt: at,
      },
      {
        do: 'put-timer',
        timer: { id: `promise:${id}`, kind: 'promise', recordId: id, dueAt: at + 36 * 3600_000 },
      },
    ],
  };
}

let serial = 0;
async function acceptMany(
  stores: readonly Measured[],
  count: number,
  callers: number,
): Promise<{ perSecond: number; p50: number; p99: number; busy: number }> {
  const entries = Array.from({ length: count }, () => entry(++serial));
  const times: number[] = [];
  let taken = 0;
  const from = performance.now();
  const loop = performance.eventLoopUtilization();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let next = entries[taken++]; next; next = entries[taken++]) {
        const before = performance.now();
        await stores[taken % stores.length]?.pipeline.accept([next]);
        times.push(performance.now() - before);
      }
    }),
  );
  const seconds = (performance.now() - from) / 1000;
  times.sort((left, right) => left - right);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  return {
    perSecond: count / seconds,
    p50: at(0.5),
    p99: at(0.99),
    busy: performance.eventLoopUtilization(loop).utilization,
  };
}

async function claimAndAck(store: Measured, count: number): Promise<number> {
  const from = performance.now();
  let done = 0;
  while (done < count) {
    const works = await store.pipeline.claim('forward', {
      max: 50,
      leaseMs: 60_000,
      now: Date.now(),
      destination: 'coordination',
      actor: 'bench',
    });
    if (works.length === 0) break;
    await store.pipeline.settle(
      works.map((work) => ({ stage: 'forward', id: work.id, token: work.token, ending: { end: 'done' } })),
    );
    done += works.length;
  }
  return done / ((performance.now() - from) / 1000);
}

const round = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
const print = (label: string, text: string): void => console.log(`${label.padEnd(38)} ${text}`);

/** Opens the stores that are measured; each call gives as many gateways of the same data. */
interface Bench {
  readonly label: string;
  open(): Promise<readonly Measured[]>;
  end(): Promise<void>;
}

function sqlite(hosting: 'inline' | 'thread'): Bench {
  const dataDir = mkdtempSync(join(tmpdir(), 'kapi-bench-'));
  return {
    label: hosting,
    open: async () => [
      await openSqliteStore({
        dataDir,
        keys: loadKeyRing(dataDir),
        hosting,
        institution: 'bench',
        onFatal: (error) => console.error(error),
      }),
    ],
    end: async () => rmSync(dataDir, { recursive: true }),
  };
}

async function postgres(): Promise<Bench> {
  const dataDir = mkdtempSync(join(tmpdir(), 'kapi-bench-'));
  const schema = `kapi_bench_${process.pid}`;
  const ask = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: values.url });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await ask(`CREATE SCHEMA ${schema}`);
  const openOne = () =>
    openPostgresStore({
      url: values.url,
      schema,
      dataDir,
      keys: loadKeyRing(dataDir),
      institution: 'bench',
      onFatal: (error) => console.error(error),
    });
  return {
    label: `postgres, gateways ${values.gateways}`,
    open: async () => {
      const opened: Measured[] = [];
      while (opened.length < Number(values.gateways)) opened.push(await openOne());
      return opened;
    },
    end: async () => {
      await ask(`DROP SCHEMA ${schema} CASCADE`);
      rmSync(dataDir, { recursive: true });
    },
  };
}

async function measure({ label: name, open, end }: Bench, withWaiting: boolean): Promise<void> {
  let stores = await open();
  await acceptMany(stores, 2000, concurrency);
  const run = async (label: string): Promise<void> => {
    const alone = await acceptMany(stores, Math.min(1000, accepts), 1);
    print(
      `${label}: accept, one caller`,
      `${round(alone.perSecond)}/s  p50 ${round(alone.p50)} ms  p99 ${round(alone.p99)} ms`,
    );
    const many = await acceptMany(stores, accepts, concurrency);
    print(
      `${label}: accept, ${concurrency} callers`,
      `${round(many.perSecond)}/s  p50 ${round(many.p50)} ms  p99 ${round(many.p99)} ms  event loop busy ${round(many.busy * 100)} %`,
    );
    const each = Math.min(5000, accepts) / stores.length;
    const rates = await Promise.all(stores.map((store) => claimAndAck(store, each)));
    print(`${label}: claim 50 + ack`, `${round(rates.reduce((sum, rate) => sum + rate, 0))}/s`);
  };
  await run(`${name}, few waiting`);
  if (withWaiting) {
    await acceptMany(stores, waiting, 256);
    await run(`${name}, ${waiting} waiting`);
    await Promise.all(stores.map((store) => store.close()));
    const from = performance.now();
    stores = await open();
    await stores[0]?.pipeline.accept([entry(++serial)]);
    print(`${name}: open and first accept`, `${round(performance.now() - from)} ms`);
  }
  await Promise.all(stores.map((store) => store.close()));
  await end();
}

console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, temporary folder ${tmpdir()}`);
if (values.engine === 'postgres') await measure(await postgres(), waiting > 0);
else for (const hosting of hostings) await measure(sqlite(hosting), waiting > 0);
console.log(`resident ${round(process.memoryUsage().rss / 2 ** 20)} MiB`);
