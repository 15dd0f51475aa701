import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { ConfigError, scopes } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bookFaults } from './controls.ts';
import { exitCodes } from './exit-codes.ts';
import { runningGateway, writeGatewayFile } from './gateway-file.ts';
import type { CheckReport, CliParts } from './parts.ts';
import { run } from './program.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kapi-cli-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function partsWith(over: Partial<CliParts> = {}): CliParts {
  const none = () => Promise.reject(new Error('not asked for in this test'));
  return {
    version: '9.9.9',
    root: folder,
    environment: { configFolder: 'config', dataFolder: folder },
    check: none,
    facts: none,
    start: none,
    open: () => Promise.reject(new ConfigError('data_locked', 'Another process holds the data folder.')),
    doctor: none,
    demo: none,
    ...over,
  };
}

async function kapi(
  line: string | readonly string[],
  parts: CliParts = partsWith(),
): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const stream = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        written[name] += String(chunk);
        done();
      },
    });
  const argv = typeof line === 'string' ? line.split(' ') : line;
  const code = await run(argv, () => parts, { out: stream('out'), err: stream('err') });
  return { code, ...written };
}

// ------------------------------------------------------------------------------- a gateway's API, in answers

const entry = {
  id: 'q1',
  what: 'envelope',
  envelopeId: 'e1',
  adapter: 'email-imap',
  account: 'bilgi',
  receivedAt: '2026-11-22T09:00:00+03:00',
  code: 'payload_unreadable',
  detail: 'no header',
  bytes: 12,
};
const letter = {
  id: 'd1',
  what: 'delivery',
  destination: 'e-belediye',
  number: 'SOK-26-0000001-0',
  sequence: 1,
  attempts: 20,
  code: 'destination_rejected',
  detail: 'HTTP 400',
  at: '2026-11-22T09:00:00+03:00',
};
const key = {
  id: 'k1',
  name: 'Çağrı merkezi',
  scopes: ['intake'],
  account: 'cagri-153',
  queues: ['coordination', 'archive'],
  createdAt: '2026-11-22T09:00:00+03:00',
  rateLimited: true,
};
const book = { unit: 'message', total: 3, parts: { inRecord: 2, settling: 1 }, difference: 0 };
const answers: Readonly<Record<string, unknown>> = {
  'GET /v1/quarantine': { items: [entry] },
  'POST /v1/quarantine/e1/replay': undefined,
  'POST /v1/replay': { envelopes: 7 },
  'GET /v1/deadletters': { items: [letter] },
  'POST /v1/deadletters/d1/resend': { resent: 1 },
  'POST /v1/deadletters/resend': { resent: 3 },
  'GET /v1/keys': { keys: [key] },
  'POST /v1/keys': { id: 'k2', key: 'kapi_k2_secret' },
  'DELETE /v1/keys/k1': undefined,
  'POST /v1/erase': { records: 2, messages: 1 },
  'GET /v1/books': { balanced: true, books: [book] },
  'GET /v1/audit/check': { sound: true, rows: 4 },
};

interface Call {
  readonly route: string;
  readonly query: string;
  readonly body: unknown;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? undefined : JSON.parse(text);
}

/** A running gateway as the command line sees it: its file, its key, its answers. */
async function besideGateway<T>(
  act: (calls: readonly Call[]) => Promise<T>,
  over: Readonly<Record<string, unknown>> = {},
): Promise<T> {
  const given = { ...answers, ...over };
  const calls: Call[] = [];
  const server: Server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://here');
    const route = `${request.method} ${pathname}`;
    if (request.headers.authorization !== 'Bearer kapi_admin_secret') response.writeHead(401).end();
    else if (!Object.hasOwn(given, route)) {
      response.writeHead(404, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ code: 'not_found', detail: 'Nothing there.' }));
    } else {
      calls.push({ route, query: search, body: await bodyOf(request) });
      const answer = given[route];
      response.writeHead(answer === undefined ? 204 : 200);
      response.end(answer === undefined ? undefined : JSON.stringify(answer));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  writeGatewayFile(folder, { url: `http://127.0.0.1:${address.port}`, pid: process.pid });
  writeFileSync(join(folder, 'admin.key'), 'kapi_admin_secret\n');
  try {
    return await act(calls);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('beside a running gateway', () => {
  const rows: readonly { readonly line: string; readonly calls: readonly Call[]; readonly says: RegExp }[] = [
    {
      line: 'quarantine list --limit 5 --account bilgi',
      calls: [{ route: 'GET /v1/quarantine', query: '?account=bilgi&limit=5', body: undefined }],
      says: /q1 +envelope +bilgi .*payload_unreadable: no header/,
    },
    {
      line: 'quarantine show q1',
      calls: [{ route: 'GET /v1/quarantine', query: '?limit=200', body: undefined }],
      says: /adapter +email-imap/,
    },
    {
      line: 'quarantine replay --all',
      calls: [
        { route: 'GET /v1/quarantine', query: '?limit=200', body: undefined },
        { route: 'POST /v1/quarantine/e1/replay', query: '', body: {} },
      ],
      says: /Put back to be read anew: 1\./,
    },
    {
      line: 'replay --since 2026-11-22T09:00:00+03:00 --account bilgi',
      calls: [
        {
          route: 'POST /v1/replay',
          query: '',
          body: { since: '2026-11-22T06:00:00.000Z', account: 'bilgi' },
        },
      ],
      says: /Put back to be read anew: 7\./,
    },
    {
      line: 'deadletters list',
      calls: [{ route: 'GET /v1/deadletters', query: '?limit=100', body: undefined }],
      says: /d1 .*e-belediye +SOK-26-0000001-0 .*HTTP 400/,
    },
    {
      line: 'deadletters resend d1',
      calls: [{ route: 'POST /v1/deadletters/d1/resend', query: '', body: {} }],
      says: /Put back: 1;/,
    },
    {
      line: 'deadletters resend --destination e-belediye',
      calls: [{ route: 'POST /v1/deadletters/resend', query: '', body: { destination: 'e-belediye' } }],
      says: /Put back: 3;/,
    },
    {
      line: 'keys list',
      calls: [{ route: 'GET /v1/keys', query: '', body: undefined }],
      says: /k1 +Çağrı merkezi +cagri-153 +intake +coordination archive/,
    },
    {
      line: 'keys create --name Merkez --scope queue --queue coordination archive',
      calls: [
        {
          route: 'POST /v1/keys',
          query: '',
          body: { name: 'Merkez', scopes: ['queue'], queues: ['coordination', 'archive'] },
        },
      ],
      says: /kapi_k2_secret/,
    },
    {
      line: 'keys create --name Merkez --scope intake queue --account cagri-153',
      calls: [
        {
          route: 'POST /v1/keys',
          query: '',
          body: { name: 'Merkez', scopes: ['intake', 'queue'], account: 'cagri-153' },
        },
      ],
      says: /kapi_k2_secret/,
    },
    {
      line: 'keys revoke k1',
      calls: [{ route: 'DELETE /v1/keys/k1', query: '', body: undefined }],
      says: /opens nothing any more/,
    },
    {
      line: 'erase --subject email:kimse@example.org --reason KVKK --yes',
      calls: [{ route: 'POST /v1/erase', query: '', body: { email: 'kimse@example.org', reason: 'KVKK' } }],
      says: /Erased: records 2, messages outside records 1\./,
    },
    {
      line: 'doctor --books',
      calls: [
        { route: 'GET /v1/books', query: '', body: undefined },
        { route: 'GET /v1/books', query: '?recount=true', body: undefined },
      ],
      says: /ok +books +They balance/,
    },
  ];
  it.each(rows)('$line', async ({ line, calls, says }) => {
    await besideGateway(async (made) => {
      const { code, out, err } = await kapi(line);
      expect({ code, err: err.replace(/.*put back\n/, '') }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(says);
      expect(made).toEqual(calls);
    });
  });

  it('doctor says where the audit chain breaks and what to do', async () => {
    const broken = { 'GET /v1/audit/check': { sound: false, rows: 4, brokenAt: 5 } };
    await besideGateway(async () => {
      const { code, out } = await kapi('doctor', partsWith({ doctor: async () => [] }));
      expect(code).toBe(exitCodes.refused.code);
      expect(out).toMatch(/WRONG +audit chain +It breaks at row 5: .* compare with the last backup/);
    }, broken);
  });

  it('doctor shows a warning, which is no failure', async () => {
    const fence = { subject: 'parser fence', ok: true, warn: true, detail: 'None here.' } as const;
    const doctor = async () => [fence];
    await besideGateway(async () => {
      const { code, out } = await kapi('doctor', partsWith({ doctor }));
      expect(code).toBe(0);
      expect(out).toMatch(/WARN +parser fence +None here\./);
    });
  });

  it('prints exactly one JSON value with --json', async () => {
    await besideGateway(async () => {
      expect(JSON.parse((await kapi('quarantine list --json')).out)).toEqual([entry]);
      expect(JSON.parse((await kapi('quarantine replay --all --json')).out)).toEqual({ replayed: ['e1'] });
    });
  });

  it('passes on what the gateway refuses, with its code', async () => {
    await besideGateway(async () => {
      expect(await kapi('keys revoke other')).toEqual({
        code: exitCodes.refused.code,
        out: '',
        err: 'kapi: Nothing there. (not_found)\n',
      });
      expect(JSON.parse((await kapi('keys revoke other --json')).out)).toEqual({
        error: { code: 'not_found', message: 'Nothing there.', errors: [] },
      });
    });
  });

  it('says so when the gateway does not answer', async () => {
    await besideGateway(async () => undefined);
    const { code, err } = await kapi('keys list');
    expect(code).toBe(exitCodes.unavailable.code);
    expect(err).toMatch(
      /^kapi: The gateway at http:\/\/127\.0\.0\.1:\d+ does not answer\. .*delete gateway\.json .* \(unavailable\)\n$/,
    );
  });

  it('says so when its admin key cannot be read', async () => {
    await besideGateway(async () => undefined);
    rmSync(join(folder, 'admin.key'));
    expect((await kapi('keys list')).code).toBe(exitCodes.config.code);
  });
});

describe('the command line', () => {
  it('opens the data under its lock where no gateway runs, and not beside one', async () => {
    expect((await kapi('keys list')).err).toBe(
      'kapi: Another process holds the data folder. (data_locked)\n',
    );
  });

  it('takes a gateway file whose process is gone for no gateway', () => {
    writeGatewayFile(folder, { url: 'http://127.0.0.1:1', pid: 2 ** 22 + 1 });
    expect(runningGateway(folder)).toBeUndefined();
  });

  const wrong: readonly { readonly line: string; readonly code: number; readonly says: RegExp }[] = [
    { line: 'frobnicate', code: 2, says: /unknown command 'frobnicate'/ },
    { line: 'keys create --name x', code: 2, says: /required option '--scope/ },
    { line: 'keys create --name x --scope everything', code: 1, says: /expected one of intake, queue/ },
    { line: 'quarantine list --limit some', code: 2, says: /a whole number from 1 on/ },
    { line: 'quarantine replay', code: 1, says: /Name the ids to replay, or --all/ },
    { line: 'replay --since yesterday', code: 1, says: /expected a time such as/ },
    {
      line: 'deadletters resend',
      code: 1,
      says: /Name one id from `kapi deadletters list`, or --destination/,
    },
    { line: 'erase --record SOK-26-0000001-0 --reason x', code: 1, says: /cannot be undone/ },
    { line: 'erase --subject name:Ali --reason x --yes', code: 1, says: /expected tckn:/ },
    { line: 'erase --reason x --yes', code: 1, says: /either --record or --subject/ },
    { line: 'adapter new netgsm', code: 1, says: /<family>-<provider>/ },
    { line: 'adapter test sms-none', code: 1, says: /There is no folder/ },
    { line: 'demo', code: 4, says: /No gateway runs/ },
    { line: 'bench', code: 1, says: /comes with the source tree/ },
    { line: 'backup --to x', code: 1, says: /not in this version/ },
    { line: 'import cimer file.xlsx', code: 1, says: /not in this version/ },
    { line: 'check', code: 70, says: /not asked for in this test \(internal\)\nError: not asked/ },
  ];
  it.each(wrong)('answers `kapi $line` with $code', async ({ line, code, says }) => {
    const answer = await kapi(line);
    expect(answer.err).toMatch(says);
    expect(answer.code).toBe(code);
  });

  it.each([
    { line: 'frobnicate --json', message: "unknown command 'frobnicate'" },
    { line: 'keys create --name x --json', message: "required option '--scope <scope...>' not specified" },
    { line: 'quarantine list --limit some --json', message: /a whole number from 1 on/ },
    { line: 'keys --json', message: 'No command was named; see kapi --help.' },
  ])('says what is wrong with `kapi $line` as JSON alone', async ({ line, message }) => {
    const { code, out, err } = await kapi(line);
    expect({ code, err }).toEqual({ code: 2, err: '' });
    const said = typeof message === 'string' ? message : expect.stringMatching(message);
    expect(JSON.parse(out)).toEqual({ error: { code: 'invalid_request', message: said, errors: [] } });
  });

  it('says what is wrong with its environment, in the form that was asked for', async () => {
    const stream = () => {
      const chunks: string[] = [];
      const sink = new Writable({ write: (chunk, _encoding, done) => done(void chunks.push(String(chunk))) });
      return { sink, text: () => chunks.join('') };
    };
    const [out, err] = [stream(), stream()];
    const refuse = () => {
      throw new ConfigError('config_invalid', 'Environment: KAPI_PORT: expected a port');
    };
    const code = await run(['check', '--json'], refuse, { out: out.sink, err: err.sink });
    expect({ code, err: err.text() }).toEqual({ code: exitCodes.config.code, err: '' });
    expect(JSON.parse(out.text())).toMatchObject({ error: { code: 'config_invalid' } });
  });

  it('prints its version and its help, which lists every exit code', async () => {
    expect(await kapi('--version')).toEqual({ code: 0, out: '9.9.9\n', err: '' });
    const { out } = await kapi('--help');
    for (const { code, meaning } of Object.values(exitCodes)) expect(out).toContain(`${code}  ${meaning}`);
  });

  it.each([
    { line: 'keys create --help', says: scopes.join(', ') },
    { line: 'keys revoke --help', says: 'first column of the list' },
    { line: 'quarantine replay --help', says: 'once its cause is mended' },
    { line: 'deadletters resend --help', says: 'once the cause is mended' },
    { line: 'replay --help', says: 'e.g. 2026-11-22T09:00:00+03:00' },
    { line: 'doctor --help', says: 'WRONG: the sentence says what to do' },
  ])('`kapi $line` says «$says»', async ({ line, says }) => {
    const { code, out } = await kapi(line);
    expect(code).toBe(0);
    expect(out.replaceAll(/\s+/g, ' ')).toContain(says);
  });

  it.each([
    { line: 'quarantine show q9', says: /see kapi quarantine list/ },
    { line: 'quarantine replay q9', says: /see kapi quarantine list\. Nothing was put back/ },
  ])('`kapi $line` says where to look', async ({ line, says }) => {
    await besideGateway(async () => {
      expect((await kapi(line)).err).toMatch(says);
    });
  });

  const problem = {
    file: 'kapi.yaml',
    line: 3,
    column: 7,
    key: 'institution.id',
    expected: 'text',
    found: '3',
  };
  const reports: readonly { readonly report: CheckReport; readonly code: number; readonly out: string }[] = [
    {
      report: { problems: [], summary: { accounts: 4, topics: 56 } },
      code: 0,
      out: 'config is right: 4 accounts, 56 topics.\n',
    },
    {
      report: { problems: [problem], summary: {} },
      code: 3,
      out: 'One problem in config:\n  kapi.yaml:3:7 institution.id: expected text, found 3\nA gateway that runs goes on with its old configuration. Mend these and check again.\n',
    },
  ];
  it.each(reports)('check says $out', async ({ report, code, out }) => {
    expect(await kapi('check', partsWith({ check: async () => report }))).toEqual({ code, out, err: '' });
  });

  it('copies the adapter template under the new name', async () => {
    const template = join(folder, 'src/cli/adapter-template');
    mkdirSync(template, { recursive: true });
    writeFileSync(join(template, 'adapter.ts'), "export const id = 'family-provider';\n");
    expect((await kapi('adapter new sms-netgsm')).code).toBe(0);
    expect(readFileSync(join(folder, 'adapters/sms-netgsm/adapter.ts'), 'utf8')).toBe(
      "export const id = 'sms-netgsm';\n",
    );
    expect((await kapi('adapter new sms-netgsm')).err).toMatch(/is there already/);
  });
});

describe('start', () => {
  const running = (over: object) => ({
    url: 'http://127.0.0.1:8080',
    adminKey: { path: 'data/admin.key', created: true },
    remarks: ['Back up data/sealing.key.'],
    ended: new Promise<string>(() => undefined),
    stop: async () => undefined,
    ...over,
  });

  it('says where it is open and where its key is, and leaves its address for other commands', async () => {
    let seen: unknown;
    const parts = partsWith({
      start: async () =>
        running({
          ended: new Promise<string>((resolve) => {
            setImmediate(() => {
              seen = runningGateway(folder);
              resolve('the store failed to sync');
            });
          }),
        }),
    });
    const { code, out, err } = await kapi('start', parts);
    expect(out).toContain('Kapı is open at http://127.0.0.1:8080\n');
    expect(out).toContain('data/admin.key (made now; only you can read it)\nBack up data/sealing.key.\n');
    expect(seen).toEqual({ url: 'http://127.0.0.1:8080', pid: process.pid });
    expect(err).toBe('Kapı stopped itself: the store failed to sync\n');
    expect(code).toBe(exitCodes.fault.code);
    expect(existsSync(join(folder, 'gateway.json'))).toBe(false);
  });

  it('stops in good order at SIGTERM', async () => {
    let stopped = 0;
    const parts = partsWith({
      start: async () => {
        setImmediate(() => setImmediate(() => process.emit('SIGTERM')));
        return running({
          stop: async () => {
            stopped += 1;
          },
        });
      },
    });
    expect((await kapi('start', parts)).code).toBe(0);
    expect(stopped).toBe(1);
    expect(existsSync(join(folder, 'gateway.json'))).toBe(false);
  });
});

describe('the books', () => {
  const good = { unit: 'item', total: 5, parts: { messages: 3, ignored: 2 } } as const;
  it('are right where counters and rows agree and the parts make the whole', () => {
    expect(bookFaults({ kept: [good], counted: [good] })).toEqual([]);
  });
  it('tell every difference', () => {
    const counted = { ...good, total: 6, parts: { messages: 3, ignored: 1 } };
    expect(bookFaults({ kept: [good], counted: [counted] })).toEqual([
      'item: 6 in all, but its parts sum to 4',
      'item: counter says 5, rows say 6',
      'item ignored: counter says 2, rows say 1',
    ]);
    expect(bookFaults({ kept: [], counted: [good] })).toEqual(['item: no counter is kept']);
  });
});
