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
    numbers: z
      .array(z.string().regex(/^\+?\d{3,15}$/, { error: 'E.164, or a short number' }))
      .max(100)
      .default([])
      .describe(
        'Numbers citizens write to, which are swept; needed where replies come from a messaging service or a name. Empty: from',
      ),
    sweepMinutes: z
      .int()
      .min(0)
      .max(1440)
      .default(60)
      .describe(
        'How often Twilio is asked for messages that no webhook brought, e.g. while the gateway was down; 0: never',
      ),
    apiUrl: apiUrl
      .default('https://api.twilio.com')
      .describe('Twilio’s API; another region’s where the account lives there'),
  })
  .refine((value) => (value.from === undefined) !== (value.messagingServiceSid === undefined), {
    error: 'exactly one of from and messagingServiceSid',
    path: ['from'],
  })
  .refine((value) => value.sweepMinutes === 0 || sweptNumbers(value).length > 0, {
    error: 'name the numbers citizens write to, or set sweepMinutes to 0',
    path: ['numbers'],
  });

/** The numbers whose messages are asked for. */
export function sweptNumbers(value: {
  readonly numbers: readonly string[];
  readonly from?: string | undefined;
}): readonly string[] {
  if (value.numbers.length > 0) return value.numbers;
  return value.from !== undefined && /^\+?\d+$/.test(value.from) ? [value.from] : [];
}

export type Config = z.output<typeof config>;
