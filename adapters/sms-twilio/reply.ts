import {
  type AdapterContext,
  ConfigError,
  RejectedError,
  type Reply,
  type ReplyDraft,
  type ReplyReceipt,
  type ReplyStatus,
  TransientError,
} from '@kapi/contract';
import type twilio from 'twilio';
import { z } from 'zod';
import type { Config } from './config.ts';

type Library = typeof twilio;
type Client = ReturnType<Library>;
type Context = AdapterContext<Config>;
export type LoadLibrary = () => Promise<{ readonly default: Library }>;

const timeoutMs = 15_000;
const defaultApiUrl = 'https://api.twilio.com';

const loadInstalled: LoadLibrary = () => import('twilio');

interface Connection {
  readonly client: Client;
  /** `Retry-After` of the last answer. */
  readonly retryAfterMs: () => number | undefined;
}

/** A client for one call. Its library is loaded on first use, and its sockets are not kept: a reset of an idle one would hide what became of a message. */
async function connect(config: Config, load: LoadLibrary): Promise<Connection> {
  const { default: library } = await load().catch(() => {
    throw new ConfigError(
      'missing_dependency',
      'sms-twilio sends through the package «twilio»: npm install twilio',
    );
  });
  const httpClient = new library.RequestClient({ timeout: timeoutMs, keepAlive: false });
  const request = httpClient.request.bind(httpClient);
  httpClient.request = (options) =>
    request({ ...options, uri: options.uri.replace(defaultApiUrl, config.apiUrl.replace(/\/$/, '')) });
  const client = library(config.accountSid, config.authTokens[0] ?? '', { httpClient });
  const retryAfterMs = (): number | undefined => {
    const seconds = retryAfter.safeParse(httpClient.lastResponse?.headers);
    return seconds.success ? seconds.data['retry-after'] * 1000 : undefined;
  };
  return { client, retryAfterMs };
}

const retryAfter = z.looseObject({ 'retry-after': z.coerce.number().int().positive().max(86_400) });
const answered = z.looseObject({
  status: z.number().int(),
  code: z.union([z.number(), z.string()]).optional(),
});
const unsaid = z.looseObject({ cause: z.looseObject({ syscall: z.enum(['connect', 'getaddrinfo']) }) });

/**
 * What a failure of the library means. Nothing of its own error goes on: it holds the request with the
 * credentials, and the text of Twilio's answer names the number.
 */
function toError(thrown: unknown, retryAfterMs: number | undefined): Error {
  const answer = answered.safeParse(thrown);
  if (answer.success) {
    const { status, code } = answer.data;
    const said = `HTTP ${status}${code === undefined ? '' : `, error ${code}`}`;
    const details = retryAfterMs === undefined ? {} : { retryAfterMs };
    if (status === 429)
      return new TransientError('provider_throttled', `Twilio asks to slow down: ${said}`, details);
    if (status >= 500)
      return new TransientError('provider_unavailable', `Twilio is failing: ${said}`, details);
    // 20003: mended in the configuration, and the citizen's message waits for it.
    if (status === 401)
      return new TransientError(
        'provider_unavailable',
        `Twilio refused accountSid and authTokens: ${said}; expected the auth token in force`,
      );
    return new RejectedError('provider_rejected', `Twilio refused the message: ${said}`);
  }
  if (unsaid.safeParse(thrown).success)
    return new TransientError('provider_unavailable', 'Twilio cannot be reached');
  return new Error('Twilio gave no answer after the message was said; its fate is unknown');
}

async function send(draft: ReplyDraft, { config }: Context, load: LoadLibrary): Promise<ReplyReceipt> {
  const { client, retryAfterMs } = await connect(config, load);
  const { from, messagingServiceSid, statusCallbackUrl } = config;
  try {
    const { sid } = await client.messages.create({
      to: draft.to,
      body: draft.text,
      ...(from === undefined ? {} : { from }),
      ...(messagingServiceSid === undefined ? {} : { messagingServiceSid }),
      ...(statusCallbackUrl === undefined ? {} : { statusCallback: statusCallbackUrl }),
    });
    return { ref: sid, warnings: [] };
  } catch (thrown) {
    throw toError(thrown, retryAfterMs());
  }
}

const statusOf = (status: string): ReplyStatus => {
  if (status === 'delivered' || status === 'read') return 'delivered';
  return status === 'failed' || status === 'undelivered' || status === 'canceled' ? 'failed' : 'sent';
};

/**
 * With a ref, that message. Without one, the only message of these words sent to the number since: Twilio
 * keeps no key of ours, so several are `unknown`, as none is.
 */
async function lookup(
  { ref, to, text, sentAfter }: Parameters<NonNullable<Reply<Config>['lookup']>>[0],
  { config }: Context,
  load: LoadLibrary,
): Promise<ReplyStatus> {
  const { client, retryAfterMs } = await connect(config, load);
  // Twilio keeps whole seconds.
  const since = Math.floor(Date.parse(sentAfter) / 1000) * 1000;
  try {
    if (ref !== undefined) return statusOf((await client.messages(ref).fetch()).status);
    const listed = await client.messages.list({ to, limit: 50 });
    const ours = listed.filter(
      ({ direction, dateCreated, body }) =>
        direction.startsWith('outbound') && dateCreated.getTime() >= since && body === text,
    );
    const [only, another] = ours;
    return only === undefined || another !== undefined ? 'unknown' : statusOf(only.status);
  } catch (thrown) {
    const error = toError(thrown, retryAfterMs());
    if (error instanceof RejectedError) return 'unknown';
    throw error;
  }
}

export async function probe(
  { config }: Context,
  load: LoadLibrary = loadInstalled,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const { client, retryAfterMs } = await connect(config, load);
  try {
    const { status } = await client.api.v2010.accounts(config.accountSid).fetch();
    return { ok: status === 'active', detail: `The Twilio account is ${status}.` };
  } catch (thrown) {
    return { ok: false, detail: `${toError(thrown, retryAfterMs()).message}.` };
  }
}

export const makeReply = (load: LoadLibrary = loadInstalled) => ({
  send: (draft: ReplyDraft, context: Context) => send(draft, context, load),
  lookup: (ref: Parameters<NonNullable<Reply<Config>['lookup']>>[0], context: Context) =>
    lookup(ref, context, load),
});
