import { kindOfError, type ReplyDraft, type ReplyReceipt } from '@kapi/contract';
import type { Check } from './check.ts';
import { describeThrown } from './check.ts';
import { type Heard, heardNothing, makeContext } from './context.ts';
import type { CounterpartMood, ReplyRows, ReplyWorld } from './rows.ts';
import { parseConfig, type Subject } from './subject.ts';

export const draftOf = (rows: ReplyRows): ReplyDraft => ({
  idempotencyKey: 'notice-1',
  to: rows.to,
  text: 'Başvurunuz alınmıştır. Kayıt no: SOK-26-0001234-9.',
  recordNumber: 'SOK-26-0001234-9',
  automatic: true,
  language: 'tr',
  ...rows.draft,
});

export type Ending = { readonly receipt: ReplyReceipt } | { readonly thrown: unknown };

export async function sendOnce(
  subject: Subject,
  world: ReplyWorld,
  heard: Heard = heardNothing(),
): Promise<Ending> {
  const { adapter, rows } = subject;
  if (!adapter.reply || !rows.reply) return { thrown: new Error('no reply') };
  const context = makeContext(parseConfig(adapter, world.config), heard, { http: world.http });
  try {
    return { receipt: await adapter.reply.send(draftOf(rows.reply), context) };
  } catch (thrown) {
    return { thrown };
  }
}

async function inMood(
  subject: Subject,
  mood: CounterpartMood,
  visit: (world: ReplyWorld, ending: Ending) => void | Promise<void>,
): Promise<void> {
  if (!subject.adapter.reply || !subject.rows.reply) return;
  const world = await subject.rows.reply.start(mood);
  try {
    await visit(world, await sendOnce(subject, world));
  } finally {
    await world.stop();
  }
}

const owedKinds: readonly (readonly [mood: CounterpartMood, kind: 'transient' | 'rejected'])[] = [
  ['throttle', 'transient'],
  ['fail', 'transient'],
  ['unreachable', 'transient'],
  ['reject', 'rejected'],
];

/** What sending to a citizen ends in. */
export const replyChecks: readonly Check[] = [
  {
    id: 'wrong-receipt',
    owes: 'returns the provider’s id when a message was taken, and sends it once',
    async find(subject, report) {
      await inMood(subject, 'accept', async (world, ending) => {
        if ('thrown' in ending) return report('accept', `threw ${describeThrown(ending.thrown)}`);
        if (ending.receipt.ref === '') report('accept', 'ref is empty');
        const sent = await world.sent();
        if (sent.length !== 1) report('accept', `${sent.length} messages reached the counterpart`);
        const [first] = sent;
        if (first && first.to !== subject.rows.reply?.to) report('accept', 'went to another address');
      });
    },
  },
  {
    id: 'wrong-reply-error',
    owes: 'maps 429, 5xx and no connection to TransientError, and 4xx to RejectedError',
    async find(subject, report) {
      for (const [mood, owed] of owedKinds) {
        await inMood(subject, mood, (_world, ending) => {
          if ('receipt' in ending) return report(mood, 'returned a receipt');
          const kind = kindOfError(ending.thrown);
          if (kind !== owed) report(mood, `is ${kind}, owed ${owed}: ${describeThrown(ending.thrown)}`);
        });
      }
    },
  },
  {
    id: 'unknown-fate-repeatable',
    owes: 'does not ask for a repeat of a message that may have been taken',
    async find(subject, report) {
      await inMood(subject, 'silent', (_world, ending) => {
        if ('receipt' in ending) return report('silent', 'returned a receipt');
        const kind = kindOfError(ending.thrown);
        const { reply } = subject.adapter.capabilities;
        if (kind === 'rejected') report('silent', 'is rejected: the citizen may have the message');
        if (kind === 'transient' && reply && !reply.idempotent)
          report('silent', 'is transient: the citizen would have it twice');
      });
    },
  },
  {
    id: 'not-idempotent',
    owes: 'reaches the citizen once under one key, where it declares so',
    async find(subject, report) {
      const { reply } = subject.adapter.capabilities;
      if (reply === false || !reply.idempotent) return;
      await inMood(subject, 'accept', async (world) => {
        await sendOnce(subject, world);
        const sent = await world.sent();
        if (sent.length !== 1) report('accept', `the same draft twice made ${sent.length} messages`);
      });
    },
  },
  {
    id: 'wrong-lookup',
    owes: 'finds a sent message and does not find one that was never sent',
    async find(subject, report) {
      const { adapter, rows } = subject;
      if (!adapter.reply?.lookup) return;
      const sentAfter = new Date(Date.now() - 60_000).toISOString();
      const ask = async (world: ReplyWorld, ref?: string) => {
        const context = makeContext(parseConfig(adapter, world.config), heardNothing(), { http: world.http });
        if (!rows.reply) return 'unknown';
        const { to, text } = draftOf(rows.reply);
        return adapter.reply?.lookup?.(
          { idempotencyKey: 'notice-1', to, text, sentAfter, ...(ref === undefined ? {} : { ref }) },
          context,
        );
      };
      await inMood(subject, 'accept', async (world, ending) => {
        if ('thrown' in ending) return;
        const found = await ask(world, ending.receipt.ref);
        if (found !== 'sent' && found !== 'delivered') report('after a receipt', `is ${found}`);
      });
      const world = await rows.reply?.start('accept');
      if (!world) return;
      try {
        const found = await ask(world);
        if (found !== 'unknown' && found !== 'failed') report('before anything was sent', `is ${found}`);
      } finally {
        await world.stop();
      }
    },
  },
];
