import { access, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Store, scopes } from '@kapi/contract';
import { failpoint } from '../contract/failpoint.ts';
import { newKey } from '../intake/operations.ts';

/**
 * The first start writes a key that may do everything, without rate limit, to `admin.key` (mode 0600).
 * It is durable in the store before the file takes its name, so a file that exists always works.
 */
export async function ensureAdminKey(
  store: Pick<Store, 'pipeline'>,
  dataFolder: string,
  now: number,
): Promise<{ readonly path: string; readonly created: boolean }> {
  const path = join(dataFolder, 'admin.key');
  if (await exists(path)) return { path, created: false };
  const wish = { name: 'admin', scopes: [...scopes], rateLimited: false };
  const { id, key, change } = newKey(wish, now);
  await writeFile(`${path}.new`, `${key}\n`, { mode: 0o600, flush: true });
  await store.pipeline.save([
    {
      changes: [
        change,
        { do: 'audit', at: now, actor: 'start', action: 'create-key', subject: id, detail: 'admin' },
      ],
    },
  ]);
  failpoint('before-admin-key-rename');
  await rename(`${path}.new`, path);
  return { path, created: true };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
