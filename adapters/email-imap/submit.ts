import { Readable } from 'node:stream';
import { type AdapterContext, kindOfError, RejectedError, TransientError } from '@kapi/contract';
import type { Config } from './config.ts';
import { tlsOptions, tlsProblem } from './tls.ts';
import { accessToken, forgetToken } from './token.ts';

interface Submission {
  /** Empty: the null sender. */
  readonly from: string;
  readonly to: string;
  readonly raw: Buffer;
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
}

/**
 * Gives one mail to the submission server, on a connection of its own.
 * @throws TransientError before anything of the mail was said, and for 4xx
 * @throws RejectedError `provider_rejected` for 5xx
 * @throws Error where the connection fails after the mail was said: it may or may not be on its way
 */
export async function submit(mail: Submission, context: AdapterContext<Config>): Promise<void> {
  const { config, signal } = context;
  if (config.smtpHost === undefined)
    throw new RejectedError('provider_rejected', 'This account has no smtpHost');
  const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection/index.js');
  const { tls, login } = await settings(context).catch((thrown: Error) => {
    // What is wrong in the configuration is mended there, and the mail waits for it.
    throw kindOfError(thrown) === 'config'
      ? new TransientError('provider_unavailable', thrown.message)
      : thrown;
  });
  signal.throwIfAborted();
  const timeoutMs = config.smtpTimeoutSeconds * 1000;
  const connection = new SMTPConnection({
    host: config.smtpHost,
    port: config.smtpPort,
    secure: config.smtpSecurity === 'tls',
    requireTLS: config.smtpSecurity === 'starttls',
    ignoreTLS: config.smtpSecurity === 'none-on-loopback',
    tls,
    name: config.address.slice(config.address.lastIndexOf('@') + 1),
    connectionTimeout: Math.min(timeoutMs, 30_000),
    greetingTimeout: Math.min(timeoutMs, 30_000),
    socketTimeout: timeoutMs,
    logger: false,
  });
  let said = false;
  const abandon = Promise.withResolvers<never>();
  const abort = () => abandon.reject(Object.assign(new Error('aborted'), { code: 'ABORTED' }));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const sending = new Promise<void>((resolve, reject) => {
      connection.on('error', reject);
      connection.on('end', () => reject(Object.assign(new Error('closed'), { code: 'ECONNECTION' })));
      const deliver = () => {
        // Read only after the server's 354: from then on the mail may have been taken.
        const message = Readable.from(
          (async function* () {
            said = true;
            yield mail.raw;
          })(),
        );
        connection.send({ from: mail.from, to: [mail.to] }, message, (error) =>
          error ? reject(error) : resolve(),
        );
      };
      connection.connect((error) => {
        if (error) reject(error);
        else if (login === undefined) deliver();
        else connection.login(login, (failed) => (failed ? reject(failed) : deliver()));
      });
    });
    await Promise.race([sending, abandon.promise]);
    connection.quit();
  } catch (thrown) {
    connection.close();
    throw judged(thrown, said, config);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** What a connection needs beside the configuration; `login` is undefined where none is made. */
async function settings(context: AdapterContext<Config>) {
  const { config } = context;
  const tls = await tlsOptions(config);
  const { smtpUser: user, smtpPassword: pass } = config;
  if (user === undefined) return { tls, login: undefined };
  if (pass !== undefined) return { tls, login: { user, pass } };
  // Before anything is said; nodemailer asks for another where the server refuses this one.
  await accessToken(context);
  const { default: XOAuth2 } = await import('nodemailer/lib/xoauth2/index.js');
  const oauth2 = new XOAuth2({
    user,
    provisionCallback: (_user, renew, done) => {
      accessToken(context, renew).then(
        (token) => done(null, token, 0),
        // Its own words are gone over by nodemailer; whoever is refused twice asks anew at the next try.
        () => done(new Error('no token'), '', 0),
      );
    },
  });
  return { tls, login: { user, oauth2 } };
}

function judged(thrown: unknown, said: boolean, config: Config): Error {
  const error = (thrown ?? {}) as SmtpError;
  const answer = error.responseCode;
  const at = `${config.smtpHost}:${config.smtpPort}`;
  if (error.code === 'EAUTH') {
    const byToken = config.smtpPassword === undefined;
    if (byToken) forgetToken(config);
    return new TransientError(
      'provider_unavailable',
      byToken
        ? `${at} refused the access token for ${config.smtpUser}: check smtpUser, oauth2.scope, and that ${config.oauth2?.clientId} may send as it`
        : `${at} refused the login: check smtpUser and smtpPassword`,
    );
  }
  if (answer !== undefined && answer >= 500)
    return new RejectedError('provider_rejected', `${at} refused the mail with ${answer}`);
  if (answer !== undefined && answer >= 400) {
    return new TransientError(
      answer === 421 ? 'provider_unavailable' : 'provider_throttled',
      `${at} asks to come back later (${answer})`,
    );
  }
  if (error.code === 'EENVELOPE')
    return new RejectedError('provider_rejected', `${at} cannot take an address of this mail`);
  const problem = tlsProblem(thrown);
  if (problem !== undefined && !said)
    return new TransientError('provider_unavailable', `${at} is not trusted: ${problem}`);
  const reason = typeof error.code === 'string' ? error.code : 'no code';
  if (!said) return new TransientError('provider_unavailable', `${at} did not take the mail (${reason})`);
  return new Error(`${at} fell silent after it was given the mail (${reason})`);
}
