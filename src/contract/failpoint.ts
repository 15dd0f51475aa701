/**
 * Named crash points for tests: with NODE_ENV=test and `KAPI_FAILPOINT=name:n` the process kills
 * itself, as a power cut would, when it passes that point for the nth time. Otherwise nothing.
 */
const [wanted, nth] =
  process.env.NODE_ENV === 'test' ? (process.env.KAPI_FAILPOINT ?? '').split(':') : [undefined, undefined];
let left = Number(nth ?? 1);

/** Every point there is; a test crashes at each. */
export const failpoints = [
  // the store, around one synced commit
  'before-commit',
  'after-commit-before-reply',
  'mid-group',
  // a blob on its way to its name
  'before-rename',
  'after-rename',
  // a stage between its claim and its save
  'after-claim',
  // a mail committed, and not yet marked in its mailbox
  'before-mark',
  // an event that its destination has taken, and no row that says so
  'after-send-before-mark',
  // a notice committed as being sent, and one that the provider has taken
  'before-notice-send',
  'after-notice-send',
] as const;
export type Failpoint = (typeof failpoints)[number];

export function failpoint(name: Failpoint): void {
  if (name !== wanted) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}
