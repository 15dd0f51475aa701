import { describe, expect, it } from 'vitest';
import { packagesNamed, wrongArrows } from './arrows.ts';
import { importsOf, read, sourcesBelow } from './sources.ts';

describe('imports', () => {
  it('go only along the arrows of the table', () => {
    const sources = sourcesBelow('src', 'adapters', 'test');
    expect(sources.length).toBeGreaterThan(100);
    expect(wrongArrows(sources)).toEqual([]);
  });

  const planted: readonly {
    readonly path: string;
    readonly text: string;
    readonly found: readonly string[];
  }[] = [
    {
      path: 'src/sealing/seal.ts',
      text: "import { z } from 'zod';\nimport { x } from '../record/index.ts';",
      found: ['zod', 'src/record/index.ts'],
    },
    {
      path: 'src/record/number.ts',
      text: "import '../contract/index.ts';",
      found: ['src/contract/index.ts'],
    },
    {
      path: 'src/store/sqlite/engine.ts',
      text: "import {\n  a,\n  type B,\n} from '../../platform/clock.ts';",
      found: ['src/platform/clock.ts'],
    },
    {
      path: 'src/cli/commands/keys.ts',
      text: "const store = await import('../../store/sqlite/index.ts');",
      found: ['src/store/sqlite/index.ts'],
    },
    {
      path: 'src/intake/accept.ts',
      text: "export * from '../../adapters/sms-twilio/config.ts';",
      found: ['adapters/sms-twilio/config.ts'],
    },
    {
      path: 'adapters/sms-twilio/normalize.ts',
      text: "import { x } from '../email-imap/quote.ts';\nimport { y } from '../../src/http/server.ts';",
      found: ['adapters/email-imap/quote.ts', 'src/http/server.ts'],
    },
    {
      path: 'adapters/sms-twilio/adapter.test.ts',
      text: "import { x } from '../email-imap/quote.ts';",
      found: ['adapters/email-imap/quote.ts'],
    },
    {
      path: 'src/http/server.ts',
      text: "import { gateway } from './testing-gateway.ts';\nimport { testStore } from '@kapi/contract/testing';",
      found: ['src/http/testing-gateway.ts', 'src/contract/testing/index.ts'],
    },
    {
      path: 'adapters/sms-twilio/reply.ts',
      text: "import twilio from 'twilio';\nimport fastify from 'fastify';\nconst x = await import('imapflow');",
      found: ['fastify', 'imapflow'],
    },
    {
      path: 'adapters/sms-unknown/reply.ts',
      text: "import { z } from 'zod';\nimport twilio from 'twilio';",
      found: ['twilio'],
    },
    {
      path: 'src/store/sqlite/engine.ts',
      text: "import Database from 'better-sqlite3';\nimport '@fastify/helmet';",
      found: ['better-sqlite3', '@fastify/helmet'],
    },
    { path: 'src/notify/send.ts', text: "import fastify from 'fastify';", found: ['fastify'] },
    { path: 'src/elsewhere/x.ts', text: "import 'zod';", found: ['zod'] },
    { path: 'src/main.ts', text: "import './store/sqlite/index.ts';", found: ['src/store/sqlite/index.ts'] },
  ];
  it.each(planted)('planted in $path are found', ({ path, text, found }) => {
    const told = wrongArrows([{ path, text }]).map((line) => / → ([^:]+): /.exec(line)?.[1]);
    expect(told).toEqual(found);
  });

  it('name packages that are installed with the gateway, not for its tests alone', () => {
    const {
      dependencies,
      optionalDependencies,
    }: Record<string, Record<string, string>> = JSON.parse(read('package.json'));
    const production = Object.keys({ ...dependencies, ...optionalDependencies });
    expect(packagesNamed.filter((name) => !production.includes(name))).toEqual([]);
  });

  it('in comments and from Node are no arrows', () => {
    const text =
      "/**\n * import { a } from '../store/x.ts'\n */\n// import '../web/x.ts';\nimport 'node:fs';";
    expect(importsOf({ path: 'src/record/x.ts', text })).toEqual(['node:fs']);
    expect(wrongArrows([{ path: 'src/record/x.ts', text }])).toEqual([]);
  });
});
