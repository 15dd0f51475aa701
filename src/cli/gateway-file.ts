import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** `$KAPI_DATA/gateway.json`: written by `kapi start`, so that other commands find the running gateway. */
const gatewayFile = z.strictObject({ url: z.url(), pid: z.int().positive() });
export type GatewayFile = z.output<typeof gatewayFile>;

const pathIn = (dataFolder: string) => join(dataFolder, 'gateway.json');

export function writeGatewayFile(dataFolder: string, content: GatewayFile): void {
  const path = pathIn(dataFolder);
  writeFileSync(`${path}.new`, `${JSON.stringify(content)}\n`, { mode: 0o644 });
  renameSync(`${path}.new`, path);
}

/** Removes the file if it is still this process's. */
export function dropGatewayFile(dataFolder: string, pid: number): void {
  if (readGatewayFile(dataFolder)?.pid === pid) rmSync(pathIn(dataFolder), { force: true });
}

function readGatewayFile(dataFolder: string): GatewayFile | undefined {
  try {
    return gatewayFile.safeParse(JSON.parse(readFileSync(pathIn(dataFolder), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** The gateway that runs on this data folder, or undefined: a killed one leaves its file, but no process. */
export function runningGateway(dataFolder: string): GatewayFile | undefined {
  const file = readGatewayFile(dataFolder);
  if (!file) return undefined;
  try {
    process.kill(file.pid, 0);
    return file;
  } catch (thrown) {
    const foreign = thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
    return foreign ? file : undefined;
  }
}
