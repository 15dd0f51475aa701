import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ConfigParts, load, problemLine } from './index.ts';

const example = resolve(import.meta.dirname, '../../config');

const mail = z.strictObject({
  address: z.email().describe('Address'),
  password: z.string().min(8).describe('Password').meta({ secret: true }).optional(),
  pollSeconds: z.int().min(5).default(60).describe('Pause'),
});

const parts: ConfigParts<unknown> = {
  adapters: {
    'email-test': { config: mail, abroad: false },
    'chat-abroad': { config: z.object({ token: z.string().meta({ secret: true }) }), abroad: true },
  },
  destinations: {
    queue: z.strictObject({ profile: z.string().default('full') }),
    webhook: z.strictObject({
      url: z.url(),
      secrets: z.array(z.string().startsWith('whsec_')).min(1).meta({ secret: true }),
    }),
  },
  templates: z.unknown(),
};

const kapi = `
institution:
  id: ornek
  name: Örnek Belediyesi
  province: Bursa
  website: https://ornek.example
  shortUrl: ornek.example/t
accounts:
  - id: web
    adapter: form
    name: Form
destinations:
  - id: coordination
    kind: queue
`;

/** `${NAME}` as the file has it. */
const variable = (name: string) => `\${${name}}`;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** The example folder with some of its files written anew. */
function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'kapi-config-'));
  folders.push(folder);
  cpSync(example, folder, { recursive: true });
  for (const [name, content] of Object.entries({ 'kapi.yaml': kapi, ...files })) {
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const problemsOf = (files: Readonly<Record<string, string | Uint8Array>>, environment = {}) =>
  (load(folderWith(files), environment, parts).problems ?? []).map(problemLine);

const account = (lines: string) =>
  kapi.replace('destinations:', `${lines.replace(/^/gm, '  ').trimEnd()}\ndestinations:`);

describe('load', () => {
  it('gives every default, so that a short file is a whole configuration', () => {
    const { config } = load(folderWith({}), {}, parts);
    expect(config?.accounts[0]).toEqual({
      id: 'web',
      adapter: 'form',
      enabled: true,
      name: 'Form',
      partsWaitSeconds: 600,
      settle: { quietSeconds: 60, maxSeconds: 600 },
      joinHours: 24,
      promise: true,
      sendNotices: true,
      settings: {},
    });
    expect(config?.institution.prefix).toBe('SOK');
    expect(config?.http.requestsPerSecondPerKey).toBe(200);
    expect(config?.topics).toHaveLength(56);
    expect(config?.units.districts).toHaveLength(17);
  });

  it('tells every problem of every file at once, each with its line', () => {
    const problems = problemsOf({
      'kapi.yaml': kapi
        .replace('  id: ornek\n', '  id: 3\n  colour: red\n')
        .replace('name: Form', 'name: ""'),
      'routes.yaml': 'rules:\n  - id: su\n    topics: [XX99]\n    unit: yok\n    mode: sometimes\n',
      'words.yaml': 'emergency: yangın\n',
    });
    expect(problems).toEqual([
      'kapi.yaml:3:7 institution.id: expected text, found 3',
      'kapi.yaml:4:3 institution.colour: expected only id, name, prefix, language, province, website, shortUrl, found the unknown key "colour"',
      'kapi.yaml:12:11 accounts[0].name: expected characters: at least 1, found ""',
      'routes.yaml:5:11 rules[0].mode: expected one of proposal, automatic, found "sometimes"',
      'words.yaml:1:12 emergency: expected a list, found "yangın"',
    ]);
  });

  const rows: readonly {
    readonly name: string;
    readonly files: Readonly<Record<string, string | Uint8Array>>;
    readonly environment?: Readonly<Record<string, string>>;
    readonly says: readonly string[];
  }[] = [
    {
      name: 'an adapter that does not exist',
      files: { 'kapi.yaml': kapi.replace('adapter: form', 'adapter: fax') },
      says: [
        'kapi.yaml:10:14 accounts[0].adapter: expected one of api, form, email-test, chat-abroad, found "fax"',
      ],
    },
    {
      name: 'an account without its adapter',
      files: { 'kapi.yaml': kapi.replace('    adapter: form\n', '') },
      says: [
        'kapi.yaml:9:5 accounts[0].adapter: expected one of api, form, email-test, chat-abroad, found nothing',
      ],
    },
    {
      name: 'settings that the adapter refuses',
      files: {
        'kapi.yaml': account(
          '- id: bilgi\n  adapter: email-test\n  name: B\n  settings: {address: x, pollSeconds: 1, colour: 2}',
        ),
      },
      says: [
        'kapi.yaml:15:25 accounts[1].settings.address: expected an e-mail address, found "x"',
        'kapi.yaml:15:41 accounts[1].settings.pollSeconds: expected at least 5, found 1',
        'kapi.yaml:15:44 accounts[1].settings.colour: expected only address, password, pollSeconds, found the unknown key "colour"',
      ],
    },
    {
      name: 'a missing key of the settings',
      files: { 'kapi.yaml': account('- id: bilgi\n  adapter: email-test\n  name: B') },
      says: ['kapi.yaml:12:5 accounts[1].settings.address: expected text, found nothing'],
    },
    {
      name: 'an unknown key where the adapter itself would let it pass',
      files: {
        'kapi.yaml': account(
          `- id: c\n  adapter: chat-abroad\n  name: B\n  enabled: false\n  settings: {token: "${variable('T')}", x: 1}`,
        ),
      },
      says: ['kapi.yaml:16:31 accounts[1].settings.x: expected only token, found the unknown key "x"'],
    },
    {
      name: 'a secret written in clear, without showing it',
      files: {
        'kapi.yaml': account(
          '- id: b\n  adapter: email-test\n  name: B\n  settings: {address: a@b.example, password: hunter22}',
        ),
      },
      says: [
        `kapi.yaml:15:48 accounts[1].settings.password: expected ${variable('NAME')} or file:path, so that no secret stands in this file, found a value`,
      ],
    },
    {
      name: 'a secret that is not set',
      files: {
        'kapi.yaml': account(
          `- id: b\n  adapter: email-test\n  name: B\n  settings: {address: a@b.example, password: "${variable('PW')}"}`,
        ),
      },
      says: [
        'kapi.yaml:15:48 accounts[1].settings.password: expected environment variable PW, found none of that name',
      ],
    },
    {
      name: 'a secret that does not fit, without showing it',
      files: {
        'kapi.yaml': account(
          `- id: b\n  adapter: email-test\n  name: B\n  settings: {address: a@b.example, password: "${variable('PW')}"}`,
        ),
      },
      environment: { PW: 'hunter2' },
      says: [
        'kapi.yaml:15:48 accounts[1].settings.password: expected characters: at least 8, found another value',
      ],
    },
    {
      name: 'a secret file that is not there',
      files: {
        'kapi.yaml': account(
          '- id: b\n  adapter: email-test\n  name: B\n  settings: {address: a@b.example, password: "file:pw"}',
        ),
      },
      says: ['kapi.yaml:15:48 accounts[1].settings.password: expected a readable file pw, found none'],
    },
    {
      name: 'a provider abroad without its KVKK basis',
      files: {
        'kapi.yaml': account(
          `- id: c\n  adapter: chat-abroad\n  name: B\n  settings: {token: "${variable('T')}"}`,
        ),
      },
      environment: { T: 't' },
      says: [
        'kapi.yaml:12:5 accounts[1].transferBasis: expected the KVKK basis for sending personal data abroad, or enabled: false, found nothing',
      ],
    },
    {
      name: 'an id that is used twice',
      files: { 'kapi.yaml': account('- id: web\n  adapter: api\n  name: B') },
      says: ['kapi.yaml:12:9 accounts[1].id: expected an id that is used once, found "web" again'],
    },
    {
      name: 'a destination for a unit that does not exist',
      files: { 'kapi.yaml': `${kapi}  - id: x\n    kind: queue\n    units: [yol-isleri, yok]\n` },
      says: [
        'kapi.yaml:17:25 destinations[1].units[1]: expected the id of a unit, district or partner in units.yaml, found "yok"',
      ],
    },
    {
      name: 'no coordination queue',
      files: { 'kapi.yaml': kapi.replace('id: coordination', 'id: other') },
      says: ['kapi.yaml:12:1 destinations: expected a destination with id: coordination, found none'],
    },
    {
      name: 'a coordination queue that is off',
      files: { 'kapi.yaml': `${kapi}    enabled: false\n` },
      says: [
        'kapi.yaml:15:14 destinations[0].enabled: expected true for the destination coordination, found false',
      ],
    },
    {
      name: 'an alarm by mail with no mail server',
      files: { 'kapi.yaml': `${kapi}alarms:\n  people:\n    - {name: N, email: n@ornek.example}\n` },
      says: ['kapi.yaml:17:24 alarms.people[0].email: expected a mail server under alarms.smtp, found none'],
    },
    {
      name: 'alarm mail in clear to another machine, and a host with a scheme',
      files: {
        'kapi.yaml': `${kapi}alarms:\n  smtp: {host: mail.ornek.example, security: none, from: a@ornek.example}\nattachments:\n  urlHosts: ["https://foto.example"]\n`,
      },
      says: [
        'kapi.yaml:18:14 attachments.urlHosts[0]: expected a host name in lower case, such as media.example.org, found "https://foto.example"',
        'kapi.yaml:16:46 alarms.smtp.security: expected `none` only for a mail server on this machine, found "none"',
      ],
    },
    {
      name: 'a route to a unit and a topic that do not exist',
      files: { 'routes.yaml': 'rules:\n  - {id: su, topics: [SU01, XX99], unit: yok}\n' },
      says: [
        'routes.yaml:2:42 rules[0].unit: expected the id of a unit, district or partner in units.yaml, found "yok"',
        'routes.yaml:2:29 rules[0].topics[1]: expected a topic code in topics.yaml, found "XX99"',
      ],
    },
    {
      name: 'the same key twice',
      files: { 'routes.yaml': 'rules: []\nrules: []\n' },
      says: ['routes.yaml:2:1 expected each key once, found Map keys must be unique'],
    },
    {
      name: 'broken YAML',
      files: { 'routes.yaml': 'rules: [\n' },
      says: [
        'routes.yaml:2:1 expected even indentation, found Flow sequence in block collection must be sufficiently indented and end with a ]',
      ],
    },
    {
      name: 'an empty file',
      files: { 'routes.yaml': '' },
      says: ['routes.yaml:1:1 expected a group of keys, found null'],
    },
    {
      name: 'a file in another character set',
      files: { 'routes.yaml': Uint8Array.of(0x72, 0xfd, 0x3a) },
      says: ['routes.yaml expected a readable file, found a file that cannot be read as UTF-8'],
    },
    {
      name: 'a database without its address',
      files: { 'kapi.yaml': `${kapi}store: {engine: postgres}\n` },
      says: [
        'kapi.yaml:15:1 store.url: expected the address of the database, since the engine is `postgres`, found nothing',
      ],
    },
    {
      name: 'the address of a database that is not used',
      files: { 'kapi.yaml': `${kapi}store: {url: "${variable('KAPI_DATABASE_URL')}"}\n` },
      environment: { KAPI_DATABASE_URL: 'postgres://kapi@db.example/kapi' },
      says: [
        'kapi.yaml:15:1 store.engine: expected `postgres`, since `url` or `schema` is set, found nothing',
      ],
    },
    {
      name: 'a password of the database in clear',
      files: {
        'kapi.yaml': `${kapi}store: {engine: postgres, url: "postgres://kapi:gizli@db.example/kapi"}\n`,
      },
      says: [
        `kapi.yaml:15:32 store.url: expected ${variable('NAME')} or file:path, so that no secret stands in this file, found a value`,
      ],
    },
    {
      name: 'a file that nobody reads',
      files: { 'topcis.yaml': 'topics: []\n' },
      says: [
        'topcis.yaml expected only kapi.yaml, units.yaml, topics.yaml, routes.yaml, words.yaml, found a file of another name',
      ],
    },
    {
      name: 'aliases that swell',
      files: {
        'routes.yaml': `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nrules: [*c,*c,*c,*c]\n`,
      },
      says: [
        'routes.yaml expected valid YAML, found Excessive alias count indicates a resource exhaustion attack',
      ],
    },
  ];
  it.each(rows)('names $name', ({ files, environment, says }) => {
    expect(problemsOf(files, environment)).toEqual(says);
  });

  it('lets an account that is off go without its secrets and its KVKK basis', () => {
    const off = account(
      `- id: c\n  adapter: chat-abroad\n  enabled: false\n  name: B\n  settings: {token: "${variable('T')}"}`,
    );
    const { config, problems } = load(folderWith({ 'kapi.yaml': off }), {}, parts);
    expect(problems).toBeUndefined();
    expect(config?.accounts.map(({ id, enabled }) => [id, enabled])).toEqual([
      ['web', true],
      ['c', false],
    ]);
  });

  it('puts secrets of the environment and of files in their places and lists them for the log', () => {
    const lines = account(
      `- {id: a, adapter: email-test, name: A, settings: {address: a@b.example, password: "file:pw.txt"}}\n- {id: b, adapter: email-test, name: B, settings: {address: b@b.example, password: "${variable('PW')}"}}`,
    );
    const { config } = load(
      folderWith({ 'kapi.yaml': lines, 'pw.txt': 'from-a-file\n' }),
      { PW: 'from-env' },
      parts,
    );
    expect(config?.accounts.map(({ settings }) => settings.password)).toEqual([
      undefined,
      'from-a-file',
      'from-env',
    ]);
    expect(config?.secrets).toEqual(['from-a-file', 'from-env']);
  });

  it('says where a whole file is missing', () => {
    const folder = folderWith({});
    rmSync(join(folder, 'units.yaml'));
    expect(load(folder, {}, parts).problems?.map(problemLine)).toEqual([
      `units.yaml expected a readable file, found no such file in ${folder}`,
    ]);
  });

  it('reads the notices as they stand', () => {
    const { config } = load(folderWith({}), {}, parts);
    expect(config?.notices.tr).toBe(readFileSync(join(example, 'notices/kvkk.tr.md'), 'utf8'));
  });
});
