import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCounterpart } from '../../../adapters/sms-twilio/twilio-counterpart.ts';
import type { Failpoint } from '../../../src/contract/failpoint.ts';
import { startDovecot } from '../../support/dovecot.ts';
import { until } from './chance.ts';
import { type Held, readHeld } from './checker.ts';
import { citizens, pause } from './citizens.ts';
import { type Door, openDoor } from './door.ts';
import { createClerk, drained } from './drain.ts';
import { byApi, insist } from './driver.ts';
import { type Exit, type Home, openHome } from './gateway.ts';
import { type Fact, type History, openHistory } from './history.ts';
import { call, json } from './http.ts';
import { clientOf, deliver, unseen } from './mails.ts';
import { type Sink, startSink } from './sink.ts';

/** One life of a gateway: it ends when it passes the point for the nth time. */
export interface Life {
  readonly point: Failpoint;
  readonly nth: number;
}

/** What is left of a town whose gateway crashed at one point after the other. */
export interface Chronicle {
  /** How each life ended; absent: it never came to its point. */
  readonly exits: ReadonlyMap<Failpoint, Exit>;
  /** In which life each message was first said, by its number. */
  readonly saidIn: ReadonlyMap<number, Failpoint>;
  readonly facts: readonly Fact[];
  readonly held: Held;
  /** Absent where the town has no receiver. */
  readonly sink: Sink | undefined;
  /** Queue events that came again after their acknowledgement was answered. */
  readonly again: readonly string[];
  /** Whom the stand-in for Twilio was asked to write to. */
  readonly receipts: readonly (string | null)[];
  /** What should have gone while the last gateway ran, and did not. */
  readonly leftovers: readonly string[];
}

interface World {
  readonly home: Home;
  readonly history: History;
  readonly door: Door;
  /** Notes that the message was first said now. */
  told(n: number): void;
}

interface TownOptions {
  readonly sink?: Sink;
  readonly twilioApi?: string;
  readonly mailbox?: { readonly port: number; readonly user: string; readonly password: string };
  readonly endings: (() => Promise<void>)[];
  /** What the folder goes through before anybody lives there. */
  readonly before?: (home: Home, history: History) => Promise<void>;
  /** Whoever lives there while gateways come and go, until told to stop. */
  readonly people: (world: World, stopped: () => boolean) => Promise<unknown>;
  /** Asked of the last gateway before it stops. */
  readonly atLast?: (home: Home, logAtCrash: string) => Promise<readonly string[]>;
}

/** Longest that a life may take to come to its point. */
const lifeMs = 90_000;

async function liveThrough(lives: readonly Life[], options: TownOptions): Promise<Chronicle> {
  const { sink, twilioApi, mailbox } = options;
  const home = openHome({
    ...(sink && { sink: sink.url, sinkTimeoutSeconds: 10 }),
    ...(twilioApi !== undefined && { twilioApi }),
    ...(mailbox && { mailbox }),
  });
  options.endings.push(home.close);
  const history = openHistory(join(home.folder, 'history.ndjson'));
  await options.before?.(home, history);
  const door = openDoor();
  const saidIn = new Map<number, Failpoint>();
  let now = lives[0]?.point;
  const world: World = {
    home,
    history,
    door,
    told: (n) => {
      if (now !== undefined) saidIn.set(n, now);
    },
  };
  let stopped = false;
  const people = options.people(world, () => stopped);
  people.catch(() => undefined);
  const clerk = createClerk();
  let idle = false;
  const clerks = clerk.work(door.up, () => idle);

  const exits = new Map<Failpoint, Exit>();
  let logAtCrash = '';
  for (const { point, nth } of lives) {
    now = point;
    const run = await home.start({ environment: { KAPI_FAILPOINT: `${point}:${nth}` } });
    door.opened(run);
    const came = await until(`the crash at ${point}`, () => run.ended(), lifeMs).catch(() => false);
    door.closed();
    if (came) exits.set(point, await run.exited);
    else await run.kill();
    logAtCrash = logOf(home);
  }
  now = undefined;
  stopped = true;
  const run = await home.start();
  door.opened(run);
  await people;
  // A receiver that was late twice is asked again after five minutes.
  await drained(run, [], 420_000);
  const leftovers = (await options.atLast?.(home, logAtCrash)) ?? [];
  idle = true;
  await clerks;
  await run.stop();
  const held = await readHeld(home.data);
  return { exits, saidIn, facts: history.read(), held, sink, again: clerk.again, receipts: [], leftovers };
}

type Endings = TownOptions['endings'];

/** Citizens by API, SMS and with photos, emergencies, receipts, a receiver and a reader of the queue. */
export async function townOfCitizens(lives: readonly Life[], endings: Endings): Promise<Chronicle> {
  const sink = await startSink();
  const sms = await startCounterpart();
  endings.push(sink.stop, sms.stop);
  const chronicle = await liveThrough(lives, {
    sink,
    twilioApi: sms.url,
    endings,
    people: ({ door, history, told }, stopped) => citizens(door, history, stopped, told),
  });
  return { ...chronicle, receipts: sms.sent.map(({ parameters }) => parameters.get('To')) };
}

/** A mailbox into which mail comes all the time. */
export async function townOfMails(lives: readonly Life[], endings: Endings): Promise<Chronicle> {
  const dovecot = await startDovecot();
  const client = await clientOf(dovecot);
  endings.push(async () => client.close(), dovecot.stop);
  return liveThrough(lives, {
    mailbox: dovecot,
    endings,
    async people({ history, told }, stopped) {
      for (let n = 1; !stopped(); n += 1) {
        told(n);
        await deliver(client, history, n);
        await pause(200);
      }
      await until('every mail to be marked', async () => (await unseen(client)) === 0);
    },
  });
}

/** A person who writes and whose record is erased, again and again, beside one who only writes. */
export async function townOfErasures(lives: readonly Life[], endings: Endings): Promise<Chronicle> {
  return liveThrough(lives, {
    endings,
    async people({ home, door, history, told }, stopped) {
      const forgotten = openHistory(join(home.folder, 'forgotten.ndjson'));
      for (let n = 1; !stopped(); n += 1) {
        told(n);
        await insist(byApi(n), door.up, history);
        const { body } = await insist(
          byApi(n, 0, { sourceId: `gone-${n}`, text: 'Yol bozuk.' }),
          door.up,
          forgotten,
        );
        const { number }: { number: string } = JSON.parse(body);
        await insistOnErasure(door, number);
        await pause(50);
      }
    },
    async atLast(home, logAtCrash) {
      // Its erasure stood and is not repeated: nothing else would take its bytes out of the log.
      const what = 'the log still holds what was erased';
      const gone = await until(what, () => logOf(home) !== logAtCrash, 20_000).catch(() => false);
      return gone ? [] : [what];
    },
  });
}

/** The salts of the write-ahead log: others as soon as it was begun anew (https://www.sqlite.org/fileformat2.html#walformat). */
function logOf({ data }: Home): string {
  const path = join(data, 'kapi.db-wal');
  return existsSync(path) ? readFileSync(path).subarray(16, 24).toString('hex') : '';
}

async function insistOnErasure(door: Door, number: string): Promise<void> {
  for (;;) {
    const run = await door.up();
    try {
      const answer = await call(run.url, json(run.key, { number, reason: 'KVKK md. 11' }, '/v1/erase'));
      if (answer.status === 204 || answer.status === 404) return;
    } catch {
      // Nobody answered: again, at whoever runs then.
    }
    await pause(20);
  }
}

/** The first start on an empty folder, crashed again and again before anybody could say anything. */
export async function townOfStarts(lives: readonly Life[], endings: Endings): Promise<Chronicle> {
  const exits = new Map<Failpoint, Exit>();
  const chronicle = await liveThrough([], {
    endings,
    async people({ door, history }) {
      for (let n = 1; n <= 5; n += 1) await insist(byApi(n), door.up, history);
    },
    before: async (home) => {
      for (const { point, nth } of lives) {
        const environment = { KAPI_FAILPOINT: `${point}:${nth}` };
        exits.set(point, await home.startToEnd({ environment }));
      }
    },
  });
  return { ...chronicle, exits };
}

const rotation = join(import.meta.dirname, 'rotate-keys.ts');

/** The sealing key rotated between two runs, crashed on the way; then rotated to the end. */
export async function townOfRotations(lives: readonly Life[], endings: Endings): Promise<Chronicle> {
  const exits = new Map<Failpoint, Exit>();
  const rotate = (home: Home, failpoint: string): Promise<Exit> => {
    const child = spawn(process.execPath, [rotation, home.data], {
      env: { NODE_ENV: 'test', KAPI_FAILPOINT: failpoint },
      stdio: 'ignore',
    });
    return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  };
  const chronicle = await liveThrough([], {
    endings,
    async people({ door, history }) {
      for (let n = 100; n <= 105; n += 1) await insist(byApi(n), door.up, history);
    },
    before: async (home, history) => {
      for (const { point, nth } of lives) {
        const run = await home.start();
        for (let n = 1; n <= 12; n += 1) {
          await insist(byApi(exits.size * 20 + n), async () => run, history);
        }
        await run.stop();
        exits.set(point, await rotate(home, `${point}:${nth}`));
      }
      const { code } = await rotate(home, '');
      if (code !== 0) throw new Error(`the rotation ended with ${code}`);
    },
  });
  return { ...chronicle, exits };
}
