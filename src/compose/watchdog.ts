import { monitorEventLoopDelay } from 'node:perf_hooks';
import { codeOf, type Logger, type Timers } from '@kapi/contract';
import type { Supervisor } from '../platform/index.ts';

/** The longest the event loop may have been held up since the last beat. */
const longestLagMs = 1_000;

interface Pulse {
  /** The longest hold-up of the event loop since the last asking. */
  lagMs(): number;
  /** Resolves when the store has answered a write. */
  write(): Promise<void>;
}

/**
 * One beat: whether the process is well enough to be left alone. A write that is refused is an answer,
 * as on a full disk: a new start makes no room. A write that hangs never answers, and so no beat follows.
 */
export async function isWell({ lagMs, write }: Pulse): Promise<boolean> {
  if (lagMs() >= longestLagMs) return false;
  try {
    await write();
    return true;
  } catch (error) {
    return codeOf(error) === 'store_unavailable';
  }
}

/** Tells the supervisor that the gateway is ready and then, three times in its patience, that it is well. */
export function startWatchdog(supervisor: Supervisor, pulse: Pulse, log: Logger): { stop(): Promise<void> } {
  const { watchdogMs } = supervisor;
  let beating = false;
  async function beat(): Promise<void> {
    if (beating) return;
    beating = true;
    const well = await isWell(pulse);
    if (!well || !(await supervisor.tell('WATCHDOG=1'))) log.warn({ well }, 'the watchdog was not told');
    beating = false;
  }
  void supervisor.tell('READY=1').then((told) => {
    if (!told) log.error({}, 'systemd was not told that the gateway is ready: is systemd-notify there?');
  });
  const timer = watchdogMs === undefined ? undefined : setInterval(() => void beat(), watchdogMs / 3);
  timer?.unref();
  return {
    async stop() {
      clearInterval(timer);
      await supervisor.tell('STOPPING=1');
    },
  };
}

/** The pulse of this process and of its store: a lease that is renewed is a row that is written and synced. */
export function pulseOf(timers: Pick<Timers, 'hold'>, holder: string, now: () => number): Pulse {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  return {
    lagMs() {
      const lagMs = delay.max / 1e6;
      delay.reset();
      return lagMs;
    },
    async write() {
      await timers.hold('watchdog', holder, 60_000, now());
    },
  };
}
