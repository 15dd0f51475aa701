import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { dropGatewayFile, writeGatewayFile } from '../gateway-file.ts';
import type { Running } from '../parts.ts';

/** A terminal and a parent process may both pass on one Ctrl-C. */
const sameSignalMs = 1000;
const stopSignals = ['SIGINT', 'SIGTERM'] as const;

/** Runs until a stop signal or a fault that must not be outlived. A second signal, a second later, ends it at once. */
export async function start({ parts, output }: Context, self: NodeJS.Process = process): Promise<number> {
  const { dataFolder } = parts.environment;
  const running = await parts.start();
  // Before anybody is told of this process: a stop signal from then on is a wish, not the end.
  const stopAsked = signalled(self);
  writeGatewayFile(dataFolder, { url: running.url, pid: self.pid });
  try {
    output.result({ url: running.url, pid: self.pid, adminKeyFile: running.adminKey.path }, () =>
      welcome(running),
    );
    const fault = await Promise.race([stopAsked, running.ended]);
    if (fault !== undefined) {
      output.problem(`Kapı stopped itself: ${fault}`);
      return exitCodes.fault.code;
    }
    const asked = performance.now();
    const hurry = () => {
      if (performance.now() - asked > sameSignalMs) self.exit(exitCodes.fault.code);
    };
    for (const name of stopSignals) self.on(name, hurry);
    output.say('Closing; what is in flight is finished first.');
    await running.stop();
    for (const name of stopSignals) self.off(name, hurry);
    return exitCodes.done.code;
  } finally {
    dropGatewayFile(dataFolder, self.pid);
  }
}

function signalled(self: NodeJS.Process): Promise<undefined> {
  return new Promise((resolve) => {
    const end = () => {
      for (const name of stopSignals) self.off(name, end);
      resolve(undefined);
    };
    for (const name of stopSignals) self.on(name, end);
  });
}

function welcome({ url, adminKey, remarks }: Running): string {
  const made = adminKey.created ? ' (made now; only you can read it)' : '';
  return [
    `Kapı is open at ${url}`,
    `  citizen form   ${url}/`,
    `  API            ${url}/docs`,
    `  admin key      ${adminKey.path}${made}`,
    ...remarks,
  ].join('\n');
}
