import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, expect, test } from 'vitest';

/** What the types of `defineAdapter` refuse: each row is compiled as a file of its own, in one program. */

const capable = (
  reply: string,
  emits = 'attachments: false, locations: false, statuses: false, revisions: false',
) => `{
  emits: { ${emits} }, origin: 'signature', senderProof: 'account',
  retries: 'provider', settles: true, abroad: false, reply: ${reply},
}`;
const canReply = (lookup: boolean) =>
  `{ addresses: 'phone', attachments: false, maxCharacters: 160, reports: false, lookup: ${lookup}, idempotent: false }`;
const sends = `send: async () => ({ ref: 'r', warnings: [] })`;
const looksUp = `lookup: async (): Promise<'sent'> => 'sent'`;
const adapter = (capabilities: string, more = '') => `
import { z } from 'zod';
import { defineAdapter } from '../../index.ts';
export const adapter = defineAdapter({
  id: 'x', channels: ['sms'], config: z.strictObject({ token: z.string() }), capabilities: ${capabilities}, sources: [],
  normalize: () => ({ messages: [], statuses: [], ignored: [], failed: [] }), ${more}
});`;

const rows: readonly (readonly [name: string, source: string, refused: boolean])[] = [
  ['nothing to reply, no reply', adapter(capable('false')), false],
  ['a reply capability with reply', adapter(capable(canReply(false)), `reply: { ${sends} }`), false],
  ['lookup declared and there', adapter(capable(canReply(true)), `reply: { ${sends}, ${looksUp} }`), false],
  ['no reply capability, yet a reply', adapter(capable('false'), `reply: { ${sends} }`), true],
  ['a reply capability without reply', adapter(capable(canReply(false))), true],
  ['lookup declared and not there', adapter(capable(canReply(true)), `reply: { ${sends} }`), true],
  ['a capability left unanswered', adapter(capable('false', 'attachments: false')), true],
  ['a channel nobody knows', adapter(capable('false')).replace("['sms']", "['fax']"), true],
  ['a normalize that waits', adapter(capable('false')).replace('normalize: ()', 'normalize: async ()'), true],
  [
    'a verify that reads a field its config lacks',
    adapter(capable('false')).replace(
      'sources: []',
      `sources: [{ kind: 'push', maxBytes: 1, envelopeKey: () => 'k',
        verify: (_request, { config }) => (config.secret === '' ? 'genuine' : 'forged') }]`,
    ),
    true,
  ],
  [
    'a verify that reads a field its config has',
    adapter(capable('false')).replace(
      'sources: []',
      `sources: [{ kind: 'push', maxBytes: 1, envelopeKey: () => 'k',
        verify: (_request, { config }) => (config.token === '' ? 'genuine' : 'forged') }]`,
    ),
    false,
  ],
];

let refusals: ReadonlyMap<string, readonly string[]>;

beforeAll(() => {
  const files = new Map(rows.map(([, source], index) => [pathOf(index), source]));
  const configPath = fileURLToPath(new URL('../../../tsconfig.json', import.meta.url));
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(configPath, ts.sys.readFile).config,
    ts.sys,
    fileURLToPath(new URL('../../..', import.meta.url)),
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, target, ...rest) => {
    const source = files.get(path);
    return source === undefined
      ? getSourceFile(path, target, ...rest)
      : ts.createSourceFile(path, source, target);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  refusals = new Map(
    rows.map(([name], index) => {
      const file = program.getSourceFile(pathOf(index));
      const found = program.getSemanticDiagnostics(file).concat(program.getSyntacticDiagnostics(file));
      return [name, found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))];
    }),
  );
});

test.each(rows)('%s', (name, _source, refused) => {
  const found = refusals.get(name) ?? [];
  if (refused) expect(found).not.toEqual([]);
  else expect(found).toEqual([]);
});

function pathOf(index: number): string {
  return fileURLToPath(new URL(`./adapter/compiled-row-${index}.ts`, import.meta.url));
}
