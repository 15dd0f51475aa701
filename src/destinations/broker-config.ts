import { ConfigError } from '@kapi/contract';
import { z } from 'zod';
import { isLoopback } from './plain-address.ts';

/** Settings that every broker takes. */
export const brokerConfig = {
  security: z.enum(['tls', 'plain']).default('tls').describe('`plain` only on this machine'),
  allowPlain: z
    .boolean()
    .default(false)
    .describe('Permits `plain` to another machine; the network must be trusted'),
  ca: z.string().optional().describe('Certificate authority of the broker, PEM, where it is a private one'),
  headers: z
    .record(
      z.string().regex(/^(?!nats-)[a-z][a-z0-9-]{0,63}$/i, {
        error: 'letters, digits and hyphens, at most 64, not Nats-…',
      }),
      z.string().regex(/^[\x20-\x7e]{0,256}$/, { error: 'printable ASCII, at most 256' }),
    )
    .default({})
    .describe('Headers that every event bears besides its own'),
  topology: z
    .enum(['declare', 'check'])
    .default('declare')
    .describe('`declare` makes what is missing; `check` only looks whether it is there'),
  heartbeatSeconds: z
    .int()
    .min(1)
    .max(120)
    .default(15)
    .describe('A connection that is silent for two of these is given up'),
  timeoutSeconds: z
    .number()
    .positive()
    .max(60)
    .default(15)
    .describe('Longest wait until the broker has connected and confirmed'),
  concurrency: z
    .int()
    .min(1)
    .max(64)
    .default(8)
    .describe('Events on their way at once, never two of one record'),
};

/** Waits between tries of one event: a broker that restarts is back within seconds, a broken one is the breaker's. */
export const brokerScheduleMs: readonly number[] = [1, 5, 15, 60, 300, 900].map((seconds) => seconds * 1000);

/** The settings' longest wait, and a little more so that its own words are heard. */
export const brokerTimeoutMs = (timeoutSeconds: number): number => timeoutSeconds * 1000 + 1_000;

/** `{type}` stands for the type of the event. */
export const forType = (pattern: string, type: string): string => pattern.replaceAll('{type}', type);

/** @throws ConfigError `config_invalid` where plain text would leave this machine unasked */
export function refusePlain(
  { security, allowPlain }: { readonly security: 'tls' | 'plain'; readonly allowPlain: boolean },
  hosts: readonly string[],
): void {
  if (security !== 'plain' || allowPlain || hosts.every(isLoopback)) return;
  const message = 'expected tls, found plain to another machine';
  throw new ConfigError('config_invalid', `security: ${message}; allowPlain permits it`, {
    errors: [{ pointer: '/security', message }],
  });
}
