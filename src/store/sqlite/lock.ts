import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigError } from '@kapi/contract';

/** `f_type` of network file systems (statfs(2)): their locks and syncs do not hold what the store promises. */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9p'],
]);

/** @throws ConfigError `config_invalid` */
export function refuseNetworkFileSystem(dataDir: string, type = statfsSync(dataDir).type): void {
  const found = networkFileSystems.get(type >>> 0);
  if (found)
    throw new ConfigError(
      'config_invalid',
      `The data folder must be on a local disk; found ${found}. Set KAPI_DATA to a local folder.`,
    );
}

/**
 * Holds the data folder for this process: an exclusive transaction on a file of its own, which the
 * system lets go with the process however it ends.
 * @throws ConfigError `data_locked`
 */
export function lockDataFolder(dataDir: string): () => void {
  const lock = new DatabaseSync(join(dataDir, 'lock'), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new ConfigError(
      'data_locked',
      `Another process holds the data folder ${dataDir}: a gateway that is starting or stopping, or another command. Try again when it is done.`,
      { cause },
    );
  }
  return () => lock.close();
}
