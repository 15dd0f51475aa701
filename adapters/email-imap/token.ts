import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { type AdapterContext, ConfigError, TransientError } from '@kapi/contract';
import { z } from 'zod';
import type { Config } from './config.ts';
import { tlsOptions, tlsProblem } from './tls.ts';

/**
 * Access tokens for logins without a password: by client credentials (RFC 6749 §4.4), or by a refresh token
 * (§6) where one is configured. A token is kept until a minute before it ends and shared by IMAP and SMTP of
 * the account; neither it nor the body of an answer is ever logged or part of an error.
 */

const timeoutMs = 15_000;
const maxAnswerBytes = 64 * 1024;
const spareMs = 60_000;

interface Grant {
  token: string | undefined;
  /** Epoch ms. */
  until: number;
  /** The newest one the endpoint gave: some give a new one with every token. */
  refreshToken: string | undefined;
  asking: Promise<string> | undefined;
}

const grants = new WeakMap<Config, Grant>();

/**
 * @param renew the last token was refused: do not give it again
 * @throws ConfigError `config_invalid` where the endpoint refuses what the configuration says
 * @throws TransientError `provider_unavailable` · `provider_throttled`
 */
export async function accessToken(
  context: Pick<AdapterContext<Config>, 'config' | 'signal'>,
  renew = false,
): Promise<string> {
  const { config } = context;
  const grant = grants.get(config) ?? {
    token: undefined,
    until: 0,
    refreshToken: config.oauth2?.refreshToken,
    asking: undefined,
  };
  grants.set(config, grant);
  if (renew) grant.token = undefined;
  if (grant.token !== undefined && Date.now() < grant.until) return grant.token;
  // Several notices sent at once ask once.
  grant.asking ??= ask(grant, context).finally(() => {
    grant.asking = undefined;
  });
  return grant.asking;
}

/** A server refused it: the next login asks for another. */
export function forgetToken(config: Config): void {
  const grant = grants.get(config);
  if (grant !== undefined) grant.token = undefined;
}

const granted = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().optional(),
  refresh_token: z.string().min(1).optional(),
});
const refused = z.object({ error: z.string(), error_description: z.string().optional() });

async function ask(
  grant: Grant,
  context: Pick<AdapterContext<Config>, 'config' | 'signal'>,
): Promise<string> {
  const { oauth2 } = context.config;
  if (oauth2 === undefined)
    throw new ConfigError('config_invalid', 'oauth2: expected an object, found nothing');
  const form = new URLSearchParams({ client_id: oauth2.clientId });
  if (oauth2.clientSecret !== undefined) form.set('client_secret', oauth2.clientSecret);
  if (oauth2.scope !== undefined) form.set('scope', oauth2.scope);
  form.set('grant_type', grant.refreshToken === undefined ? 'client_credentials' : 'refresh_token');
  if (grant.refreshToken !== undefined) form.set('refresh_token', grant.refreshToken);
  const answer = await post(new URL(oauth2.tokenUrl), form.toString(), context);
  const at = new URL(oauth2.tokenUrl).host;
  const read = granted.safeParse(answer.body);
  if (answer.status === 200 && read.success) {
    const { access_token, expires_in = 0, refresh_token } = read.data;
    grant.token = access_token;
    grant.until = Date.now() + expires_in * 1000 - spareMs;
    if (grant.refreshToken !== undefined && refresh_token !== undefined) grant.refreshToken = refresh_token;
    return access_token;
  }
  // A refresh token that came with a token, and is refused: the configured one may still do.
  if (grant.refreshToken !== oauth2.refreshToken) {
    grant.refreshToken = oauth2.refreshToken;
    return ask(grant, context);
  }
  throw refusal(at, answer, oauth2.refreshToken !== undefined);
}

/** RFC 6749 §5.2, and the key of the configuration each is about. */
const blamed: Readonly<Record<string, string>> = {
  invalid_client: 'oauth2.clientId, oauth2.clientSecret',
  invalid_grant: 'oauth2.refreshToken',
  unauthorized_client: 'oauth2.clientId',
  unsupported_grant_type: 'oauth2.tokenUrl',
  invalid_scope: 'oauth2.scope',
  invalid_request: 'oauth2',
};

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: unknown;
}

function refusal(at: string, { status, retryAfter, body }: Answer, byRefreshToken: boolean): Error {
  const seconds = Number(retryAfter ?? Number.NaN);
  const details = seconds > 0 && seconds <= 86_400 ? { retryAfterMs: seconds * 1000 } : {};
  if (status === 429)
    return new TransientError('provider_throttled', `${at} asks to slow down (HTTP 429)`, details);
  const read = refused.safeParse(body);
  const error = read.success && /^[a-z_]{1,40}$/.test(read.data.error) ? read.data.error : undefined;
  if (status < 400 || status >= 500 || error === 'temporarily_unavailable')
    return new TransientError('provider_unavailable', `${at} gives no token (HTTP ${status})`, details);
  // Microsoft's own number says more than the word, https://learn.microsoft.com/entra/identity-platform/reference-error-codes
  const number = read.success ? /\bAADSTS\d{4,8}\b/.exec(read.data.error_description ?? '')?.[0] : undefined;
  const found = [`HTTP ${status}`, error, number].filter((one) => one !== undefined).join(', ');
  const key = (error !== undefined && Object.hasOwn(blamed, error) && blamed[error]) || 'oauth2';
  const way = byRefreshToken ? 'a refresh token in force' : 'a client that may have a token for itself';
  return new ConfigError('config_invalid', `${key}: ${at} refuses a token; expected ${way}, found ${found}`);
}

async function post(
  url: URL,
  body: string,
  { config, signal }: Pick<AdapterContext<Config>, 'config' | 'signal'>,
): Promise<Answer> {
  const tls = url.protocol === 'https:' ? await tlsOptions(config) : {};
  const send = url.protocol === 'https:' ? tlsRequest : plainRequest;
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const outgoing = send(url, {
        ...tls,
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: false,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      outgoing.on('error', reject);
      outgoing.on('response', (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('error', reject);
        incoming.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > maxAnswerBytes) incoming.destroy(new Error('too large'));
        });
        incoming.on('end', () => {
          const { statusCode: status = 0, headers: answered } = incoming;
          resolve({ status, retryAfter: answered['retry-after'], body: parsed(text) });
        });
      });
      outgoing.end(body);
    });
  } catch (thrown) {
    const problem = tlsProblem(thrown);
    const { code } = (thrown ?? {}) as { code?: unknown };
    const what =
      problem === undefined ? `does not answer (${String(code ?? 'no code')})` : `is not trusted: ${problem}`;
    throw new TransientError('provider_unavailable', `${url.host} ${what}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
