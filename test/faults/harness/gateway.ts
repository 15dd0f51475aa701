import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Sabotage } from '../sabotage/sabotages.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const sabotageHook = pathToFileURL(join(import.meta.dirname, '..', 'sabotage', 'hook.ts')).href;
export const twilio = { sid: `AC${'5'.repeat(32)}`, token: 'twilio-anahtari-5f1c' };
/** Signatures cover the address citizens know, which no restart changes. */
export const publicUrl = 'http://kapi.test';

export interface HomeOptions {
  /** Receiver of webhooks; absent: only the coordination queue. */
  readonly sink?: string;
  readonly sinkTimeoutSeconds?: number;
  /** Address of what stands for Twilio; absent: no account sends notices. */
  readonly twilioApi?: string;
  readonly mailbox?: { readonly port: number; readonly user: string; readonly password: string };
  readonly profile?: 'full' | 'masked' | 'minimal';
  readonly ballastMiB?: number;
  readonly perKey?: number;
  readonly perAddress?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One run of the gateway, a process of its own. */
export interface Run {
  readonly url: string;
  readonly pid: number;
  readonly key: string;
  /** From the start of the process until it said where it listens. */
  readonly bootMs: number;
  readonly exited: Promise<Exit>;
  ended(): boolean;
  /** Ends it as a power cut would; resolves when it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop; resolves with how it ended. */
  stop(): Promise<Exit>;
}

export interface StartOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** A program and its arguments that the gateway is started by. */
  readonly under?: readonly string[];
  /** Breaks one of its promises, to see whether that is seen. */
  readonly sabotage?: Sabotage;
}

export interface Home {
  readonly folder: string;
  readonly data: string;
  /** Everything all runs wrote to standard output and error. */
  output(): string;
  start(options?: StartOptions): Promise<Run>;
  /** Starts one that ends by itself, be it before it listens. */
  startToEnd(options?: StartOptions): Promise<Exit>;
  /** Ends what still runs and removes the folder. */
  close(): Promise<void>;
}

/** Secrets never stand in the file. */
const fromEnvironment = (name: string): string => `\${${name}}`;

function configuration(options: HomeOptions): unknown {
  const { sink, twilioApi, mailbox } = options;
  return {
    institution: {
      id: 'ornek',
      name: 'Örnek Belediyesi',
      prefix: 'SOK',
      language: 'tr',
      province: 'Bursa',
      website: 'https://www.ornek.example',
      shortUrl: 'ornek.example/takip',
    },
    accounts: [
      { id: 'web', adapter: 'form', name: 'Form', sendNotices: twilioApi !== undefined },
      { id: 'api', adapter: 'api', name: 'Yazılımlar', sendNotices: twilioApi !== undefined },
      {
        id: 'sms',
        adapter: 'sms-twilio',
        name: 'SMS',
        transferBasis: 'deneme',
        sendNotices: twilioApi !== undefined,
        settle: { quietSeconds: 0, maxSeconds: 0 },
        settings: {
          accountSid: twilio.sid,
          authTokens: [fromEnvironment('TWILIO_TOKEN')],
          from: '+905320000153',
          apiUrl: twilioApi ?? 'http://127.0.0.1:9',
        },
      },
      ...(mailbox
        ? [
            {
              id: 'bilgi',
              adapter: 'email-imap',
              name: 'Posta',
              sendNotices: false,
              settings: {
                address: 'bilgi@ornek.example',
                imapHost: '127.0.0.1',
                imapPort: mailbox.port,
                imapSecurity: 'none-on-loopback',
                imapUser: mailbox.user,
                imapPassword: fromEnvironment('MAIL_PASSWORD'),
                backlog: 'all',
                pollSeconds: 1,
              },
            },
          ]
        : []),
    ],
    destinations: [
      { id: 'coordination', kind: 'queue', profile: 'full' },
      ...(sink === undefined
        ? []
        : [
            {
              id: 'sink',
              kind: 'webhook',
              profile: options.profile ?? 'masked',
              settings: {
                url: sink,
                secrets: [fromEnvironment('SINK_SECRET')],
                timeoutSeconds: options.sinkTimeoutSeconds ?? 2,
              },
            },
          ]),
    ],
    // Only where it is looked at: a hundred starts a run would write it a hundred times.
    store: { ballastMiB: options.ballastMiB ?? 0 },
    http: {
      requestsPerSecondPerKey: options.perKey ?? 10_000,
      requestsPerSecondPerAddress: options.perAddress ?? 10_000,
    },
  };
}

/** A gateway with a folder, a configuration and (but for a run of its own) no port of its own. */
export function openHome(options: HomeOptions = {}): Home {
  const folder = mkdtempSync(join(tmpdir(), 'kapi-faults-'));
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  cpSync(join(root, 'config'), join(folder, 'config'), { recursive: true });
  // JSON is YAML too.
  writeFileSync(join(folder, 'config', 'kapi.yaml'), JSON.stringify(configuration(options)));
  const written: string[] = [];
  const running = new Set<ChildProcess>();
  /** Of gateways started by another program, which may end without them. */
  const pids = new Set<number>();

  function launch({ environment = {}, under = [], sabotage }: StartOptions) {
    const [program = process.execPath, ...rest] = [...under, process.execPath];
    const child = spawn(program, [...rest, join(root, 'bin', 'kapi.mjs'), 'start', '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH ?? '',
        TMPDIR: tmpdir(),
        NODE_ENV: 'test',
        KAPI_CONFIG: join(folder, 'config'),
        KAPI_DATA: data,
        KAPI_PORT: '0',
        KAPI_PUBLIC_URL: publicUrl,
        KAPI_LOG: 'warn',
        TWILIO_TOKEN: twilio.token,
        SINK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
        MAIL_PASSWORD: options.mailbox?.password ?? '',
        ...options.environment,
        ...environment,
        ...(sabotage && { KAPI_TEST_SABOTAGE: sabotage, NODE_OPTIONS: `--import=${sabotageHook}` }),
      },
    });
    running.add(child);
    let over = false;
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => {
        over = true;
        running.delete(child);
        resolve({ code, signal });
      });
    });
    let said = '';
    const place = new Promise<{ url: string; pid: number }>((resolve, reject) => {
      child.once('error', reject);
      const hear = (chunk: Buffer) => {
        const text = chunk.toString();
        written.push(text);
        if (said.length > 100_000) return;
        said += text;
        const found = /"url": "(http[^"]+)",\s+"pid": (\d+)/.exec(said);
        if (found) resolve({ url: found[1] ?? '', pid: Number(found[2]) });
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      void exited.then(({ code, signal }) =>
        reject(
          new Error(`The gateway ended with ${code ?? signal} before it listened: ${said.slice(-2000)}`),
        ),
      );
    });
    return { place, exited, ended: () => over };
  }

  async function start(options: StartOptions = {}): Promise<Run> {
    const startedAt = performance.now();
    const { place, exited, ended } = launch(options);
    const { url, pid } = await place;
    pids.add(pid);
    void exited.then(() => pids.delete(pid));
    const key = readFileSync(join(data, 'admin.key'), 'utf8').trim();
    const signal = (name: NodeJS.Signals) => {
      if (!ended()) process.kill(pid, name);
    };
    return {
      url,
      pid,
      key,
      bootMs: performance.now() - startedAt,
      exited,
      ended,
      async kill() {
        signal('SIGKILL');
        await exited;
      },
      async stop() {
        signal('SIGTERM');
        return exited;
      },
    };
  }

  return {
    folder,
    data,
    output: () => written.join(''),
    start,
    async startToEnd(options = {}) {
      const { place, exited } = launch(options);
      place.catch(() => undefined);
      return exited;
    },
    async close() {
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await Promise.all(
        [...running].map(
          (child) =>
            new Promise<void>((resolve) => {
              child.once('exit', () => resolve());
              child.kill('SIGKILL');
            }),
        ),
      );
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
