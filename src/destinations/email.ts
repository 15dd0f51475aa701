import { ConfigError, type Destination, profiles, RejectedError } from '@kapi/contract';
import { z } from 'zod';
import { toBounceAddress } from './bounce-address.ts';
import { toMail } from './email-message.ts';
import { isLoopback } from './plain-address.ts';
import { greet, type SmtpServer, submit } from './smtp.ts';

export const emailDestinationConfig = z.strictObject({
  host: z.string().min(1).describe('Mail server that takes our mail'),
  port: z.int().min(1).max(65_535).default(587).describe('Its port'),
  security: z
    .enum(['tls', 'starttls', 'plain'])
    .default('starttls')
    .describe('TLS from the start, STARTTLS before anything is said, or none'),
  allowPlain: z
    .boolean()
    .default(false)
    .describe('Permits `plain` to another machine; the network must be trusted'),
  ca: z
    .string()
    .optional()
    .describe('Certificate authority of the mail server, PEM, where it is a private one'),
  user: z.string().optional().describe('Login name'),
  password: z.string().optional().describe('Password of the login').meta({ secret: true }),
  from: z.email().describe('Sender; its domain makes the Message-ID'),
  fromName: z.string().max(100).optional().describe('Name beside the sender'),
  to: z.email().describe('Mailbox of the unit; one destination per mailbox'),
  replyTo: z.email().optional().describe('Where the unit answers, read by an e-mail account of ours'),
  bounceAddress: z
    .email()
    .optional()
    .describe('Mailbox that takes bounces at address+…; default bounce@ the domain of from'),
  bounceSecret: z.string().min(16).describe('Proves that a bounce is about our mail').meta({ secret: true }),
  profile: z
    .enum(profiles)
    .default('masked')
    .describe('masked or minimal; full is refused, mail is not sealed'),
  timeoutSeconds: z
    .number()
    .positive()
    .max(300)
    .default(30)
    .describe('Longest wait for one answer of the server'),
  concurrency: z.int().min(1).max(8).default(2).describe('Conversations at once'),
});
export type EmailDestinationConfig = z.output<typeof emailDestinationConfig>;

/** Mail servers want minutes, not seconds (RFC 5321 §4.5.4.1: 30 minutes, then rarer). */
const scheduleMs: readonly number[] = [1, 5, 15, 30, 60, 120, 240].map((minutes) => minutes * 60_000);

/** A whole conversation is several answers long. */
const answersPerMail = 4;

/**
 * One mail per event to one mailbox of a unit. Taken when the server says 250 after the final dot.
 * @throws ConfigError `config_invalid`: profile full, plain to another machine, half a login
 */
export function createEmailDestination(config: EmailDestinationConfig): Destination {
  const problems = findProblems(config);
  if (problems.length > 0) {
    const text = problems.map(({ pointer, message }) => `${pointer.slice(1)}: ${message}`).join('; ');
    throw new ConfigError('config_invalid', text, { errors: problems });
  }
  const { from, fromName, to, replyTo, user, password } = config;
  const timeoutMs = config.timeoutSeconds * 1000;
  const bounceAddress = config.bounceAddress ?? `bounce${from.slice(from.lastIndexOf('@'))}`;
  const server: SmtpServer = {
    host: config.host,
    port: config.port,
    security: config.security,
    login: user !== undefined && password !== undefined ? { user, pass: password } : undefined,
    ca: config.ca,
    timeoutMs,
  };

  return {
    kind: 'email',
    concurrency: config.concurrency,
    retryScheduleMs: scheduleMs,
    timeoutMs: timeoutMs * answersPerMail,

    async send(event, { signal }) {
      if (event.profile === 'full') {
        throw new RejectedError('destination_rejected', 'an event in full never goes by e-mail');
      }
      const bytes = await toMail(event, { from, fromName, to, replyTo });
      const envelope = { from: toBounceAddress(bounceAddress, event.id, config.bounceSecret), to };
      await submit(server, { envelope, bytes }, signal);
    },

    async probe({ signal }) {
      try {
        await greet(server, signal);
        return { ok: true, detail: 'the mail server answers and lets us in' };
      } catch (error) {
        return {
          ok: false,
          detail: error instanceof Error ? error.message : 'the mail server does not answer',
        };
      }
    },
  };
}

function findProblems(config: EmailDestinationConfig): { pointer: string; message: string }[] {
  const problems: { pointer: string; message: string }[] = [];
  if (config.profile === 'full') {
    problems.push({
      pointer: '/profile',
      message: 'expected masked or minimal, found full: mail is not sealed',
    });
  }
  if (config.security === 'plain' && !isLoopback(config.host) && !config.allowPlain) {
    const message = 'expected tls or starttls, found plain to another machine; allowPlain permits it';
    problems.push({ pointer: '/security', message });
  }
  if ((config.user === undefined) !== (config.password === undefined)) {
    problems.push({ pointer: '/password', message: 'user and password go together' });
  }
  return problems;
}
