import { createServer, type Server, type Socket } from 'node:net';

/**
 * A small IMAP server that can lie: enough of RFC 3501 for imapflow, one folder, with the faults that
 * real servers show. The real Dovecot has tests of its own.
 */
export interface StoredMail {
  readonly raw: Buffer;
  readonly flags: Set<string>;
  uid: number;
  readonly internalDate: string;
}

export interface Lies {
  /** Closes the connection after so many bytes of every answer to FETCH with bodies; once each. */
  dropAfterBytes?: number;
  /** RFC822.SIZE says this much of every mail. */
  wrongSize?: number;
  /** UIDNEXT says one. */
  uidNextBackwards?: boolean;
  /** Answers LOGIN with NO. */
  refuseLogin?: boolean;
  /** Takes STORE and closes without an answer; once. */
  dropAtStore?: boolean;
  /** Takes the connection and never says a word. */
  mute?: boolean;
}

export interface ImapServer {
  readonly port: number;
  readonly mails: StoredMail[];
  readonly lies: Lies;
  uidValidity: number;
  /** UIDs of every STORE +FLAGS, in order, with the flag. */
  readonly stores: { readonly uid: number; readonly flag: string }[];
  deliver(raw: Buffer): void;
  /** Connections that are in IDLE. */
  idling(): number;
  /** Connections so far. */
  connections(): number;
  stop(): Promise<void>;
}

export async function startImapServer(raws: readonly Buffer[] = [], lies: Lies = {}): Promise<ImapServer> {
  const sockets = new Set<Socket>();
  const sessions = new Set<Session>();
  let nextUid = 1;
  let connections = 0;
  const put = (raw: Buffer) => {
    server.mails.push({ raw, uid: nextUid, flags: new Set(), internalDate: '22-Nov-2026 09:14:03 +0300' });
    nextUid += 1;
  };
  const listener: Server = createServer((socket) => {
    sockets.add(socket);
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    if (lies.mute === true) return;
    const session = new Session(socket, server);
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
  });
  const server: ImapServer = {
    port: 0,
    mails: [],
    lies,
    uidValidity: 1700000000,
    stores: [],
    deliver(raw) {
      put(raw);
      for (const session of sessions) session.exists();
    },
    idling: () => [...sessions].filter((session) => session.idle).length,
    connections: () => connections,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
  for (const raw of raws) put(raw);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  return Object.assign(server, { port: typeof address === 'object' && address !== null ? address.port : 0 });
}

class Session {
  private buffer = '';
  private idleTag: string | undefined;
  private readonly socket: Socket;
  private readonly server: ImapServer;

  constructor(socket: Socket, server: ImapServer) {
    this.socket = socket;
    this.server = server;
    this.say('* OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] ready');
    socket.on('data', (chunk) => {
      this.buffer += chunk.toString('latin1');
      for (let end = this.buffer.indexOf('\r\n'); end !== -1; end = this.buffer.indexOf('\r\n')) {
        const line = this.buffer.slice(0, end);
        this.buffer = this.buffer.slice(end + 2);
        this.take(line);
      }
    });
  }

  get idle(): boolean {
    return this.idleTag !== undefined;
  }

  exists(): void {
    if (this.idleTag !== undefined) this.say(`* ${this.server.mails.length} EXISTS`);
  }

  private say(line: string): void {
    this.socket.write(`${line}\r\n`);
  }

  private take(line: string): void {
    if (this.idleTag !== undefined && /^done$/i.test(line)) {
      this.say(`${this.idleTag} OK done`);
      this.idleTag = undefined;
      return;
    }
    const [tag = '*', first = '', ...rest] = line.split(' ');
    const uid = first.toUpperCase() === 'UID';
    const command = (uid ? (rest.shift() ?? '') : first).toUpperCase();
    this.answer(tag, command, rest.join(' '));
  }

  private answer(tag: string, command: string, rest: string): void {
    const { mails, lies } = this.server;
    switch (command) {
      case 'CAPABILITY':
        this.say('* CAPABILITY IMAP4rev1 IDLE UIDPLUS');
        break;
      case 'LOGIN':
        if (lies.refuseLogin === true) {
          this.say(`${tag} NO [AUTHENTICATIONFAILED] wrong`);
          return;
        }
        break;
      case 'LIST':
        this.say('* LIST (\\HasNoChildren) "/" INBOX');
        break;
      case 'SELECT':
        this.say(`* ${mails.length} EXISTS`);
        this.say('* FLAGS (\\Seen \\Flagged)');
        this.say('* OK [PERMANENTFLAGS (\\Seen \\Flagged)] ok');
        this.say(`* OK [UIDVALIDITY ${this.server.uidValidity}] ok`);
        this.say(`* OK [UIDNEXT ${lies.uidNextBackwards === true ? 1 : (mails.at(-1)?.uid ?? 0) + 1}] ok`);
        this.say(`${tag} OK [READ-WRITE] done`);
        return;
      case 'STATUS':
        this.say(
          `* STATUS INBOX (MESSAGES ${mails.length} UNSEEN ${mails.filter((mail) => !mail.flags.has('\\Seen')).length})`,
        );
        break;
      case 'SEARCH': {
        const found = this.chosen(/UID (\S+)/i.exec(rest)?.[1] ?? '1:*').filter(
          (mail) => !mail.flags.has('\\Seen') && !mail.flags.has('\\Flagged'),
        );
        this.say(`* SEARCH${found.map((mail) => ` ${mail.uid}`).join('')}`);
        break;
      }
      case 'FETCH':
        if (!this.fetch(rest)) return;
        break;
      case 'STORE':
        if (lies.dropAtStore === true) {
          lies.dropAtStore = false;
          this.socket.destroy();
          return;
        }
        this.store(rest);
        break;
      case 'IDLE':
        this.idleTag = tag;
        this.say('+ idling');
        return;
      case 'LOGOUT':
        this.say('* BYE');
        break;
    }
    this.say(`${tag} OK done`);
  }

  private chosen(set: string): StoredMail[] {
    const last = this.server.mails.at(-1)?.uid ?? 0;
    const number = (text: string) => (text === '*' ? last : Number(text));
    const ranges = set.split(',').map((range) => {
      const [from = '', to = from] = range.split(':');
      return [Math.min(number(from), number(to)), Math.max(number(from), number(to))] as const;
    });
    return this.server.mails.filter((mail) =>
      ranges.some(([from, to]) => mail.uid >= from && mail.uid <= to),
    );
  }

  /** False where the connection was dropped. */
  private fetch(rest: string): boolean {
    const { lies, mails } = this.server;
    const chosen = this.chosen(rest.split(' ')[0] ?? '');
    const partial = /BODY\.PEEK\[\](?:<(\d+)\.(\d+)>)?/i.exec(rest);
    for (const mail of chosen) {
      const sequence = mails.indexOf(mail) + 1;
      const facts = `UID ${mail.uid} FLAGS (${[...mail.flags].join(' ')}) INTERNALDATE "${mail.internalDate}" RFC822.SIZE ${lies.wrongSize ?? mail.raw.length}`;
      if (partial === null) {
        this.say(`* ${sequence} FETCH (${facts})`);
        continue;
      }
      const length = partial[2] === undefined ? mail.raw.length : Number(partial[2]);
      const body = mail.raw.subarray(0, length);
      const origin = partial[1] === undefined ? '' : `<${partial[1]}>`;
      const bytes = Buffer.concat([
        Buffer.from(`* ${sequence} FETCH (${facts} BODY[]${origin} {${body.length}}\r\n`),
        body,
        Buffer.from(')\r\n'),
      ]);
      if (lies.dropAfterBytes !== undefined) {
        this.socket.end(bytes.subarray(0, lies.dropAfterBytes));
        delete lies.dropAfterBytes;
        return false;
      }
      this.socket.write(bytes);
    }
    return true;
  }

  private store(rest: string): void {
    const [set = '', , flags = ''] = rest.split(/ (?=[+(\\])| (?=\+?FLAGS)/i);
    for (const mail of this.chosen(set)) {
      for (const flag of (flags || rest).match(/\\\w+/g) ?? []) {
        mail.flags.add(flag);
        this.server.stores.push({ uid: mail.uid, flag });
      }
    }
  }
}
