import { manualClock } from '@kapi/contract/testing';
import { expect, it } from 'vitest';
import { RefusedCalls } from './refused-calls.ts';

const minuteMs = 60_000;
const body = Buffer.from('forged');

function book() {
  const clock = manualClock();
  const lines: Record<string, unknown>[] = [];
  const silent = () => undefined;
  const log = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (line: object) => void lines.push({ ...line }),
  };
  const calls = new RefusedCalls();
  const note = (account: string, verdict: 'forged' | 'stale' = 'forged') =>
    calls.note({ clock, log }, { adapter: 'chat', account, verdict, body });
  return { clock, lines, note };
}

it('says the first refused call at once, and of a flood how many more there were, once a minute', async () => {
  const { clock, lines, note } = book();
  for (let n = 0; n < 1000; n++) note('chat');
  expect(lines).toEqual([
    {
      adapter: 'chat',
      account: 'chat',
      verdict: 'forged',
      bytes: 6,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      unsaid: 0,
    },
  ]);
  await clock.advance(minuteMs);
  for (let n = 0; n < 1000; n++) note('chat');
  expect(lines.map(({ unsaid }) => unsaid)).toEqual([0, 999]);
});

it('does not let the flood at one account hide the first call at another, nor forged calls stale ones', () => {
  const { lines, note } = book();
  for (let n = 0; n < 3; n++) note('chat');
  note('sms');
  note('chat', 'stale');
  expect(lines.map(({ account, verdict }) => [account, verdict])).toEqual([
    ['chat', 'forged'],
    ['sms', 'forged'],
    ['chat', 'stale'],
  ]);
});
