import { z } from 'zod';

const loopback = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** Credentials are never sent in clear, but for a counterpart on this machine. */
const apiUrl = z.url({ protocol: /^https?$/ }).refine(
  (text) => {
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || loopback.has(hostname);
  },
  { error: 'must be https' },
);

export const config = z
  .strictObject({
    accountSid: z
      .string()
      .regex(/^AC[0-9a-f]{32}$/, { error: 'AC and 32 hexadecimal digits' })
      .describe('Account SID, from the first page of the Twilio console'),
    authTokens: z
      .array(z.string().min(16))
      .min(1)
      .max(2)
      .describe(
        'Auth token; while it is being rotated two, the one that calls the API first. Either may sign webhooks',
      )
      .meta({ secret: true }),
    from: z
      .string()
      .min(3)
      .max(16)
      .optional()
      .describe('Number in E.164 or alphanumeric sender that replies come from; or messagingServiceSid'),
    messagingServiceSid: z
      .string()
      .regex(/^MG[0-9a-f]{32}$/, { error: 'MG and 32 hexadecimal digits' })
      .optional()
      .describe('Messaging service that sends replies; or from'),
    statusCallbackUrl: z
      .url({ protocol: /^https$/ })
      .optional()
      .describe(
        'Webhook address of this account, given to Twilio with each reply so that delivery reports come back',
      ),
    apiUrl: apiUrl
      .default('https://api.twilio.com')
      .describe('Twilio’s API; another region’s where the account lives there'),
  })
  .refine((value) => (value.from === undefined) !== (value.messagingServiceSid === undefined), {
    error: 'exactly one of from and messagingServiceSid',
    path: ['from'],
  });

export type Config = z.output<typeof config>;
