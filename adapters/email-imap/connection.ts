import type { ConnectionOptions } from 'node:tls';
import { type AdapterContext, codeOf, TransientError } from '@kapi/contract';
import type { ImapFlow, ImapFlowOptions } from 'imapflow';
import type { Config } from './config.ts';
import { tlsOptions, tlsProblem } from './tls.ts';
import { accessToken, forgetToken } from './token.ts';

/** A silent peer is taken for dead after this; a poll speaks at least every 60 s. */
const deadPeerMs = 90_000;

/** Options of imapflow 2.1.2 for an account. */
function connectionOptions(
  config: Config,
  tls: ConnectionOptions,
  token: string | undefined,
): ImapFlowOptions {
  return {
    host: config.imapHost,
    port: config.imapPort,
    secure: config.imapSecurity === 'tls',
    doSTARTTLS: config.imapSecurity === 'starttls',
    tls,
    auth: {
      user: config.imapUser,
      ...(token === undefined ? { pass: config.imapPassword ?? '' } : { accessToken: token }),
    },
    clientInfo: { name: 'Kapi' },
    logger: false,
    disableAutoIdle: true,
    connectionTimeout: 30_000,
    greetingTimeout: 15_000,
    socketTimeout: deadPeerMs,
    maxLiteralSize: config.maxBytes + 1024 * 1024,
  };
}

/**
 * A logged-in connection; closed when the signal aborts.
 * @throws TransientError `provider_unavailable`, ConfigError `config_invalid`; the reason in `health`
 */
export async function connect(context: AdapterContext<Config>): Promise<ImapFlow> {
  const { config, health, signal } = context;
  health({ state: 'connecting', detail: `Connecting to ${config.imapHost}:${config.imapPort}` });
  const library = await import('imapflow');
  const settled = await login(context).catch((thrown: unknown) => {
    throw failure(thrown, context);
  });
  const client = new library.ImapFlow(connectionOptions(config, settled.tls, settled.token));
  // Every failure also ends the command in flight; without a listener the event would end the process.
  client.on('error', () => undefined);
  const abort = () => client.close();
  signal.addEventListener('abort', abort, { once: true });
  client.once('close', () => signal.removeEventListener('abort', abort));
  try {
    signal.throwIfAborted();
    await client.connect();
    return client;
  } catch (thrown) {
    client.close();
    if (refusedLogin(thrown)) forgetToken(config);
    throw failure(thrown, context);
  }
}

/** What a connection needs beside the configuration. */
async function login(context: AdapterContext<Config>) {
  const { config } = context;
  const tls = await tlsOptions(config);
  return { tls, token: config.oauth2 === undefined ? undefined : await accessToken(context) };
}

interface ImapError {
  readonly authenticationFailed?: boolean;
  readonly code?: unknown;
  readonly message?: unknown;
}

const refusedLogin = (thrown: unknown): boolean =>
  ((thrown ?? {}) as ImapError).authenticationFailed === true;

/** What went wrong, in one sentence without secrets. */
function sentence(thrown: unknown, config: Config): string {
  const error = (thrown ?? {}) as ImapError;
  const at = `${config.imapHost}:${config.imapPort}`;
  if (refusedLogin(error)) {
    return config.oauth2 === undefined
      ? `${at} refused the login of ${config.imapUser}: check imapUser and imapPassword`
      : `${at} refused the access token for ${config.imapUser}: check imapUser, oauth2.scope, and that ${config.oauth2.clientId} may read this mailbox`;
  }
  // imapflow 2.1.2, where the server offers nothing that could be used.
  if (error.message === 'Unsupported authentication mechanism' && config.oauth2 !== undefined)
    return `${at} takes no access token (it offers neither XOAUTH2 nor OAUTHBEARER): use imapPassword`;
  const problem = tlsProblem(thrown);
  if (problem !== undefined) return `${at} is not trusted: ${problem}`;
  return `${at} does not answer as it should (${typeof error.code === 'string' ? error.code : 'no code'})`;
}

/** Tells `health` and makes the error the core retries; one that is coded already stays as it is. */
export function failure(thrown: unknown, context: AdapterContext<Config>): Error {
  const coded = thrown instanceof Error && codeOf(thrown) !== undefined ? thrown : undefined;
  const detail = coded?.message ?? sentence(thrown, context.config);
  context.health({ state: context.signal.aborted ? 'stopped' : 'failing', detail });
  return coded ?? new TransientError('provider_unavailable', detail);
}

/** For doctor: connects, looks at every folder, leaves no trace. */
export async function probe(context: AdapterContext<Config>): Promise<{ ok: boolean; detail: string }> {
  try {
    const client = await connect(context);
    try {
      const counts: string[] = [];
      for (const folder of context.config.folders) {
        const status = await client.status(folder, { messages: true, unseen: true });
        if (status === false) return { ok: false, detail: `The folder ${folder} does not exist` };
        counts.push(`${folder}: ${status.messages ?? 0} mails, ${status.unseen ?? 0} unread`);
      }
      return { ok: true, detail: counts.join('; ') };
    } finally {
      client.close();
    }
  } catch (thrown) {
    return { ok: false, detail: failure(thrown, context).message };
  }
}
