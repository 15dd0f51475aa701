import { defineAdapter } from '@kapi/contract';
import { keyOf } from '@kapi/kit';
import { config } from './config.ts';
import { normalize } from './normalize.ts';
import { fetch, parts } from './parts.ts';
import { maxBytes, readPayload } from './payload.ts';
import { pull } from './pull.ts';
import { makeReply, probe } from './reply.ts';
import { verify } from './verify.ts';

/** SMS and MMS through Twilio's Programmable Messaging. */
export const adapter = defineAdapter({
  id: 'sms-twilio',
  channels: ['sms'],
  config,
  capabilities: {
    emits: { attachments: true, locations: false, statuses: true, revisions: false },
    origin: 'signature',
    senderProof: 'account',
    retries: 'provider',
    settles: true,
    abroad: true,
    reply: {
      addresses: 'phone',
      attachments: false,
      maxCharacters: 1600,
      reports: true,
      lookup: true,
      idempotent: false,
    },
  },
  sources: [
    {
      kind: 'push',
      maxBytes,
      verify,
      envelopeKey({ headers, body }) {
        try {
          const event = readPayload(String(headers['content-type'] ?? ''), body);
          return event.kind === 'status' ? `${event.sid}/${event.status}` : event.sid;
        } catch {
          // Genuine but not understood: kept under its bytes, for quarantine.
          return `bytes:${keyOf(body)}`;
        }
      },
      answer: () => ({ status: 200, contentType: 'text/xml', body: '<Response/>' }),
    },
    pull,
  ],
  parts,
  fetch,
  normalize,
  reply: makeReply(),
  probe,
});

export default adapter;
