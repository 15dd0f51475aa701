import { kindOfError } from '@kapi/contract';

/** How a command ended, for scripts; the README and `kapi --help` print this table. */
export const exitCodes = {
  done: { code: 0, meaning: 'done' },
  refused: { code: 1, meaning: 'refused, or something was found wrong; the answer says what' },
  usage: { code: 2, meaning: 'the command line was wrong' },
  config: { code: 3, meaning: 'the configuration or the data folder does not allow it' },
  unavailable: { code: 4, meaning: 'not now: gateway, account or destination did not answer; try again' },
  fault: { code: 70, meaning: 'a fault of Kapı' },
} as const;

/** The exit code that a thrown value means. */
export function exitCodeOf(thrown: unknown): number {
  switch (kindOfError(thrown)) {
    case 'refused':
    case 'payload':
    case 'rejected':
      return exitCodes.refused.code;
    case 'config':
      return exitCodes.config.code;
    case 'transient':
      return exitCodes.unavailable.code;
    case 'bug':
      return exitCodes.fault.code;
  }
}
