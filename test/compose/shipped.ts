import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type ApiClient, createApiClient } from '../../src/cli/api-client.ts';
import { dropGatewayFile, writeGatewayFile } from '../../src/cli/gateway-file.ts';
import { run } from '../../src/cli/index.ts';
import type { CliParts, Running } from '../../src/cli/parts.ts';
import { compose } from '../../src/compose.ts';
import { root } from '../architecture/sources.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The whole gateway on the shipped configuration and an empty data folder, as an operator has it. */
export interface Shipped {
  readonly dataFolder: string;
  readonly client: ApiClient;
  /** One command line, beside the gateway while it runs and on its data once it is stopped. */
  kapi(...argv: readonly string[]): Promise<Said>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

export async function startShipped(variables: Readonly<Record<string, string>> = {}): Promise<Shipped> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'kapi-shipped-'));
  const parts: CliParts = compose({
    KAPI_CONFIG: join(root, 'config'),
    KAPI_DATA: dataFolder,
    KAPI_PORT: '0',
    KAPI_LOG: 'silent',
    ...variables,
  });
  let running: Running | undefined = await parts.start();
  writeGatewayFile(dataFolder, { url: running.url, pid: process.pid });
  const key = (await readFile(running.adminKey.path, 'utf8')).trim();

  async function stop(): Promise<void> {
    dropGatewayFile(dataFolder, process.pid);
    await running?.stop();
    running = undefined;
  }

  return {
    dataFolder,
    client: createApiClient(running.url, key),
    async kapi(...argv) {
      const said = { out: '', err: '' };
      const stream = (name: 'out' | 'err') =>
        new Writable({
          write(chunk, _encoding, done) {
            said[name] += String(chunk);
            done();
          },
        });
      return { code: await run(argv, () => parts, { out: stream('out'), err: stream('err') }), ...said };
    },
    stop,
    async close() {
      await stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
