import { z } from 'zod';

/** What a server says about itself, and what its monitoring page says about its disk. */
export interface NatsPromise {
  readonly version: string;
  readonly serverId: string;
  /** One answer of each monitoring page; undefined where it did not answer. */
  readonly monitors: readonly (NatsMonitor | undefined)[];
}

export interface NatsMonitor {
  readonly serverId: string;
  /** Every message is synced to the disk before it is acknowledged. */
  readonly syncAlways: boolean;
}

/**
 * First version without a known loss of acknowledged messages in a power cut or a killed process, given
 * that it syncs always (Jepsen, NATS 2.12.1, 2025-12; whole streams lost before 2.10.23).
 */
const firstSound = [2, 12, 3] as const;

/** Why an acknowledgement of this server may be lost with its power; undefined where nothing speaks for it. */
export function doubtOf({ version, serverId, monitors }: NatsPromise): string | undefined {
  if (isOlder(version))
    return `NATS ${version} may lose acknowledged messages, ${firstSound.join('.')} is the first that need not`;
  if (monitors.length === 0)
    return 'whether the server syncs before it acknowledges is not known without monitorUrls';
  if (monitors.includes(undefined))
    return 'a page of monitorUrls did not answer as /varz of a NATS server does';
  if (!monitors.some((monitor) => monitor?.serverId === serverId))
    return 'the connected server is not among those of monitorUrls';
  return monitors.every((monitor) => monitor?.syncAlways)
    ? undefined
    : 'a server acknowledges before it syncs, «sync_interval: always» is not set';
}

function isOlder(version: string): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (!parts) return true;
  for (const [at, least] of firstSound.entries()) {
    const part = parts[at] ?? 0;
    if (part !== least) return part < least;
  }
  return false;
}

const varz = z.looseObject({
  server_id: z.string(),
  jetstream: z
    .looseObject({ config: z.looseObject({ sync_always: z.boolean().optional() }).optional() })
    .optional(),
});

const monitorMs = 5_000;

/** Reads `/varz` of a server's monitoring port; undefined where it does not answer as one. */
export async function readMonitor(url: string, signal: AbortSignal): Promise<NatsMonitor | undefined> {
  try {
    const answer = await fetch(new URL('/varz', url), {
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(monitorMs)]),
    });
    const { server_id, jetstream } = varz.parse(await answer.json());
    return { serverId: server_id, syncAlways: jetstream?.config?.sync_always === true };
  } catch {
    return undefined;
  }
}
