import { type KapiError, RejectedError, TransientError } from '@kapi/contract';
import type { default as Connection, SMTPError } from 'nodemailer/lib/smtp-connection';

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  readonly security: 'tls' | 'starttls' | 'plain';
  readonly login: { readonly user: string; readonly pass: string } | undefined;
  readonly ca: string | undefined;
  /** Longest wait for the greeting and for each answer. */
  readonly timeoutMs: number;
}

export interface SmtpEnvelope {
  readonly from: string;
  readonly to: string;
}

/**
 * Hands one mail over, in a conversation of its own: the 250 after the final dot is the delivery. A
 * silence or cut after that dot leaves the fate unknown and is tried again under the same Message-ID.
 * @throws TransientError, RejectedError `destination_rejected` where the server refuses recipient or mail for good
 */
export function submit(
  server: SmtpServer,
  mail: { envelope: SmtpEnvelope; bytes: Buffer },
  signal: AbortSignal,
) {
  return converse(server, signal, (connection, done) => {
    const envelope = { ...mail.envelope, size: mail.bytes.byteLength, use8BitMime: true };
    connection.send(envelope, mail.bytes, done);
  });
}

/** Connects, secures, logs in and leaves. @throws TransientError */
export function greet(server: SmtpServer, signal: AbortSignal) {
  return converse(server, signal, (_connection, done) => done(null));
}

type Done = (error: SMTPError | null) => void;

async function converse(
  server: SmtpServer,
  signal: AbortSignal,
  talk: (connection: Connection, done: Done) => void,
): Promise<void> {
  const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection/index.js');
  return new Promise((resolve, reject) => {
    const connection = new SMTPConnection({
      host: server.host,
      port: server.port,
      secure: server.security === 'tls',
      requireTLS: server.security === 'starttls',
      ignoreTLS: server.security === 'plain',
      connectionTimeout: server.timeoutMs,
      greetingTimeout: server.timeoutMs,
      dnsTimeout: server.timeoutMs,
      socketTimeout: server.timeoutMs,
      socketCloseTimeout: 500,
      logger: false,
      ...(server.ca !== undefined && { tls: { ca: server.ca } }),
    });
    const abort = () => finish(new TransientError('destination_unavailable', 'the conversation was cut off'));
    let finished = false;
    function finish(failure: KapiError | undefined): void {
      if (finished) return;
      finished = true;
      signal.removeEventListener('abort', abort);
      if (failure) {
        connection.close();
        reject(failure);
      } else {
        connection.quit();
        resolve();
      }
    }
    const talked: Done = (error) => finish(error ? toFailure(error) : undefined);
    signal.addEventListener('abort', abort);
    if (signal.aborted) return abort();
    connection.on('error', (error: SMTPError) => finish(toFailure(error)));
    connection.on('end', () =>
      finish(new TransientError('destination_unavailable', 'the mail server hung up')),
    );
    connection.connect((error) => {
      if (finished) return;
      if (error) return talked(error);
      const { login } = server;
      if (login === undefined) return talk(connection, talked);
      connection.login({ credentials: { user: login.user, pass: login.pass } }, (refused) => {
        if (finished) return;
        if (refused) return talked(refused);
        talk(connection, talked);
      });
    });
  });
}

/** Steps in which a 5xx judges this mail; elsewhere (greeting, STARTTLS, AUTH) it judges the set-up. */
const judging = /^(RCPT TO|DATA)/;
/** 5xx of those steps that may be right tomorrow: login wanted, mailbox or disk full, server or route at fault. */
const passing = /^5(30|34|35|38)|^5\d\d[ -]+5\.(2\.2|3\.[1235]|4\.|7\.0)/;

/** By code and step alone: an answer's text may quote addresses. */
function toFailure(error: SMTPError): KapiError {
  const command = String(error.command ?? 'CONN');
  if (error.code === 'EMESSAGE' && error.responseCode === undefined) {
    return new RejectedError('destination_rejected', 'the mail is larger than the mail server takes');
  }
  if (error.responseCode === undefined) {
    const code = error.code ?? 'ECONNECTION';
    return new TransientError('destination_unavailable', `the mail server did not answer (${code})`);
  }
  const response = String(error.response ?? error.responseCode);
  const enhanced = /^\d{3}[ -]+(\d\.\d{1,3}\.\d{1,3})/.exec(response)?.[1];
  const detail = `the mail server answered ${error.responseCode}${enhanced ? ` ${enhanced}` : ''} to ${command}`;
  const judged = judging.test(command) || (command === 'MAIL FROM' && error.responseCode === 552);
  return error.responseCode >= 500 && judged && !passing.test(response)
    ? new RejectedError('destination_rejected', detail)
    : new TransientError('destination_unavailable', detail);
}
