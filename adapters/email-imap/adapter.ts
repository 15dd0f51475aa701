import { defineAdapter } from '@kapi/contract';
import { config } from './config.ts';
import { probe } from './connection.ts';
import { normalize } from './normalize.ts';
import { parts } from './parts.ts';
import { pull } from './pull.ts';
import { reply } from './reply.ts';

/** Any mailbox by IMAP, answered by SMTP. */
export const adapter = defineAdapter({
  id: 'email-imap',
  channels: ['email'],
  config,
  capabilities: {
    emits: { attachments: true, locations: false, statuses: true, revisions: false },
    origin: 'login',
    senderProof: 'per-message',
    retries: 'core',
    settles: false,
    abroad: false,
    reply: {
      addresses: 'email',
      attachments: false,
      maxCharacters: null,
      reports: true,
      lookup: false,
      idempotent: false,
    },
  },
  sources: [pull],
  parts,
  parser: { module: new URL('./parse.ts', import.meta.url), maxMs: 10_000, maxMemoryMb: 256 },
  normalize,
  reply,
  probe,
});

export default adapter;
