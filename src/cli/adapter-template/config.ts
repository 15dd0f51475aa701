import { z } from 'zod';

export const config = z.strictObject({
  secrets: z
    .array(z.string().min(16))
    .min(1)
    .max(2)
    .describe('Secret that signs webhooks; while it is being rotated two')
    .meta({ secret: true }),
});

export type Config = z.output<typeof config>;
