import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { type Logger, toEpoch, toInstant } from '@kapi/contract';
import { z } from 'zod';
import { failpoint } from '../contract/failpoint.ts';
import type { Clock } from './clock.ts';
import type { Metrics } from './metrics.ts';
import { createScrubber } from './scrub.ts';

/** `critical` is told at once and repeated; `warning` is told once and then with the heartbeat. */
export type Severity = 'critical' | 'warning';

export interface AlarmPerson {
  readonly name: string;
  readonly email?: string;
  readonly webhook?: { readonly url: string; readonly secret?: string };
}

const alarmSchema = z.strictObject({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  text: z.string(),
  severity: z.enum(['critical', 'warning']),
  raisedAt: z.number(),
  /** How often it was raised since. */
  count: z.number(),
  lastToldAt: z.number().optional(),
  acknowledgedAt: z.number().optional(),
  acknowledgedBy: z.string().optional(),
});
/** One thing that is wrong: same kind and subject are the same alarm until it is cleared. */
export type Alarm = Readonly<z.infer<typeof alarmSchema>>;

const stateSchema = z.strictObject({ alarms: z.array(alarmSchema), heartbeatAt: z.number().optional() });
export type AlarmsState = z.infer<typeof stateSchema>;

/** Where alarms outlive a restart. Called one at a time. */
export interface AlarmStore {
  load(): Promise<AlarmsState>;
  save(state: AlarmsState): Promise<void>;
}

/** A small JSON file beside the data; alarms must work where the store is what is broken. */
export function alarmFile(path: string): AlarmStore {
  return {
    async load() {
      try {
        return stateSchema.parse(JSON.parse(await readFile(path, 'utf8')));
      } catch {
        // Missing, cut short or foreign: what is still wrong will be raised again.
        return { alarms: [] };
      }
    },
    async save(state) {
      await writeFile(`${path}.new`, JSON.stringify(state), { mode: 0o600, flush: true });
      failpoint('before-alarms-rename');
      await rename(`${path}.new`, path);
    },
  };
}

/** What reaches a person. `id` is the same on every repetition of the same telling. */
export interface Telling {
  readonly id: string;
  readonly type: 'alarm' | 'heartbeat';
  readonly at: string;
  readonly kind: string;
  readonly subject: string;
  readonly text: string;
  readonly severity?: Severity;
  readonly count?: number;
}

/** One way to a person; throws where it did not work. */
export type Tell = (person: AlarmPerson, telling: Telling) => Promise<void>;

export interface AlarmsOptions {
  readonly institution: string;
  readonly people: readonly AlarmPerson[];
  /** Ways to tell, each tried for every person that has an address for it. */
  readonly ways: readonly { readonly reaches: (person: AlarmPerson) => boolean; readonly tell: Tell }[];
  readonly repeatMinutes: number;
  /** `HH:MM` in Istanbul; absent: no heartbeat. */
  readonly dailyHeartbeatAt?: string;
  readonly store: AlarmStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: Pick<Metrics, 'alarms'>;
}

export interface Alarms {
  /**
   * Says that something is wrong. `subject` is an id (account, destination, record number), `text` one
   * sentence; personal patterns in it are masked all the same. Resolves when people were told or could
   * not be; never throws.
   */
  raise(kind: string, subject: string, text: string, severity?: Severity): Promise<void>;
  /** It is right again: the alarm ends, and may be raised anew. */
  clear(kind: string, subject: string): Promise<void>;
  /** Someone has it in hand: no more repetitions. @returns false where there is no such alarm */
  acknowledge(id: string, by: string): Promise<boolean>;
  open(): Promise<readonly Alarm[]>;
  /** Repeats what is due and sends the heartbeat; `start` calls it each half minute. */
  tick(): Promise<void>;
  start(signal: AbortSignal): Promise<void>;
}

const scrubber = createScrubber();
const tickMs = 30_000;
/** More alarms of one kind at one moment are told in one message: a hundred mails at once are read by nobody. */
const maxSingly = 3;
const maxListed = 50;
const dayMs = 86_400_000;
const idOf = (kind: string, subject: string): string =>
  createHash('sha256').update(`${kind}\n${subject}`).digest('hex').slice(0, 16);

/** Last moment at or before `now` at which Istanbul's clocks showed `time`. */
function lastOccurrence(time: string, now: number): number {
  const today = toEpoch(`${toInstant(now).slice(0, 10)}T${time}:00+03:00`);
  return today <= now ? today : today - dayMs;
}

/** Many alarms of one kind in one telling: how many, the first sentence, and which they are. */
function together(alarms: readonly [Alarm, ...Alarm[]]): Pick<Telling, 'subject' | 'text' | 'count'> {
  const subjects = alarms.map(({ subject }) => subject);
  const more = subjects.length > maxListed ? ` … (+${subjects.length - maxListed})` : '';
  return {
    subject: String(alarms.length),
    text: `${alarms.length} alarm: ${alarms[0].text}\n${subjects.slice(0, maxListed).join(', ')}${more}`,
    count: alarms.length,
  };
}

export function createAlarms(options: AlarmsOptions): Alarms {
  const { clock, log, people } = options;
  let turn: Promise<unknown> = Promise.resolve();
  let state: AlarmsState | undefined;

  /** One change at a time, so that two raises cannot tell twice. */
  function inTurn<T>(work: (state: AlarmsState) => Promise<T>): Promise<T> {
    const mine = turn.then(async () => {
      state ??= await options.store.load();
      return work(state);
    });
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function keep(state: AlarmsState): Promise<void> {
    await options.store
      .save(state)
      .catch((error: unknown) =>
        log.error({ error }, 'alarms could not be written; they live in memory until then'),
      );
  }

  /** True where at least one person was reached. */
  async function tellAll(telling: Telling): Promise<boolean> {
    const tries = people.flatMap((person) =>
      options.ways.filter((way) => way.reaches(person)).map((way) => ({ person, way })),
    );
    const results = await Promise.allSettled(tries.map(({ person, way }) => way.tell(person, telling)));
    let reached = false;
    for (const result of results) {
      options.metrics?.alarms.add({
        kind: telling.kind,
        result: result.status === 'fulfilled' ? 'sent' : 'failed',
      });
      if (result.status === 'fulfilled') reached = true;
      else log.error({ kind: telling.kind, error: result.reason }, 'an alarm did not reach a person');
    }
    return reached || tries.length === 0;
  }

  async function tell(state: AlarmsState, alarms: readonly [Alarm, ...Alarm[]]): Promise<void> {
    const now = clock.now();
    const [first] = alarms;
    const told = await tellAll({
      id: `${first.id}-${first.raisedAt}-${now}`,
      type: 'alarm',
      at: toInstant(now),
      kind: first.kind,
      severity: alarms.some(({ severity }) => severity === 'critical') ? 'critical' : first.severity,
      ...(alarms.length === 1
        ? { subject: first.subject, text: first.text, count: first.count }
        : together(alarms)),
    });
    if (told) for (const alarm of alarms) replace(state, { ...alarm, lastToldAt: now });
  }

  /** Tells all that is due: few of a kind each by itself, many of them together. */
  async function tellDue(state: AlarmsState): Promise<void> {
    const due = Map.groupBy(
      state.alarms.filter((alarm) => isDue(alarm, clock.now())),
      ({ kind }) => kind,
    );
    for (const alarms of due.values()) {
      const [first, ...others] = alarms;
      if (first && alarms.length > maxSingly) await tell(state, [first, ...others]);
      else for (const alarm of alarms) await tell(state, [alarm]);
    }
  }

  let flush: Promise<void> | undefined;
  /** What is raised while people are being told waits for the next round, and is told together. */
  function flushed(): Promise<void> {
    flush ??= inTurn(async (state) => {
      flush = undefined;
      await keep(state);
      await tellDue(state);
      await keep(state);
    });
    return flush;
  }

  const replace = (state: AlarmsState, alarm: Alarm): void => {
    state.alarms = [...state.alarms.filter(({ id }) => id !== alarm.id), alarm];
  };

  const isDue = (alarm: Alarm, now: number): boolean => {
    if (alarm.acknowledgedAt !== undefined) return false;
    if (alarm.lastToldAt === undefined) return true;
    return alarm.severity === 'critical' && now - alarm.lastToldAt >= options.repeatMinutes * 60_000;
  };

  async function heartbeat(state: AlarmsState): Promise<void> {
    if (options.dailyHeartbeatAt === undefined) return;
    const now = clock.now();
    const due = lastOccurrence(options.dailyHeartbeatAt, now);
    if (state.heartbeatAt === undefined) state.heartbeatAt = due;
    if (state.heartbeatAt >= due) return;
    const open = state.alarms.filter(({ acknowledgedAt }) => acknowledgedAt === undefined);
    const reached = await tellAll({
      id: `heartbeat-${due}`,
      type: 'heartbeat',
      at: toInstant(now),
      kind: 'heartbeat',
      subject: options.institution,
      text: ['çalışıyorum', ...open.map(({ kind, subject, text }) => `${kind} ${subject}: ${text}`)].join(
        '\n',
      ),
    });
    if (reached) state.heartbeatAt = due;
  }

  async function tick(): Promise<void> {
    await inTurn(async (state) => {
      const before = JSON.stringify(state);
      await tellDue(state);
      await heartbeat(state);
      if (JSON.stringify(state) !== before) await keep(state);
    });
  }

  return {
    async raise(kind, subject, text, severity = 'critical') {
      const said = scrubber.text(text).slice(0, 1000);
      log.error({ kind, alarm: subject, severity }, said);
      await inTurn(async (state): Promise<boolean> => {
        const id = idOf(kind, subject);
        const known = state.alarms.find((alarm) => alarm.id === id);
        const alarm: Alarm = known
          ? { ...known, text: said, severity, count: known.count + 1 }
          : { id, kind, subject, text: said, severity, raisedAt: clock.now(), count: 1 };
        replace(state, alarm);
        // A flood of the same alarm costs no writes: its count is kept with the next telling.
        return isDue(alarm, clock.now());
      })
        .then((due) => (due ? flushed() : undefined))
        .catch((error: unknown) => log.error({ kind, error }, 'an alarm could not be raised'));
    },
    clear: (kind, subject) =>
      inTurn(async (state) => {
        const id = idOf(kind, subject);
        if (!state.alarms.some((alarm) => alarm.id === id)) return;
        state.alarms = state.alarms.filter((alarm) => alarm.id !== id);
        await keep(state);
      }),
    acknowledge: (id, by) =>
      inTurn(async (state) => {
        const known = state.alarms.find((alarm) => alarm.id === id);
        if (!known) return false;
        replace(state, { ...known, acknowledgedAt: clock.now(), acknowledgedBy: by });
        options.metrics?.alarms.add({ kind: known.kind, result: 'acknowledged' });
        await keep(state);
        return true;
      }),
    open: () => inTurn(async (state) => [...state.alarms]),
    tick,
    async start(signal) {
      while (!signal.aborted) {
        await tick().catch((error: unknown) => log.error({ error }, 'alarms could not be repeated'));
        await clock.sleep(tickMs, signal);
      }
    },
  };
}
