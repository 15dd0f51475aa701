import { defineAdapter } from '@kapi/contract';
import { keyOf } from '@kapi/kit';
import { config } from './config.ts';
import { normalize } from './normalize.ts';
import { verify } from './verify.ts';

export const adapter = defineAdapter({
  id: 'family-provider',
  channels: ['sms'],
  config,
  capabilities: {
    emits: { attachments: false, locations: false, statuses: false, revisions: false },
    origin: 'signature',
    senderProof: 'account',
    retries: 'provider',
    settles: true,
    abroad: false,
    reply: false,
  },
  sources: [
    {
      kind: 'push',
      maxBytes: 256 * 1024,
      verify,
      // The provider repeats a call with the same bytes. Has it an id for the call, that is the better key.
      envelopeKey: ({ body }) => keyOf(body),
    },
  ],
  normalize,
});

export default adapter;
