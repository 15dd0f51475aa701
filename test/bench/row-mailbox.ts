import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { ImapFlow } from 'imapflow';
import { openHome } from '../faults/harness/gateway.ts';
import { type Dovecot, missingDovecot, startDovecot } from '../support/dovecot.ts';
import { processorMicros, residentMiB, runChild } from './child.ts';
import { Client } from './client.ts';
import { type Line, ratio, whole } from './figures.ts';
import { mailOf } from './mails.ts';
import type { Scale } from './scale.ts';

interface Alone {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly bytes: number;
}

const parseAlone = async (count: number): Promise<Alone> =>
  JSON.parse(await runChild([join(import.meta.dirname, 'parse-alone.ts'), String(count)]));

/**
 * A full mailbox in Dovecot, taken in by a gateway that starts with nothing: fetched, committed and synced,
 * marked as seen, parsed in child processes, read, and in the queue. Before and after, the same mails through
 * mailparser alone, on one core, from memory.
 */
export async function mailboxRow({ mails }: Scale): Promise<Line[]> {
  const missing = missingDovecot();
  if (missing !== undefined) return [{ what: 'not measured', found: missing }];
  const dovecot = await startDovecot();
  const home = openHome({
    mailbox: { port: dovecot.port, user: dovecot.user, password: dovecot.password },
  });
  try {
    await fill(dovecot, mails);
    const before = await parseAlone(mails);
    const run = await home.start({ environment: { NODE_ENV: 'production' } });
    const from = performance.now();
    const client = new Client(run.url, run.key);
    let arrived = 0;
    for (let still = 0; arrived < mails; ) {
      await after(200);
      const now = await client.waiting();
      still = now === arrived ? still + 1 : 0;
      arrived = now;
      if (still > 300)
        throw new Error(`${arrived} of ${mails} mails became records, then nothing for a minute`);
    }
    const seconds = (performance.now() - from) / 1000;
    const cpuSeconds = processorMicros(run.pid) / 1e6 + childrenCpuSeconds(run.pid);
    const memory = residentMiB(run.pid).highest;
    client.close();
    await run.stop();
    const later = await parseAlone(mails);
    const alone = (before.seconds + later.seconds) / 2;
    const share = alone / seconds;
    return [
      {
        what: `${whole(mails)} mails, ${whole(before.bytes / 2 ** 20)} MiB: gateway`,
        found: `${whole(mails / seconds)}/s, ${seconds.toFixed(1)} s; processor ${cpuSeconds.toFixed(1)} s with its parsers, ${whole(memory)} MiB at most`,
      },
      {
        what: 'mailparser alone, before and after',
        found: `${whole(mails / before.seconds)}/s and ${whole(mails / later.seconds)}/s; processor ${before.cpuSeconds.toFixed(1)} s and ${later.cpuSeconds.toFixed(1)} s`,
      },
      { what: 'gateway ÷ mailparser alone', found: ratio(share), budget: '≥ 0.7', met: share >= 0.7 },
    ];
  } finally {
    await home.close();
    await dovecot.stop();
  }
}

/** Over a few connections at once: one alone waits for a sync of each mail. */
async function fill({ port, user, password }: Dovecot, count: number): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      const client = new ImapFlow({
        host: '127.0.0.1',
        port,
        secure: false,
        doSTARTTLS: false,
        auth: { user, pass: password },
        logger: false,
      });
      await client.connect();
      for (let n = next++; n < count; n = next++) await client.append('INBOX', await mailOf(n));
      await client.logout();
    }),
  );
}

/** Processor time of the living children of a process. */
function childrenCpuSeconds(pid: number): number {
  try {
    const tasks = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return tasks.filter(Boolean).reduce((sum, child) => sum + processorMicros(Number(child)) / 1e6, 0);
  } catch {
    return Number.NaN;
  }
}
