import type { Check } from './check.ts';
import { type Heard, heardNothing, makeContext, show } from './context.ts';
import { fetchOnce } from './fetch.ts';
import { drain } from './pull.ts';
import { sendOnce } from './reply.ts';
import type { CounterpartMood } from './rows.ts';
import { listening } from './sandbox.ts';
import { leaks, secretsOf } from './secret-values.ts';
import { parseConfig, rowTime, type Subject, signed } from './subject.ts';

/** Everything the adapter said in one scene, by the way it came out. */
interface Scene {
  readonly name: string;
  readonly secrets: readonly string[];
  readonly logs: string;
  readonly errors: string;
  readonly results: string;
}

type Said = { readonly errors: readonly unknown[]; readonly results: readonly unknown[] };

async function play(
  name: string,
  secrets: readonly string[],
  work: (heard: Heard) => Promise<Said>,
): Promise<Scene> {
  const heard = heardNothing();
  const { result, printed } = await listening(() => work(heard));
  return {
    name,
    secrets,
    logs: [...heard.logs, ...heard.health, printed].join('\n'),
    errors: result.errors.map(show).join('\n'),
    results: result.results.map(show).join('\n'),
  };
}

function attempt(work: () => unknown): Said {
  try {
    return { errors: [], results: [work()] };
  } catch (thrown) {
    return { errors: [thrown], results: [] };
  }
}

const moods: readonly CounterpartMood[] = ['accept', 'throttle', 'fail', 'reject', 'unreachable', 'silent'];

async function scenes(subject: Subject): Promise<readonly Scene[]> {
  const { adapter, rows, config, push } = subject;
  const own = secretsOf(subject);
  const all: Scene[] = [];
  const readings = [
    ...subject.envelopes.map(({ row, envelope, parts }) => ({ name: row.name, envelope, parts })),
    ...subject.malformed.map(({ name, envelope }) => ({ name, envelope, parts: [] })),
  ];
  for (const { name, envelope, parts } of readings) {
    all.push(
      await play(`reading «${name}»`, own, async () =>
        attempt(() => adapter.normalize(envelope, parts, config)),
      ),
    );
    if (push) {
      const request = signed(push.rows, envelope, Date.parse(rowTime));
      const forged = { ...request, body: new Uint8Array([...request.body, 0]) };
      for (const [kind, said] of [
        ['genuine', request],
        ['forged', forged],
      ] as const) {
        all.push(
          await play(`verifying a ${kind} «${name}»`, own, async () =>
            attempt(() => [
              push.source.verify(said, { config, now: Date.parse(rowTime) }),
              push.source.envelopeKey(said, config),
              push.source.answer?.(said, config),
            ]),
          ),
        );
      }
    }
  }
  for (const row of rows.fetch ?? []) {
    for (const status of [200, 403, 404, 429, 500, 0]) {
      all.push(
        await play(`fetching «${row.name}», ${status}`, own, async (heard) => {
          const story = await fetchOnce(subject, row, status, heard);
          return { errors: [story.thrown], results: [] };
        }),
      );
    }
  }
  if (adapter.reply && rows.reply) {
    for (const mood of moods) {
      const world = await rows.reply.start(mood);
      try {
        const secrets = [...own, ...secretsOf(subject, world.config)];
        all.push(
          await play(`sending, ${mood}`, secrets, async (heard) => {
            const ending = await sendOnce(subject, world, heard);
            const context = makeContext(parseConfig(adapter, world.config), heard, { http: world.http });
            const probe = await adapter.probe?.(context).catch((thrown: unknown) => ({ thrown }));
            return 'thrown' in ending
              ? { errors: [ending.thrown, probe], results: [] }
              : { errors: [probe], results: [ending.receipt] };
          }),
        );
      } finally {
        await world.stop();
      }
    }
  }
  if (rows.pull) {
    const world = await rows.pull.start();
    try {
      const secrets = [...own, ...secretsOf(subject, world.config)];
      all.push(
        await play('pulling', secrets, async (heard) => {
          const story = await drain(subject, world, 'stored', heard);
          return { errors: story.thrown, results: story.keys };
        }),
      );
    } finally {
      await world.stop();
    }
  }
  return all;
}

const played = new WeakMap<Subject, Promise<readonly Scene[]>>();

/** The three checks look at one play. */
function scenesOf(subject: Subject): Promise<readonly Scene[]> {
  const known = played.get(subject) ?? scenes(subject);
  played.set(subject, known);
  return known;
}

function look(id: string, owes: string, where: 'logs' | 'errors' | 'results'): Check {
  return {
    id,
    owes,
    async find(subject, report) {
      for (const scene of await scenesOf(subject)) {
        if (leaks(scene[where], scene.secrets)) report(scene.name, 'a secret of the configuration shows');
      }
    },
  };
}

/** Secrets of the configuration stay inside. */
export const secretChecks: readonly Check[] = [
  look('secret-in-log', 'keeps its secrets out of logs and health', 'logs'),
  look('secret-in-error', 'keeps its secrets out of errors, their causes included', 'errors'),
  look('secret-in-result', 'keeps its secrets out of items, keys, answers and receipts', 'results'),
];
