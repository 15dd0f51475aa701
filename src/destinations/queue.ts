import { profiles } from '@kapi/contract';
import { z } from 'zod';

/** A pulled queue: readers claim its events through the API. It has nothing to send with. */
export const queueConfig = z.strictObject({
  profile: z
    .enum(profiles)
    .default('full')
    .describe('What readers see whose key may reveal; others see the masked form'),
});
