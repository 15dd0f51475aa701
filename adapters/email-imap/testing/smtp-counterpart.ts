import { createServer } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

type Mood = 'accept' | 'throttle' | 'fail' | 'reject' | 'unreachable' | 'silent';

export interface Counterpart {
  readonly port: number;
  readonly mails: {
    readonly from: string;
    readonly to: string;
    readonly raw: string;
    readonly parsed: ParsedMail;
  }[];
  stop(): Promise<void>;
}

const answers = { throttle: 450, fail: 451, reject: 550 } as const;

/** A submission server on loopback in one mood. */
export async function startCounterpart(mood: Mood): Promise<Counterpart> {
  const mails: Counterpart['mails'] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onRcptTo(_address, _session, callback) {
      if (mood === 'throttle' || mood === 'reject')
        callback(Object.assign(new Error('no'), { responseCode: answers[mood] }));
      else callback();
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks);
        if (mood === 'silent') {
          for (const connection of server.connections)
            (connection as { _socket?: { destroy(): void } })._socket?.destroy();
          return;
        }
        if (mood === 'fail')
          return callback(Object.assign(new Error('later'), { responseCode: answers.fail }));
        const { mailFrom, rcptTo } = session.envelope;
        simpleParser(raw, { skipTextToHtml: true }).then((parsed) => {
          const from = mailFrom === false ? '' : mailFrom.address;
          mails.push({ from, to: rcptTo[0]?.address ?? '', raw: raw.toString('utf8'), parsed });
          callback();
        }, callback);
      });
    },
  });
  server.on('error', () => undefined);
  if (mood === 'unreachable') {
    const port = await freePort();
    return { port, mails, stop: () => Promise.resolve() };
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    mails,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
