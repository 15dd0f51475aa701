import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { codeOf, kindOfError, type OutgoingEvent } from '@kapi/contract';
import { type Counterpart, type CounterpartMode, testDestination, testEvent } from '@kapi/contract/testing';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { fromBounceAddress, toBounceAddress } from './bounce-address.ts';
import { createEmailDestination, emailDestinationConfig } from './email.ts';
import { withoutTckn } from './tckn-guard.ts';

const password = 'a password nobody may read';
const bounceSecret = 'sixteen or more characters';
const certificate = {
  key: readFileSync(new URL('./fixtures/loopback.key', import.meta.url)),
  cert: readFileSync(new URL('./fixtures/loopback.crt', import.meta.url)),
};
const addresses = { from: 'kapi@bursa.example', fromName: 'Şikâyet Masası', to: 'fen.isleri@bursa.example' };

interface Mail {
  readonly id: string;
  readonly body: Uint8Array;
  readonly taken: boolean;
  readonly raw: Buffer;
  readonly parsed: ParsedMail;
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
}

/** What the server says after the final dot, or before. */
interface Manner {
  readonly taken: boolean;
  readonly say: (answer: (code?: number, text?: string) => void, cut: () => void) => void;
  readonly cutsGreeting?: true;
}
const manners: Readonly<Record<Exclude<CounterpartMode, 'gone' | 'throttled'>, Manner>> = {
  ok: { taken: true, say: (answer) => answer() },
  failing: { taken: false, say: (answer) => answer(451, '4.3.0 not now') },
  hanging: { taken: false, say: () => undefined },
  reset: { taken: false, say: (_answer, cut) => cut(), cutsGreeting: true },
  'taken-then-reset': { taken: true, say: (_answer, cut) => cut() },
  slow: {
    taken: true,
    say: (answer) => {
      setTimeout(answer, 100);
    },
  },
  refusing: { taken: false, say: (answer) => answer(554, '5.6.0 not such a mail') },
};

type Step = 'mail' | 'rcpt' | 'auth';

async function startMailServer(refuse: Partial<Record<Step, [number, string]>> = {}) {
  let manner: Manner = manners.ok;
  const mails: Mail[] = [];
  const sockets = new Set<Socket>();
  // Node dies when the socket under a TLS one is destroyed: only plain ones are cut.
  const plainSockets = new Set<Socket>();
  const cut = () => {
    for (const socket of plainSockets) socket.resetAndDestroy();
  };
  const reply = ([responseCode, text]: [number, string]) => Object.assign(new Error(text), { responseCode });

  const options: SMTPServerOptions = {
    ...certificate,
    logger: false,
    size: 100_000,
    allowInsecureAuth: true,
    closeTimeout: 10,
    onConnect(_session, done) {
      if (manner.cutsGreeting) cut();
      else done();
    },
    onAuth(auth, _session, done) {
      const ok = refuse.auth === undefined && auth.password === password;
      done(ok ? null : reply(refuse.auth ?? [535, '5.7.8 no']), { user: 'kapi' });
    },
    onMailFrom: (_address, _session, done) => done(refuse.mail && reply(refuse.mail)),
    onRcptTo: (_address, _session, done) => done(refuse.rcpt && reply(refuse.rcpt)),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const { taken, say } = manner;
        const raw = Buffer.concat(chunks);
        const parsed = await simpleParser(raw);
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          id: String(parsed.headers.get('x-kapi-id')),
          body: parsed.attachments[0]?.content ?? Buffer.alloc(0),
          taken,
          raw,
          parsed,
          envelope: { from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address) },
        });
        say((code, text = '') => done(code === undefined ? null : reply([code, text])), cut);
      });
    },
  };
  const plain = new SMTPServer({ ...options, disabledCommands: ['STARTTLS'] });
  const tls = new SMTPServer({ ...options, secure: true });
  const starttls = new SMTPServer(options);
  const servers = [plain, tls, starttls];
  for (const server of servers) {
    server.on('error', () => undefined);
    server.server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      if (server === plain) plainSockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        plainSockets.delete(socket);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  const portOf = (server: SMTPServer) => (server.server.address() as AddressInfo).port;

  const create = (more: Record<string, unknown>) =>
    createEmailDestination(
      emailDestinationConfig.parse({
        host: '127.0.0.1',
        port: portOf(plain),
        security: 'plain',
        user: 'kapi',
        password,
        bounceSecret,
        timeoutSeconds: 0.5,
        ...addresses,
        ...more,
      }),
    );
  let open = true;
  return {
    mails,
    create,
    ports: { plain: portOf(plain), tls: portOf(tls), starttls: portOf(starttls) },
    setManner: (next: Manner) => {
      manner = next;
    },
    openConnections: () => sockets.size,
    async close() {
      if (!open) return;
      open = false;
      cut();
      await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(resolve))));
    },
  };
}

testDestination('email', {
  modes: {
    ok: true,
    failing: true,
    hanging: true,
    reset: true,
    'taken-then-reset': true,
    slow: true,
    gone: false,
    throttled: false,
    refusing: true,
  },
  async start(): Promise<Counterpart> {
    const server = await startMailServer();
    return {
      create: (link, timeoutMs) =>
        server.create({
          timeoutSeconds: timeoutMs / 1000,
          ...(link === 'untrusted' && { port: server.ports.tls, security: 'tls', host: 'localhost' }),
        }),
      mode: (mode) => {
        if (mode !== 'gone' && mode !== 'throttled') server.setManner(manners[mode]);
      },
      seen: server.mails,
      secrets: [password, Buffer.from(`\0kapi\0${password}`).toString('base64'), bounceSecret],
      openConnections: server.openConnections,
      close: server.close,
    };
  },
});

const quiet = {
  signal: new AbortController().signal,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  http: () => Promise.reject(new Error('unused')),
};

/** A masked event whose document says more. */
function eventWith(data: Record<string, unknown>, outer: Partial<OutgoingEvent> = {}): OutgoingEvent {
  const event = testEvent(1, 1);
  const document = { ...JSON.parse(Buffer.from(event.body).toString()), data };
  return { ...event, body: new TextEncoder().encode(JSON.stringify(document)), ...outer };
}

describe('email to a unit', () => {
  let stop: (() => Promise<void>) | undefined;
  afterEach(() => stop?.());
  async function server(refuse: Parameters<typeof startMailServer>[0] = {}) {
    const started = await startMailServer(refuse);
    stop = started.close;
    return started;
  }
  async function sent(event: OutgoingEvent, more: Record<string, unknown> = {}): Promise<Mail> {
    const { create, mails, close } = await server();
    await create(more).send(event, quiet);
    await close();
    const [mail] = mails;
    if (mail === undefined || mails.length !== 1) throw new Error(`${mails.length} mails`);
    return mail;
  }

  it('says to people and to programs what it is about', async () => {
    const event = eventWith({
      applicationType: 'complaint',
      urgency: 'today',
      status: 'queued',
      subject: 'Görükle’de çukur',
      body: 'Şu sokakta çukur var.\nDün düştüm.',
      receivedAt: '2026-11-22T09:14:03.000+03:00',
      place: { district: 'Nilüfer', neighbourhood: 'Görükle', doorNo: '7', text: 'okulun yanı' },
      deadlines: [{ kind: '48h', dueAt: '2026-11-24T09:14:03.000+03:00' }],
      event: { name: 'received' },
    });
    const { parsed, body } = await sent(event, { replyTo: 'cevap@bursa.example' });
    expect(parsed.subject).toBe('[SOK-26-0000001-0] Bugün – Şikâyet – Görükle’de çukur');
    expect(parsed.text).toContain(
      'Yer: Nilüfer, Görükle, No 7\nYer tarifi: okulun yanı\nGeliş: 22.11.2026 09:14\n48 saat sonu: 24.11.2026 09:14',
    );
    expect(parsed.text).toContain('Şu sokakta çukur var.\nDün düştüm.');
    expect(parsed.text).toContain(
      `X-SOK-No: SOK-26-0000001-0\nX-SOK-Event: ${event.type}\nX-SOK-Sequence: 1\nX-SOK-Id: ${event.id}`,
    );
    expect(parsed.headers.get('x-sok-no')).toBe('SOK-26-0000001-0');
    expect(parsed.replyTo?.text).toBe('cevap@bursa.example');
    expect(parsed.from?.value).toEqual([{ name: 'Şikâyet Masası', address: addresses.from }]);
    expect(parsed.attachments[0]?.contentType).toBe('application/cloudevents+json');
    expect(parsed.attachments[0]?.filename).toBe('SOK-26-0000001-0-1.json');
    expect(Buffer.from(body).equals(event.body)).toBe(true);
  });

  it('is marked as written by a machine, names its event, and cannot be answered into a loop', async () => {
    const event = testEvent(1, 1);
    const { parsed, envelope } = await sent(event);
    expect(parsed.messageId).toBe(`<${event.id}@bursa.example>`);
    expect(parsed.headers.get('auto-submitted')).toBe('auto-generated');
    expect(parsed.headers.get('x-auto-response-suppress')).toBe('All');
    expect(parsed.headers.get('x-kapi-id')).toBe(event.id);
    expect(envelope.to).toEqual([addresses.to]);
    expect(envelope.from).toMatch(/^bounce\+[0-9a-f-]{36}\.[0-9a-f]{16}@bursa\.example$/);
    expect(envelope.from.split('@')[0]?.length).toBeLessThanOrEqual(64);
    expect(fromBounceAddress(envelope.from, bounceSecret)).toBe(event.id);
  });

  it('is the same mail, byte for byte, after a silence that followed the final dot', async () => {
    const { create, mails, setManner } = await server();
    setManner(manners.hanging);
    const destination = create({});
    const error: unknown = await destination.send(testEvent(1, 1), quiet).catch((thrown: unknown) => thrown);
    expect(kindOfError(error)).toBe('transient');
    setManner(manners.ok);
    await destination.send(testEvent(1, 1), quiet);
    expect(mails.map(({ taken }) => taken)).toEqual([false, true]);
    expect(mails[0]?.raw.equals(mails[1]?.raw ?? Buffer.alloc(0))).toBe(true);
    expect(mails[0]?.envelope).toEqual(mails[1]?.envelope);
  });

  it('breaks no header by what a citizen wrote', async () => {
    const evil = 'çukur\r\nBcc: spy@evil.example\r\n\r\n<b>\u2028X-SOK-No: SOK-26-9999999-9\u202e';
    const event = eventWith({
      subject: evil,
      body: evil,
      place: { text: evil },
      event: { name: 'received' },
    });
    const { parsed, envelope, raw } = await sent(event, { fromName: 'a\r\nBcc: spy@evil.example' });
    expect(envelope.to).toEqual([addresses.to]);
    expect(parsed.bcc).toBeUndefined();
    expect(parsed.headers.get('x-sok-no')).toBe('SOK-26-0000001-0');
    expect(raw.toString('latin1').split('\r\n\r\n')[0]).not.toMatch(/^Bcc:/im);
    expect(parsed.subject).toMatch(/^\[SOK-26-0000001-0\] çukur Bcc: spy@evil\.example <b> X-SOK-No/);
  });

  it('carries no TCKN, whatever field it hides in', async () => {
    const tckn = '10000000146';
    const event = eventWith({
      subject: `TC ${tckn}`,
      body: 'TC 100 000 001 46 çukur',
      place: { street: `${tckn} sokak`, text: tckn },
      external: { number: tckn, deep: [{ tckn }, 10000000146] },
      id: '0198a000-0000-7000-8000-100000001462',
      phone: '05321234567',
      event: { name: 'received', citizenText: tckn },
    });
    const { raw, parsed, body } = await sent(event);
    const everything = [raw.toString(), parsed.subject, parsed.text, Buffer.from(body).toString()].join('\n');
    expect(everything).not.toMatch(/(?<!\d)10000000146(?!\d)/);
    expect(everything).not.toContain('100 000 001 46');
    expect(everything).toContain('*********46');
    expect(JSON.parse(Buffer.from(body).toString()).data).toMatchObject({
      id: '0198a000-0000-7000-8000-100000001462',
      phone: '05321234567',
      external: { deep: [{ tckn: '*********46' }, '*********46'] },
    });
  });

  const texts: readonly [string, string][] = [
    ['10000000146', '*********46'],
    ['TC:10000000146.', 'TC:*********46.'],
    ['100.000.001-46 ve 10000000146', '*********46 ve *********46'],
    ['1000\u200b0000\u200b146 ve 100_000_001_46', '*********46 ve *********46'],
    ['10000000147', '10000000147'],
    ['SOK-26-0001234-9', 'SOK-26-0001234-9'],
    ['110000000146', '110000000146'],
    ['0198a000-0000-7000-8000-100000001462', '0198a000-0000-7000-8000-100000001462'],
    ['2026-11-22T09:14:03.000+03:00', '2026-11-22T09:14:03.000+03:00'],
  ];
  it.each(texts)('guards «%s» as «%s»', (text, expected) => {
    expect(withoutTckn(text)).toBe(expected);
  });

  it('refuses to be made with the full profile, and to send an event in full', async () => {
    const { create, mails } = await server();
    expect(() => create({ profile: 'full' })).toThrow(
      expect.toSatisfy((error) => kindOfError(error) === 'config'),
    );
    const full = create({}).send({ ...testEvent(1, 1), profile: 'full' }, quiet);
    await expect(full).rejects.toSatisfy((error) => codeOf(error) === 'destination_rejected');
    expect(mails).toEqual([]);
  });

  it('sends the minimal profile, of which little is known', async () => {
    const { parsed } = await sent(
      eventWith({ number: 'SOK-26-0000001-0', topic: { code: 'TM01' } }, { profile: 'minimal' }),
    );
    expect(parsed.subject).toBe('[SOK-26-0000001-0] TM01');
  });

  const refusals: readonly [Step | 'dot', number, string, string][] = [
    ['rcpt', 550, '5.1.1 unknown here', 'destination_rejected'],
    ['rcpt', 450, '4.2.1 greylisted', 'destination_unavailable'],
    ['rcpt', 552, '5.2.2 mailbox full', 'destination_unavailable'],
    ['rcpt', 554, '5.7.1 relaying denied', 'destination_rejected'],
    ['mail', 451, '4.3.2 shutting down', 'destination_unavailable'],
    ['mail', 530, '5.7.0 log in first', 'destination_unavailable'],
    ['mail', 552, '5.3.4 too big', 'destination_rejected'],
    ['auth', 535, '5.7.8 wrong password', 'destination_unavailable'],
    ['dot', 452, '4.3.1 disk full', 'destination_unavailable'],
    ['dot', 554, '5.3.1 disk full', 'destination_unavailable'],
    ['dot', 554, '5.6.0 not such a mail', 'destination_rejected'],
    ['dot', 552, '5.3.4 too big', 'destination_rejected'],
  ];
  it.each(refusals)('makes of %s answered %i %s: %s', async (step, code, text, expected) => {
    const { create, setManner } = await server(step === 'dot' ? {} : { [step]: [code, text] });
    if (step === 'dot') setManner({ taken: false, say: (answer) => answer(code, text) });
    const error: unknown = await create({})
      .send(testEvent(1, 1), quiet)
      .catch((thrown: unknown) => thrown);
    expect(codeOf(error)).toBe(expected);
    expect(error).toHaveProperty('message', expect.stringContaining(`${code} ${text.split(' ')[0]}`));
  });

  it('gives up a mail that the server says is too large for it', async () => {
    const { create } = await server();
    const event = eventWith({ body: 'ş'.repeat(100_000) });
    await expect(create({}).send(event, quiet)).rejects.toSatisfy(
      (error) => codeOf(error) === 'destination_rejected',
    );
  });

  it('says nothing before STARTTLS, and speaks over it to a server it trusts', async () => {
    const { create, mails, ports } = await server();
    const starttls = { security: 'starttls', host: 'localhost' };
    const ca = certificate.cert.toString();
    const noTls = create({ ...starttls, ca, port: ports.plain });
    await expect(noTls.send(testEvent(1, 1), quiet)).rejects.toSatisfy(
      (error) => kindOfError(error) === 'transient',
    );
    expect(mails).toEqual([]);
    await create({ ...starttls, ca, port: ports.starttls }).send(testEvent(1, 1), quiet);
    await create({ security: 'tls', host: 'localhost', ca, port: ports.tls }).send(testEvent(1, 2), quiet);
    expect(mails).toHaveLength(2);
  });

  const configs: readonly [string, Record<string, unknown>][] = [
    ['plain to another machine', { host: 'mail.bursa.example', security: 'plain' }],
    ['a user without a password', { host: 'mail.bursa.example', user: 'kapi' }],
  ];
  it.each(configs)('refuses %s', (_name, more) => {
    const config = emailDestinationConfig.parse({ ...addresses, bounceSecret, ...more });
    expect(() => createEmailDestination(config)).toThrow(
      expect.toSatisfy((error) => codeOf(error) === 'config_invalid'),
    );
  });
});

describe('bounce addresses', () => {
  const id = testEvent(1, 1).id;
  const address = toBounceAddress('bounce@bursa.example', id, bounceSecret);
  const rows: readonly [string, string, string | undefined][] = [
    ['its own', address, id],
    ['its own with the case folded up', address.toUpperCase(), id],
    [
      'one under another secret',
      toBounceAddress('bounce@bursa.example', id, 'another secret, long'),
      undefined,
    ],
    ['one for another event', address.replace(id, testEvent(1, 2).id), undefined],
    ['a stranger', 'fen@bursa.example', undefined],
    ['nothing', '', undefined],
  ];
  it.each(rows)('knows %s', (_name, given, expected) => {
    expect(fromBounceAddress(given, bounceSecret)).toBe(expected);
  });
});
