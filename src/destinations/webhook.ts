import { ConfigError, type Destination, profiles, RejectedError, TransientError } from '@kapi/contract';
import { z } from 'zod';
import { isLoopback } from './plain-address.ts';
import { createPoster } from './post.ts';
import { retryAfterMs } from './retry-after.ts';
import { secretBytes, signatureHeaders } from './standard-webhooks.ts';

export const webhookConfig = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Where events are posted; https, or http on this machine'),
  secrets: z
    .array(
      z.string().refine((secret) => secretBytes(secret) !== undefined, {
        message: 'expected base64 of 24 to 64 bytes, as whsec_…',
      }),
    )
    .min(1)
    .max(4)
    .describe('Signing secrets, whsec_…; two while one replaces the other')
    .meta({ secret: true }),
  profile: z.enum(profiles).default('masked').describe('How much of a record the events show'),
  allowPlain: z
    .boolean()
    .default(false)
    .describe('Permits http to another machine; the network must be trusted'),
  ca: z.string().optional().describe('Certificate authority of the receiver, PEM, where it is a private one'),
  timeoutSeconds: z.number().positive().max(60).default(15).describe('Longest wait for the answer'),
  concurrency: z
    .int()
    .min(1)
    .max(64)
    .default(8)
    .describe('Events on their way at once, never two of one record'),
});
export type WebhookConfig = z.output<typeof webhookConfig>;

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 3_600_000;

/** Standard Webhooks 1.0.0: 0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h; then daily. */
export const webhookScheduleMs: readonly number[] = [
  5 * secondMs,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
  24 * hourMs,
];

/** Answers that judge these bytes and would be the same tomorrow. 401, 403, 404 judge the set-up instead. */
const refusals: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/**
 * Posts CloudEvents signed by Standard Webhooks 1.0.0. Only a 2xx takes an event; 410 pauses the
 * destination; 400, 413, 415 and 422 refuse the event for good; every other answer, a redirect
 * included, is tried again by the schedule or when `Retry-After` says.
 * @throws ConfigError `config_invalid`
 */
export function createWebhook(config: WebhookConfig, now: () => number = Date.now): Destination {
  const url = new URL(config.url);
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !config.allowPlain) {
    const message = 'expected https, found http to another machine';
    throw new ConfigError('config_invalid', `url: ${message}; allowPlain permits it`, {
      errors: [{ pointer: '/url', message }],
    });
  }
  const keys = config.secrets.flatMap((secret) => secretBytes(secret) ?? []);
  const timeoutMs = config.timeoutSeconds * 1000;
  const poster = createPoster(url, { timeoutMs, maxSockets: config.concurrency, ca: config.ca });

  return {
    kind: 'webhook',
    concurrency: config.concurrency,
    retryScheduleMs: webhookScheduleMs,
    // The poster's own clock ends first and says so.
    timeoutMs: timeoutMs + 1_000,

    async send(event, { signal }) {
      const headers = {
        'content-type': 'application/cloudevents+json; charset=utf-8',
        'content-length': String(event.body.byteLength),
        'user-agent': 'kapi',
        ...signatureHeaders(event.id, Math.floor(now() / 1000), event.body, keys),
      };
      const { status, retryAfter } = await poster.request('POST', headers, event.body, signal);
      if (status >= 200 && status < 300) return;
      const detail = `the receiver answered ${status}`;
      if (status === 410) throw new TransientError('destination_gone', detail);
      if (refusals.has(status)) throw new RejectedError('destination_rejected', detail);
      const waitMs = retryAfterMs(retryAfter, now());
      throw new TransientError(
        'destination_unavailable',
        detail,
        waitMs === undefined ? {} : { retryAfterMs: waitMs },
      );
    },

    async probe({ signal }) {
      try {
        const { status } = await poster.request('HEAD', { 'user-agent': 'kapi' }, undefined, signal);
        return { ok: status !== 410, detail: `the receiver answers (${status} to HEAD)` };
      } catch (error) {
        return { ok: false, detail: error instanceof Error ? error.message : 'the receiver does not answer' };
      }
    },

    async close() {
      poster.close();
    },
  };
}
