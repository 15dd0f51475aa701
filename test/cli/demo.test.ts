import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bookAnswer, claimAnswer, messageReceipt } from '@kapi/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Counterpart, startCounterpart } from '../../adapters/sms-twilio/twilio-counterpart.ts';
import { type ApiClient, createApiClient } from '../../src/cli/api-client.ts';
import { type Hour, runDemo, wholeHour } from '../../src/cli/demo/index.ts';
import type { Running } from '../../src/cli/parts.ts';
import { compose } from '../../src/compose.ts';
import { root } from '../architecture/sources.ts';

const shortHour: Hour = {
  calls: [
    { text: 'su yok sabahtan beri', name: 'Hatice Korkmaz', phone: '0580 000 09 01', repeats: 2 },
    { text: 'çatı yanıyor çatı', photos: ['png'] },
  ],
  web: [
    {
      text: 'salıncak kırık',
      phone: '0580 000 09 02',
      place: { district: 'Nilüfer' },
      photos: ['jpeg', 'png'],
    },
  ],
  sms: [
    { text: 'sokak lambasi yanmiyo 3 gundur', phone: '05800000903', repeats: 1 },
    { text: 'slm', phone: '05800000904' },
  ],
  software: [[{ channel: 'idea_box', text: 'duraklara sandalye', type: 'opinion' }], [], []],
};

const shortMessages = (apiUrl: string) => `
  - id: sms-153
    adapter: sms-twilio
    name: 153 kısa mesaj
    transferBasis: gösterim
    settle: { quietSeconds: 1, maxSeconds: 2 }
    settings:
      accountSid: AC0123456789abcdef0123456789abcdef
      authTokens: ["\${DEMO_TOKEN}"]
      from: "+905320000153"
      apiUrl: ${apiUrl}
`;

describe('the demonstration', () => {
  let folder: string;
  let twilio: Counterpart;
  let gateway: Running;
  let client: ApiClient;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kapi-demo-'));
    twilio = await startCounterpart();
    const config = join(folder, 'config');
    await cp(join(root, 'config'), config, { recursive: true });
    const file = join(config, 'kapi.yaml');
    const example = await readFile(file, 'utf8');
    const start = example.indexOf('  - id: bilgi\n');
    const end = example.indexOf('\ndestinations:');
    await writeFile(file, `${example.slice(0, start)}${shortMessages(twilio.url)}${example.slice(end)}`);
    const parts = compose({
      KAPI_CONFIG: config,
      KAPI_DATA: join(folder, 'data'),
      KAPI_PORT: '0',
      KAPI_LOG: 'silent',
      DEMO_TOKEN: 'only-for-this-test-0001',
    });
    gateway = await parts.start();
    client = createApiClient(gateway.url, (await readFile(gateway.adminKey.path, 'utf8')).trim());
  });
  afterEach(async () => {
    await gateway.stop();
    await twilio.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const settings = {
    accountSid: 'AC0123456789abcdef0123456789abcdef',
    authTokens: ['only-for-this-test-0001'],
  };

  it('sends an hour over every account and reports what the gateway counted', async () => {
    const stranger = await client.call('/v1/messages', messageReceipt, {
      method: 'POST',
      body: { sourceId: 'kept', channel: 'phone', text: 'Gösterimden önce gelen kayıt.' },
    });
    const seen: [number, number][] = [];
    const report = await runDemo(client, (done, of) => seen.push([done, of]), {
      accounts: [{ id: 'sms-153', settings }],
      publicUrl: gateway.url,
      hour: shortHour,
    });
    // Six messages and one webhook that cannot be read; the greeting is not a case.
    expect(report).toEqual({
      accepted: 7,
      records: 5,
      duplicates: 3,
      quarantined: 1,
      delivered: 5,
      receipts: 3,
    });
    expect(seen[0]).toEqual([0, 10]);
    expect(seen.at(-1)).toEqual([10, 10]);
    expect(twilio.sent.map(({ parameters }) => parameters.get('To')).sort()).toEqual([
      '+905800000901',
      '+905800000902',
      '+905800000903',
    ]);
    const { balanced, books } = await client.call('/v1/books', bookAnswer, { query: { recount: 'true' } });
    expect(balanced).toBe(true);
    expect(books.find(({ unit }) => unit === 'delivery')?.parts).toMatchObject({ delivered: 5, pending: 1 });
    const left = await client.call('/v1/queue/claim', claimAnswer, {
      method: 'POST',
      body: { waitSeconds: 5 },
    });
    expect(left.items.map(({ event }) => event.subject)).toEqual([stranger.number]);
  });

  it('says what it leaves out, and sends those messages through the API', async () => {
    const report = await runDemo(client, () => undefined, {
      accounts: [],
      publicUrl: gateway.url,
      hour: { ...shortHour, calls: [], web: [], software: [] },
    });
    expect(report).toMatchObject({ accepted: 2, records: 2, duplicates: 1, quarantined: 0, delivered: 2 });
    expect(report.leftOut).toEqual(['sms-153: its token cannot be read here']);
  });
});

describe('the hour', () => {
  const all = [wholeHour.calls, wholeHour.web, wholeHour.sms, ...wholeHour.software].flat();

  it('is some two hundred messages, no two of them alike', () => {
    expect(all.length).toBeGreaterThanOrEqual(200);
    expect(new Set(all.map(({ text }) => text)).size).toBe(all.length);
  });

  it('names nobody who could be reached', () => {
    const phones = all.flatMap(({ phone }) => (phone === undefined ? [] : [phone.replaceAll(' ', '')]));
    expect(phones.filter((phone) => !/^0580000\d{4}$/.test(phone))).toEqual([]);
    const emails = all.flatMap(({ email }) => (email === undefined ? [] : [email]));
    expect(emails.filter((email) => !/@example\.(org|com|net)$/.test(email))).toEqual([]);
    expect(new Set(all.flatMap(({ tckn }) => (tckn === undefined ? [] : [tckn])))).toEqual(
      new Set(['10000000146']),
    );
  });
});
