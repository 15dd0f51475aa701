import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A real Dovecot of our own: own folder, own port, no privileges, gone at the end. */
export interface Dovecot {
  /** Without TLS, and with STARTTLS where there is a certificate. */
  readonly port: number;
  /** With TLS from the first byte; nobody listens there without a certificate. */
  readonly tlsPort: number;
  readonly user: string;
  readonly password: string;
  /** Ends the master and all its processes without a word, and starts them again. */
  crash(): Promise<void>;
  /** A new UIDVALIDITY for the inbox: its UID list and index are lost. */
  forgetUids(): Promise<void>;
  stop(): Promise<void>;
}

const binary = '/usr/sbin/dovecot';

/** The reason why there is no Dovecot here; undefined where there is one. With KAPI_REQUIRE_ENGINES=1 its absence throws. */
export function missingDovecot(): string | undefined {
  if (existsSync(binary)) return undefined;
  const reason = 'Dovecot is not installed (Debian: dovecot-imapd)';
  if (process.env.KAPI_REQUIRE_ENGINES === '1') throw new Error(reason);
  return reason;
}

/** Dovecot refuses mail access for root: then it runs as nobody. */
function identity() {
  const me = userInfo();
  if (me.uid !== 0)
    return {
      user: me.username,
      group: execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim(),
      uid: me.uid,
      gid: me.gid,
    };
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return {
    user: 'nobody',
    group: execFileSync('id', ['-gn', 'nobody'], { encoding: 'utf8' }).trim(),
    uid: id('-u'),
    gid: id('-g'),
  };
}

export interface DovecotOptions {
  /** PEM files it shows; absent: no TLS. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** Address that says whose an access token is (RFC 7662); present: XOAUTH2 is offered and passwords are not taken. */
  readonly introspectionUrl?: string;
}

export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  const who = identity();
  const home = mkdtempSync(join(tmpdir(), 'kapi-dovecot-'));
  const make = (name: string) => {
    const folder = join(home, name);
    mkdirSync(folder, { recursive: true });
    if (process.getuid?.() === 0) chownSync(folder, who.uid, who.gid);
    return folder;
  };
  if (process.getuid?.() === 0) chownSync(home, who.uid, who.gid);
  const mail = make('mail');
  const port = await freePort();
  const tlsPort = await freePort();
  const configuration = join(home, 'dovecot.conf');
  const give = (name: string, from: string): string => {
    copyFileSync(from, join(home, name));
    if (process.getuid?.() === 0) chownSync(join(home, name), who.uid, who.gid);
    return join(home, name);
  };
  const { certificate, introspectionUrl } = options;
  const tls = certificate
    ? `ssl = yes\nssl_cert = <${give('cert.pem', certificate.cert)}\nssl_key = <${give('key.pem', certificate.key)}`
    : 'ssl = no';
  const tokens = join(home, 'oauth2.conf');
  if (introspectionUrl !== undefined) {
    writeFileSync(
      tokens,
      `introspection_url = ${introspectionUrl}\nintrospection_mode = post\nforce_introspection = yes\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n`,
    );
  }
  const login =
    introspectionUrl === undefined
      ? 'driver = static\n  args = password=gizli'
      : `driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = ${tokens}`;
  writeFileSync(
    configuration,
    `base_dir = ${make('run')}
state_dir = ${make('state')}
log_path = ${join(home, 'log')}
default_internal_user = ${who.user}
default_internal_group = ${who.group}
default_login_user = ${who.user}
protocols = imap
${tls}
auth_mechanisms = ${introspectionUrl === undefined ? 'plain' : 'xoauth2'}
disable_plaintext_auth = no
auth_failure_delay = 0
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:${mail}
mail_max_userip_connections = 100
passdb {
  ${login}
}
userdb {
  driver = static
  args = uid=${who.uid} gid=${who.gid} home=${make('home')}
}
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = ${port}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${certificate === undefined ? 0 : tlsPort}
    ssl = yes
  }
}
service stats {
  chroot =
}
`,
  );
  let master: ChildProcess | undefined;
  const start = async () => {
    const privileges = process.getuid?.() === 0 ? { uid: who.uid, gid: who.gid } : {};
    master = spawn(binary, ['-F', '-c', configuration], {
      ...privileges,
      stdio: 'ignore',
      detached: true,
      env: { PATH: '/usr/sbin:/usr/bin:/bin' },
    });
    for (let tries = 0; !(await listens(port)); tries += 1) {
      if (tries > 200)
        throw new Error(
          `Dovecot does not start: ${existsSync(join(home, 'log')) ? readFileSync(join(home, 'log'), 'utf8').slice(-500) : 'no log'}`,
        );
      await delay(50);
    }
  };
  const end = async (signal: NodeJS.Signals) => {
    const process_ = master;
    if (process_?.pid === undefined || process_.exitCode !== null || process_.signalCode !== null) return;
    const gone = new Promise((resolve) => process_.once('exit', resolve));
    // The processes it started are in its group.
    process.kill(-process_.pid, signal);
    await gone;
    while (await listens(port)) await delay(20);
  };
  await start();
  return {
    port,
    tlsPort,
    user: 'sok',
    password: 'gizli',
    async crash() {
      await end('SIGKILL');
      rmSync(join(home, 'run', 'master.pid'), { force: true });
      await start();
    },
    async forgetUids() {
      await end('SIGTERM');
      for (const name of readdirSync(mail))
        if (/^dovecot[-.]/.test(name)) rmSync(join(mail, name), { recursive: true });
      // The new UIDVALIDITY is the time in seconds: it must not be the same second.
      await delay(1100);
      await start();
    },
    async stop() {
      await end('SIGTERM');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const port = portOf(probe);
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

const portOf = (server: Server) => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

/** Stands between client and server and cuts connections after a number of bytes from the server. */
export async function startCutter(port: number, nextCut: () => number | undefined) {
  const open = new Set<Socket>();
  let cuts = 0;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    let left = nextCut();
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      if (left !== undefined && chunk.length >= left) {
        near.write(chunk.subarray(0, left));
        cuts += 1;
        near.destroy();
        far.destroy();
        return;
      }
      if (left !== undefined) left -= chunk.length;
      near.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server),
    cuts: () => cuts,
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
