import { execFile } from 'node:child_process';

/** What systemd is told, by `sd_notify` (https://www.freedesktop.org/software/systemd/man/sd_notify.html). */
export type SupervisorWord = 'READY=1' | 'STOPPING=1' | 'WATCHDOG=1';

export interface Supervisor {
  /** Within this time it wants to hear `WATCHDOG=1`, or ends the process; absent: it does not watch. */
  readonly watchdogMs?: number;
  /** Never throws: whoever does not hear of it decides what that means. Resolves when it was taken. */
  tell(word: SupervisorWord): Promise<boolean>;
}

/**
 * The systemd that started this process, or undefined. Its socket takes datagrams, which Node cannot
 * send, so its own `systemd-notify` does; the unit therefore says `NotifyAccess=all`.
 */
export function supervisorOf(variables: NodeJS.ProcessEnv): Supervisor | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, PATH } = variables;
  if (!NOTIFY_SOCKET) return undefined;
  const watchdogMs = Number(WATCHDOG_USEC ?? 0) / 1000;
  return {
    ...(watchdogMs > 0 && { watchdogMs }),
    tell: (word) =>
      new Promise((resolve) => {
        const env = { NOTIFY_SOCKET, PATH };
        execFile('systemd-notify', [word], { env, timeout: 5_000 }, (error) => resolve(error === null));
      }),
  };
}
