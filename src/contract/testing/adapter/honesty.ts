import { isDeepStrictEqual } from 'node:util';
import type { InboundMessage } from '@kapi/contract';
import type { Check } from './check.ts';
import { fieldsOf } from './config.ts';
import { normalizeRow } from './items.ts';
import type { Subject } from './subject.ts';

const secretName = /(token|secret|password|parola|api_?key|auth)(s|hash)?$/i;

/** Capabilities, functions, configuration and rows say the same. */
export const honestyChecks: readonly Check[] = [
  {
    id: 'identity',
    owes: 'has a kebab-case id, contract 1, channels and sources that fit how it proves origin',
    find({ adapter }, report) {
      if (adapter.contract !== 1) report('contract', 'is not 1');
      if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(adapter.id))
        report('id', `«${adapter.id}» is not kebab-case`);
      if (adapter.channels.length === 0) report('channels', 'names none');
      if (adapter.sources.length === 0) report('sources', 'has none');
      const pushes = adapter.sources.some((source) => source.kind === 'push');
      if (pushes === (adapter.capabilities.origin === 'login')) {
        report(
          'capabilities.origin',
          pushes ? 'a push source cannot prove origin by login' : 'a pull source proves origin by login',
        );
      }
    },
  },
  {
    id: 'missing-rows',
    owes: 'has rows for every side it has',
    find({ adapter, rows }, report) {
      const owed: readonly (readonly [boolean, unknown, string])[] = [
        [true, rows.envelopes[0], 'envelopes'],
        [true, rows.malformed[0], 'malformed'],
        [adapter.sources.some((source) => source.kind === 'push'), rows.push, 'push'],
        [adapter.sources.some((source) => source.kind === 'pull'), rows.pull, 'pull'],
        [adapter.fetch !== undefined, rows.fetch?.[0], 'fetch'],
        [adapter.reply !== undefined, rows.reply, 'reply'],
      ];
      for (const [has, row, name] of owed) if (has && row === undefined) report(name, 'no row stands for it');
    },
  },
  {
    id: 'undescribed-config',
    owes: 'describes every config field',
    find({ adapter, rows }, report) {
      for (const field of fieldsOf(adapter.config, rows.config)) {
        if (!field.described) report(field.path, 'has no description');
      }
    },
  },
  {
    id: 'unmarked-secret',
    owes: 'marks every config field that is named like a secret as one',
    find({ adapter, rows }, report) {
      for (const field of fieldsOf(adapter.config, rows.config)) {
        const name = field.path.split('.').at(-1)?.replace(/\[\]$/, '') ?? '';
        if (secretName.test(name) && !field.secret) report(field.path, 'lacks .meta({ secret: true })');
      }
    },
  },
  {
    id: 'undeclared-capability',
    owes: 'does only what its capabilities declare',
    find(subject, report) {
      const { adapter } = subject;
      const { emits } = adapter.capabilities;
      const reply = adapter.capabilities.reply || undefined;
      const shown = shownBy(subject);
      for (const name of ['attachments', 'locations', 'statuses', 'revisions'] as const) {
        const at = shown[name];
        if (at !== undefined && !emits[name]) report(`emits.${name}`, `«${at}» emits them`);
      }
      if (reply === undefined && adapter.reply) report('reply', 'is a function, the capability is false');
      if (reply && !reply.lookup && adapter.reply?.lookup)
        report('reply.lookup', 'is a function, the capability is false');
      if (reply?.reports && !emits.statuses)
        report('reply.reports', 'reports arrive as statuses, which are not declared');
    },
  },
  {
    id: 'missing-function',
    owes: 'has a function for every capability it declares',
    find({ adapter, envelopes }, report) {
      const reply = adapter.capabilities.reply || undefined;
      if (reply && !adapter.reply) report('reply', 'is declared, there is no function');
      if (reply?.lookup && !adapter.reply?.lookup)
        report('reply.lookup', 'is declared, there is no function');
      for (const { row, refs } of envelopes) {
        if (refs.some((ref) => ref.kind === 'media') && !adapter.fetch)
          report(row.name, 'names media, there is no fetch');
        if (refs.some((ref) => ref.kind === 'parsed') && !adapter.parser)
          report(row.name, 'asks for a parser, there is none');
      }
    },
  },
  {
    id: 'unshown-capability',
    owes: 'shows in a row everything it declares to emit',
    find(subject, report) {
      const { emits } = subject.adapter.capabilities;
      const shown = shownBy(subject);
      for (const name of ['attachments', 'locations', 'statuses', 'revisions'] as const) {
        if (emits[name] && shown[name] === undefined) report(`emits.${name}`, 'no row emits them');
      }
    },
  },
  {
    id: 'undeclared-channel',
    owes: 'names only channels it declares',
    find(subject, report) {
      for (const { at, message } of messagesOf(subject)) {
        if (!subject.adapter.channels.includes(message.channel))
          report(at, `${message.key} is of «${message.channel}»`);
      }
    },
  },
  {
    id: 'unproven-sender',
    owes: 'proves senders as its senderProof says',
    find(subject, report) {
      const { senderProof } = subject.adapter.capabilities;
      for (const { at, message } of messagesOf(subject)) {
        if (senderProof === 'none' && message.sender.proven)
          report(at, `${message.key} is proven, senderProof is none`);
        if (senderProof === 'account' && !message.sender.proven)
          report(at, `${message.key} is not proven, senderProof is account`);
      }
    },
  },
];

function messagesOf(subject: Subject): readonly { readonly at: string; readonly message: InboundMessage }[] {
  return subject.envelopes.flatMap((loaded) => {
    const items = normalizeRow(subject, loaded);
    return (items?.messages ?? []).map((message) => ({ at: loaded.row.name, message }));
  });
}

/** For each thing that can be emitted, the row that does. */
function shownBy(subject: Subject): {
  readonly attachments: string | undefined;
  readonly locations: string | undefined;
  readonly statuses: string | undefined;
  readonly revisions: string | undefined;
} {
  const messages = messagesOf(subject);
  const firstOf = new Map<string, InboundMessage>();
  let revisions: string | undefined;
  for (const { at, message } of messages) {
    const first = firstOf.get(message.key);
    if (first === undefined) firstOf.set(message.key, message);
    else if (!isDeepStrictEqual(first, message)) revisions ??= at;
  }
  return {
    attachments: messages.find(({ message }) => message.attachments.length > 0)?.at,
    locations: messages.find(({ message }) => message.location !== undefined)?.at,
    statuses: subject.envelopes.find((loaded) => (normalizeRow(subject, loaded)?.statuses.length ?? 0) > 0)
      ?.row.name,
    revisions,
  };
}
