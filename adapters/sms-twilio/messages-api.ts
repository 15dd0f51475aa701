import { type AdapterContext, ConfigError, TransientError } from '@kapi/contract';
import { z } from 'zod';
import type { Config } from './config.ts';

/** Twilio's REST API as far as a sweep reads it; its host stands in the configuration. */

const timeoutMs = 15_000;
const maxPageBytes = 8 * 1024 * 1024;
/** Twilio gives 50 by default, 1,000 at most. */
const pageSize = 200;

/** A message of the list. Only what the sweep looks at is named; the rest goes on as it came. */
const listed = z.looseObject({
  sid: z.string().regex(/^[A-Z]{2}[0-9a-f]{32}$/),
  direction: z.string(),
  status: z.string(),
  num_media: z.union([z.string(), z.number()]).nullish(),
  date_created: z.string().nullish(),
  date_sent: z.string().nullish(),
});
export type ListedMessage = z.output<typeof listed>;

const messagesPage = z.object({ messages: z.array(listed), next_page_uri: z.string().nullish() });
const mediaPage = z.object({ media_list: z.array(z.looseObject({})) });
const refusal = z.object({ code: z.int() });

export const basicAuth = ({ accountSid, authTokens }: Config): string =>
  `Basic ${Buffer.from(`${accountSid}:${authTokens[0] ?? ''}`).toString('base64')}`;

/**
 * Everything sent to one number on one day (GMT, by `DateSent`), over all pages.
 * https://www.twilio.com/docs/messaging/api/message-resource, «Read multiple Message resources» (read 2026-11)
 * @throws TransientError, ConfigError
 */
export async function listDay(
  to: string,
  day: string,
  context: AdapterContext<Config>,
): Promise<readonly ListedMessage[]> {
  const found: ListedMessage[] = [];
  const query = new URLSearchParams({ To: to, DateSent: day, PageSize: String(pageSize) });
  let path: string | undefined = `${root(context.config)}/Messages.json?${query}`;
  while (path !== undefined) {
    const page = messagesPage.safeParse(await ask(path, context));
    if (!page.success) throw new TransientError('provider_unavailable', 'Twilio gave no list of messages');
    found.push(...page.data.messages);
    path = page.data.next_page_uri ?? undefined;
  }
  return found;
}

/** What the list says of a message's media; empty where Twilio has none of it any more. */
export async function listMedia(
  sid: string,
  context: AdapterContext<Config>,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const page = mediaPage.safeParse(await ask(`${root(context.config)}/Messages/${sid}/Media.json`, context));
  return page.success ? page.data.media_list : [];
}

const root = ({ accountSid }: Config): string => `/2010-04-01/Accounts/${accountSid}`;

/** A JSON answer; undefined for 404. */
async function ask(path: string, { config, signal }: AdapterContext<Config>): Promise<unknown> {
  const url = new URL(path, config.apiUrl);
  if (url.origin !== new URL(config.apiUrl).origin)
    throw new TransientError('provider_unavailable', 'Twilio named a page on another host');
  let answer: { readonly status: number; readonly retryAfter: string | null; readonly text: string };
  try {
    const response = await fetch(url, {
      headers: { authorization: basicAuth(config), accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const { status, headers } = response;
    answer = { status, retryAfter: headers.get('retry-after'), text: await bounded(response) };
  } catch {
    throw new TransientError('provider_unavailable', `${url.host} does not answer`);
  }
  return judged(answer, config);
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxPageBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * What an answer means. Requests answered 429 «aren’t processed and are safe to retry after backing off» (error 20429, 2026-03-11); 401
 * carries error 20003. The text of an answer names numbers and is not repeated.
 */
function judged(
  {
    status,
    retryAfter,
    text,
  }: { readonly status: number; readonly retryAfter: string | null; readonly text: string },
  config: Config,
): unknown {
  const body = parsed(text);
  if (status === 200) return body;
  if (status === 404) return undefined;
  const code = refusal.safeParse(body);
  const said = `HTTP ${status}${code.success ? `, error ${code.data.code}` : ''}`;
  if (status === 401 || status === 403) {
    throw new ConfigError(
      'config_invalid',
      `accountSid, authTokens: Twilio refuses them (${said}); expected the SID and the auth token in force of one account that is active, found ${config.accountSid.slice(0, 6)}… and ${config.authTokens.length} token(s)`,
    );
  }
  const seconds = Number(retryAfter ?? Number.NaN);
  const details = seconds > 0 && seconds <= 86_400 ? { retryAfterMs: seconds * 1000 } : {};
  if (status === 429)
    throw new TransientError('provider_throttled', `Twilio asks to slow down: ${said}`, details);
  throw new TransientError('provider_unavailable', `Twilio is failing: ${said}`, details);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
