import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { supervisorOf } from './supervisor.ts';

it('is told as the shipped unit expects it', async () => {
  const unit = await readFile(join(import.meta.dirname, '../../docs/kapi.service'), 'utf8');
  // Without NotifyAccess=all systemd drops what a process other than the gateway's own says.
  for (const line of ['Type=notify', 'NotifyAccess=all', 'WatchdogSec=15', 'LimitCORE=0'])
    expect(unit.split('\n')).toContain(line);
});

describe('the supervisor', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kapi-notify-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Stands for systemd-notify: writes down what it was told, and by which socket. */
  async function notifier(exit = 0): Promise<NodeJS.ProcessEnv> {
    const script = `#!/bin/sh\necho "$NOTIFY_SOCKET $* \${KAPI_SEALING_KEY-}" >> '${folder}/told'\nexit ${exit}\n`;
    await writeFile(join(folder, 'systemd-notify'), script);
    await chmod(join(folder, 'systemd-notify'), 0o755);
    return {
      PATH: `${folder}:${process.env.PATH}`,
      NOTIFY_SOCKET: '/run/systemd/notify',
      WATCHDOG_USEC: '15000000',
      KAPI_SEALING_KEY: 'gizli',
    };
  }

  it('is none where nobody asked to be told', () => {
    expect(supervisorOf({ PATH: '/bin' })).toBeUndefined();
  });

  it('is told by systemd-notify, which sees no secret of ours', async () => {
    const supervisor = supervisorOf(await notifier());
    expect(supervisor?.watchdogMs).toBe(15_000);
    expect(await supervisor?.tell('READY=1')).toBe(true);
    expect(await supervisor?.tell('WATCHDOG=1')).toBe(true);
    expect(await readFile(join(folder, 'told'), 'utf8')).toBe(
      '/run/systemd/notify READY=1 \n/run/systemd/notify WATCHDOG=1 \n',
    );
  });

  it('says when it could not be told', async () => {
    expect(await supervisorOf(await notifier(1))?.tell('READY=1')).toBe(false);
    expect(await supervisorOf({ NOTIFY_SOCKET: '/x', PATH: folder })?.tell('READY=1')).toBe(false);
  });

  it('does not watch where the unit has no WatchdogSec', () => {
    expect(supervisorOf({ NOTIFY_SOCKET: '/x' })).not.toHaveProperty('watchdogMs');
  });
});
