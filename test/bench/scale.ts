/** How long and how much; `--quick` keeps the whole bench within three minutes. */
export interface Scale {
  /** Turns of each target in the comparison. */
  readonly rounds: number;
  readonly loadSeconds: number;
  /** Before the comparison, so that each target runs compiled code. */
  readonly warmSeconds: number;
  /** Steady traffic of the latency row. */
  readonly steadySeconds: number;
  readonly sustainedSeconds: number;
  /** Records waiting in the large store. */
  readonly waiting: number;
  readonly emergencies: number;
  readonly starts: number;
  /** In the mailbox. */
  readonly mails: number;
}

export const full: Scale = {
  rounds: 7,
  loadSeconds: 5,
  warmSeconds: 15,
  steadySeconds: 30,
  sustainedSeconds: 30,
  waiting: 1_000_000,
  emergencies: 50,
  starts: 5,
  mails: 10_000,
};
export const quick: Scale = {
  rounds: 5,
  loadSeconds: 1,
  warmSeconds: 4,
  steadySeconds: 6,
  sustainedSeconds: 6,
  waiting: 100_000,
  emergencies: 20,
  starts: 3,
  mails: 1_000,
};
