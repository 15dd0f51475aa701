/**
 * Named crash points for tests: with NODE_ENV=test and `KAPI_FAILPOINT=name:n` the process kills
 * itself, as a power cut would, when it passes that point for the nth time. Otherwise nothing.
 */
const [wanted, nth] =
  process.env.NODE_ENV === 'test' ? (process.env.KAPI_FAILPOINT ?? '').split(':') : [undefined, undefined];
let left = Number(nth ?? 1);

/** Every point there is, in the order of a message's way; a test crashes at each. */
export const failpoints = [
  // the first start on a folder: its keys written, its schema half made, its first API key without a name
  'keys-written',
  'mid-migration',
  'before-admin-key-rename',
  // the store, around one synced commit
  'group-begun',
  'mid-group',
  'before-commit',
  'after-commit-before-reply',
  // a blob on its way to its name, and named before any row knows it
  'before-rename',
  'after-rename',
  'after-blob-before-row',
  // committed, and nobody has been told so
  'before-entrance-answer',
  'before-push-answer',
  'before-upload-answer',
  // a batch of a mailbox: committed and not yet marked, being marked, and marked
  'before-mark',
  'mid-mark',
  'after-mark',
  // a stage: rows leased, worked out and not yet saved (what it fetched or told is out), saved
  'read-claimed',
  'read-processed',
  'read-saved',
  'fetch-claimed',
  'fetch-processed',
  'fetch-saved',
  'assemble-claimed',
  'assemble-processed',
  'assemble-saved',
  'timer-claimed',
  'timer-processed',
  'timer-saved',
  // an event leased, taken by its destination with no row that says so, and marked
  'forward-claimed',
  'after-send-before-mark',
  'forward-marked',
  // a reader's claim and its acknowledgement, committed and not yet answered
  'before-claim-answer',
  'before-ack-answer',
  // a notice leased, committed as being sent, taken by the provider, and committed as sent
  'notify-claimed',
  'before-notice-send',
  'after-notice-send',
  'notify-saved',
  // alarms on their way to their file
  'before-alarms-rename',
  // an erasure: half of its rows, and committed while the log still holds what was erased
  'mid-erase',
  'erased-before-log-cut',
  // a rotation: the new key in the key file and on no row, and on some rows
  'before-rewrap',
  'mid-rewrap',
] as const;
export type Failpoint = (typeof failpoints)[number];

export function failpoint(name: Failpoint): void {
  if (name !== wanted) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}
