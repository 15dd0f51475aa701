import type { ConfigSchema, Destination } from '@kapi/contract';
import type { z } from 'zod';
import { createEmailDestination, emailDestinationConfig } from './email.ts';
import { createNats, natsConfig } from './nats.ts';
import { queueConfig } from './queue.ts';
import { createRabbitmq, rabbitmqConfig } from './rabbitmq.ts';
import { createWebhook, webhookConfig } from './webhook.ts';

interface DestinationKind {
  readonly config: ConfigSchema;
  /** Null for a queue: it is pulled. @throws ConfigError */
  readonly open: ((settings: unknown) => Destination) | null;
}

const pushed = <S extends ConfigSchema>(config: S, create: (config: z.output<S>) => Destination) => ({
  config,
  open: (settings: unknown) => create(config.parse(settings)),
});

/** Every kind of destination by its word in the configuration. */
export const destinationKinds = {
  queue: { config: queueConfig, open: null },
  webhook: pushed(webhookConfig, createWebhook),
  email: pushed(emailDestinationConfig, createEmailDestination),
  rabbitmq: pushed(rabbitmqConfig, createRabbitmq),
  nats: pushed(natsConfig, createNats),
} as const satisfies Readonly<Record<string, DestinationKind>>;

const byName: Readonly<Record<string, DestinationKind>> = destinationKinds;

/**
 * A pushed destination; undefined for a queue. `settings` were checked by the schema of their kind when the
 * configuration was read. @throws ConfigError
 */
export function openDestination(kind: string, settings: unknown): Destination | undefined {
  return byName[kind]?.open?.(settings);
}
