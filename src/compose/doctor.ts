import { access, constants, statfs } from 'node:fs/promises';
import type { Diagnosis } from '../cli/parts.ts';
import { openDestination } from '../destinations/index.ts';
import { createHttpClient, redactingLogger } from '../platform/index.ts';
import { canFenceNetwork } from '../workers/sandbox.ts';
import { Accounts, type AdapterRegistry } from './accounts.ts';
import type { KapiConfig } from './open.ts';
import { fenceDiagnosis } from './parser-fence.ts';
import { databaseOf } from './store.ts';

interface DoctorOptions {
  readonly config: KapiConfig;
  readonly registry: AdapterRegistry;
  readonly dataFolder: string;
  readonly log: Parameters<typeof redactingLogger>[0];
}

const probeMs = 15_000;
const minFreeBytes = 1024 ** 3;

/** Reaches everything once, without a trace; one sentence each. */
export async function diagnose(options: DoctorOptions): Promise<readonly Diagnosis[]> {
  const { config, registry } = options;
  const http = createHttpClient();
  const log = redactingLogger(options.log, config.secrets);
  const accounts = new Accounts({
    registry,
    http,
    log: (_account, secrets) => redactingLogger(options.log, secrets),
  });
  await accounts.load(config);
  const results = await Promise.all([
    dataFolder(options.dataFolder),
    fenceDiagnosis(canFenceNetwork()),
    judged('store', () => storeOf(config)),
    ...config.accounts.map(({ id, enabled }) =>
      judged(`account ${id}`, async (signal) => {
        if (!enabled) return { ok: true, detail: 'It is switched off.' };
        const running = accounts.running().get(id);
        if (!running) return { ok: true, detail: 'An entrance of our own; it needs nothing from outside.' };
        if (!running.adapter.probe)
          return {
            ok: true,
            detail: 'Its settings are right; this adapter cannot be reached without sending.',
          };
        return running.adapter.probe(running.context(signal));
      }),
    ),
    ...config.destinations.map((destination) =>
      judged(`destination ${destination.id}`, async (signal) => {
        if (!destination.enabled) return { ok: true, detail: 'It is switched off.' };
        const made = openDestination(destination.kind, destination.settings);
        if (!made) return { ok: true, detail: 'A queue of this gateway; readers claim from it.' };
        try {
          return (
            (await made.probe?.({ signal, http, log })) ?? { ok: true, detail: 'Its settings are right.' }
          );
        } finally {
          await made.close?.();
        }
      }),
    ),
  ]);
  http.close();
  return results;
}

/** A probe that throws, or does not come back in time, is an answer too. */
async function judged(
  subject: string,
  probe: (signal: AbortSignal) => Promise<{ readonly ok: boolean; readonly detail: string }>,
): Promise<Diagnosis> {
  const signal = AbortSignal.timeout(probeMs);
  const late = new Promise<{ ok: boolean; detail: string }>((resolve) => {
    signal.addEventListener('abort', () =>
      resolve({
        ok: false,
        detail: `It did not answer within ${probeMs / 1000} seconds. What waits for it is kept and tried again; check its address, the network and the firewall.`,
      }),
    );
  });
  try {
    return { subject, ...(await Promise.race([probe(signal), late])) };
  } catch (error) {
    return { subject, ok: false, detail: error instanceof Error ? error.message : 'It failed.' };
  }
}

/** The embedded store is judged by opening it; of a server its settings can be asked. */
async function storeOf({ store }: KapiConfig): Promise<{ ok: boolean; detail: string }> {
  if (store.engine !== 'postgres') return { ok: true, detail: 'Embedded, in the data folder.' };
  const { judgeServer } = await import('../store/postgres/index.ts');
  return judgeServer(databaseOf(store));
}

async function dataFolder(path: string): Promise<Diagnosis> {
  return judged('data folder', async () => {
    try {
      await access(path, constants.R_OK | constants.W_OK);
    } catch {
      return {
        ok: false,
        detail: `${path} cannot be read and written by this user. The first start makes it; afterwards run as the user the gateway runs as.`,
      };
    }
    const { bavail, bsize } = await statfs(path);
    const free = bavail * bsize;
    const gigabytes = (free / minFreeBytes).toFixed(1);
    return free < minFreeBytes
      ? {
          ok: false,
          detail: `Only ${gigabytes} GiB are free; intake stops when the disk is full. Make room, or move the folder to a larger disk with the gateway stopped.`,
        }
      : { ok: true, detail: `It can be written, and ${gigabytes} GiB are free.` };
  });
}
