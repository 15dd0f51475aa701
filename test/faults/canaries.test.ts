import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { afterEach, describe, expect, it } from 'vitest';
import { startCounterpart } from '../../adapters/sms-twilio/twilio-counterpart.ts';
import { validTckn } from '../../src/record/index.ts';
import { missingDovecot, startDovecot } from '../support/dovecot.ts';
import { chance, scaled, seed, tell, until } from './harness/chance.ts';
import { readHeld } from './harness/checker.ts';
import { createClerk, drained } from './harness/drain.ts';
import { byForm, formTokens, signedForm } from './harness/driver.ts';
import { openHome, twilio } from './harness/gateway.ts';
import { type Answer, type Call, call, json } from './harness/http.ts';
import { findTraces, makePeople, type Person, tracesOf } from './harness/people.ts';
import { startSink } from './harness/sink.ts';

const minutes = 60_000;
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

const sentence = (person: Person): string =>
  `Adım ${person.name}, TC ${person.tckn}, tel ${person.phone}, ${person.email}. Sokakta çukur var, ${person.phrase} söyledi.`;

const citizen = ({ name, tckn, phone, email }: Person) => ({ name, tckn, phone, email });

const mailOf = (person: Person, n: number): Buffer =>
  Buffer.from(
    `From: ${person.name} <${person.email}>\r\nTo: bilgi@ornek.example\r\nSubject: ${person.phrase} ${person.tckn}\r\nMessage-ID: <c${n}@posta.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${sentence(person)}\r\n`,
  );

/** Requests that are refused, with a person in every value. */
function refusedCalls(person: Person, key: string): Call[] {
  const body = { channel: 'phone', text: sentence(person), citizen: citizen(person) };
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  return [
    json('kapi_yok_0123456789abcdef0123456789', body),
    json(key, body),
    json(key, { ...body, sourceId: person.tckn, channel: person.name }),
    json(key, { ...body, sourceId: person.phrase, citizen: { ...citizen(person), title: person.name } }),
    json(key, { ...body, sourceId: person.phrase, thread: person.tckn }),
    { ...json(key, body), body: `{"text":"${sentence(person)}"` },
    json(key, { phone: { is: person.phone } }, '/v1/records/search'),
    { path: '/webhooks/sms-twilio/sms', headers: form, body: sentence(person) },
    {
      path: '/takip',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number: person.tckn }),
    },
  ];
}

/** A person in the address itself: the answer names the address it is about, the log must not. */
const addressedCalls = (person: Person, key: string): Call[] => [
  json(key, undefined, `/v1/records/${encodeURIComponent(person.tckn)}`, 'GET'),
  { path: `/webhooks/sms-twilio/${person.phrase}`, body: sentence(person) },
  { path: `/${encodeURIComponent(person.name)}?tckn=${person.tckn}`, method: 'GET' },
];

/** Every file of a folder, those of its folders too. */
const bytesBelow = (folder: string): Buffer =>
  Buffer.concat(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name))),
  );

describe('personal data', () => {
  it('of five hundred people, through every way in, stands in no log, metric, refusal or file', {
    timeout: 5 * minutes * scaled(1),
  }, async () => {
    const people = makePeople(scaled(500), chance(seed));
    const mailbox = missingDovecot() === undefined ? await startDovecot() : undefined;
    if (mailbox) endings.push(mailbox.stop);
    const sink = await startSink();
    const sms = await startCounterpart();
    const home = openHome({
      sink: sink.url,
      twilioApi: sms.url,
      ...(mailbox && { mailbox }),
      environment: { KAPI_LOG: 'debug' },
    });
    endings.push(sink.stop, sms.stop, home.close);
    const run = await home.start();
    const tokens = await formTokens(run.url, Math.ceil(people.length / 4) + 1);
    const answers: Answer[] = [];
    const post = async (one: Call) => answers.push(await call(run.url, one));
    let taken = 0;
    // A busy machine may be told to come again.
    const accept = async (one: Call) => {
      const { status } = await until('room', async () => {
        const answer = await call(run.url, one);
        return answer.status !== 503 && answer;
      });
      if (status < 300) taken += 1;
    };
    const calls = people.map((person, n): Call | undefined => {
      switch (n % 4) {
        case 0:
          return json(run.key, {
            sourceId: `c${n}`,
            channel: 'phone',
            text: sentence(person),
            subject: person.phrase,
            citizen: citizen(person),
          });
        case 1:
          return signedForm('/webhooks/sms-twilio/sms', {
            MessageSid: `SM${n.toString(16).padStart(32, '0')}`,
            AccountSid: twilio.sid,
            From: person.phoneNumber,
            To: '+905320000153',
            Body: sentence(person),
            NumMedia: '0',
          });
        case 2:
          return byForm(n, tokens.pop() ?? '', { text: sentence(person), ...citizen(person) }).call(run);
        default:
          return mailbox
            ? undefined
            : json(run.key, { sourceId: `c${n}`, channel: 'phone', text: sentence(person) });
      }
    });
    for (const [n, one] of calls.entries()) if (one && n % 4 !== 2) await accept(one);
    for (const [n, one] of calls.entries()) if (one && n % 4 === 2) await accept(one);
    if (mailbox) {
      const client = new ImapFlow({
        host: '127.0.0.1',
        port: mailbox.port,
        secure: false,
        doSTARTTLS: false,
        auth: { user: mailbox.user, pass: mailbox.password },
        logger: false,
      });
      await client.connect();
      for (const [n, person] of people.entries())
        if (n % 4 === 3) await client.append('INBOX', mailOf(person, n));
      await client.mailboxOpen('INBOX');
      await until('the mails to be marked', async () => {
        const found = await client.search({ seen: false }, { uid: true });
        return Array.isArray(found) && found.length === 0;
      });
      taken += people.filter((_, n) => n % 4 === 3).length;
      client.close();
    }
    for (const person of people.slice(0, 20)) {
      for (const one of refusedCalls(person, run.key)) await post(one);
      for (const one of addressedCalls(person, run.key)) await call(run.url, one);
    }
    const clerk = createClerk();
    let idle = false;
    const clerks = clerk.work(
      async () => run,
      () => idle,
    );
    await drained(run, ['notify']);
    idle = true;
    await clerks;
    const shown = (await call(run.url, { method: 'GET', path: '/metrics' })).body;
    await run.stop();

    const held = await readHeld(home.data);
    const refusals = Buffer.from(
      answers.map(({ headers, body }) => JSON.stringify(headers) + body).join('\n'),
    );
    const places = {
      log: Buffer.from(home.output()),
      metrics: Buffer.from(shown),
      refusals,
      files: bytesBelow(home.data),
    };
    tell('R20 canaries', {
      people: people.length,
      taken,
      records: held.records.length,
      'log kB': places.log.length / 1024,
      'files kB': places.files.length / 1024,
      refusals: answers.length,
      receipts: sms.sent.length,
    });
    expect(answers.filter(({ status }) => status >= 500 && status !== 503).map(({ body }) => body)).toEqual(
      [],
    );
    expect(taken).toBe(people.length);
    expect(held.records).toHaveLength(people.length);
    for (const [place, bytes] of Object.entries(places)) {
      expect({ place, found: findTraces(people, bytes).slice(0, 5) }).toEqual({ place, found: [] });
    }
    // What may stand there does: the right files were read.
    const numbers = held.records.filter(({ number }) => places.files.includes(number));
    expect(numbers).toHaveLength(held.records.length);
    // Masked destinations get no number of a person whole.
    const identities = people.flatMap((person) => [
      person.tckn,
      person.phoneNumber,
      person.phone,
      person.email,
    ]);
    expect(identities.filter((text) => sink.bodies().includes(text))).toEqual([]);
  });
});

it('personal data would be found if it were told to all and sealed nowhere', {
  timeout: 2 * minutes,
}, async () => {
  const people = makePeople(4, chance(seed));
  const home = openHome();
  endings.push(home.close);
  const run = await home.start({ sabotage: 'tells-everything' });
  const answers: Answer[] = [];
  for (const [n, person] of people.entries()) {
    const said = { sourceId: `c${n}`, channel: 'phone', text: sentence(person), citizen: citizen(person) };
    expect((await call(run.url, json(run.key, said))).status).toBe(202);
    for (const one of refusedCalls(person, run.key)) answers.push(await call(run.url, one));
    for (const one of addressedCalls(person, run.key)) await call(run.url, one);
  }
  const shown = (await call(run.url, { method: 'GET', path: '/metrics' })).body;
  await run.stop();
  const places = {
    log: Buffer.from(home.output()),
    metrics: Buffer.from(shown),
    refusals: Buffer.from(answers.map(({ body }) => body).join('\n')),
    files: bytesBelow(home.data),
  };
  const found = Object.fromEntries(
    Object.entries(places).map(([place, bytes]) => [place, findTraces(people, bytes).length]),
  );
  tell('R20 control', { people: people.length, ...found });
  expect(Object.entries(found).filter(([, traces]) => traces === 0)).toEqual([]);
});

describe('the search for personal data finds', () => {
  const [person] = makePeople(1, chance(7));
  if (!person) throw new Error('nobody was made up');
  const utf8 = Buffer.from(sentence(person));

  it('people whose numbers are valid, as real ones are', () => {
    expect(makePeople(500, chance(seed)).filter(({ tckn }) => !validTckn(tckn))).toEqual([]);
  });

  it.each([
    ['a log line', utf8],
    ['a log line of the phone alone', Buffer.from(`{"msg":"sent to ${person.phoneNumber}"}`)],
    ['a database that is not sealed', Buffer.concat([Buffer.alloc(4096, 1), utf8, Buffer.alloc(100, 2)])],
    ['a sealed-looking text that is only base64', Buffer.from(utf8.toString('base64'))],
    ['hex', Buffer.from(utf8.toString('hex'))],
    ['UTF-16', Buffer.from(utf8.toString(), 'utf16le')],
    ['an address', Buffer.from(`GET /x?ad=${encodeURIComponent(person.name)}`)],
  ])('a canary planted in %s', (_place, bytes) => {
    expect(findTraces([person], bytes).length).toBeGreaterThan(0);
  });

  it('nothing where there is nothing', () => {
    expect(findTraces([person], Buffer.from('{"msg":"SOK-26-0000001-4","phone":"***67"}'))).toEqual([]);
    expect(tracesOf(person).length).toBeGreaterThan(20);
  });
});
