import { createEmailDestination, emailDestinationConfig } from './email.ts';
import { queueConfig } from './queue.ts';
import { createWebhook, webhookConfig } from './webhook.ts';

/** Every kind of destination by its word in the configuration. `create` is null for a queue: it is pulled. */
export const destinationKinds = {
  queue: { config: queueConfig, create: null },
  webhook: { config: webhookConfig, create: createWebhook },
  email: { config: emailDestinationConfig, create: createEmailDestination },
} as const;
