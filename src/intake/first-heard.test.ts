import type { Channel } from '@kapi/contract';
import { expect, it } from 'vitest';
import { firstHeardAt } from './first-heard.ts';
import { noon, sampleMessage } from './testing/samples.ts';

const hour = 3600_000;
const day = 24 * hour;

it.each<[name: string, channel: Channel, saidAgo: number, heardAgo: number | undefined, startsAgo: number]>([
  ['what a clerk took down six days ago', 'phone', 6 * day, undefined, 6 * day],
  ['what a team heard this morning, without a network', 'mobile_team', 5 * hour, undefined, 5 * hour],
  ['what was said at the desk', 'front_desk', hour, undefined, hour],
  ['what an SMS gateway had while we were down', 'sms', 7 * hour, undefined, 7 * hour],
  ['a mail that waited in the mailbox, by the mailbox’s clock', 'email', 9 * day, 2 * day, 2 * day],
  ['a mail whose sender’s clock is ahead', 'email', -3 * day, 2 * day, 2 * day],
  ['a mail the mailbox dates in the future', 'email', hour, -hour, 0],
  ['what the citizen’s own device dates', 'web', 6 * day, undefined, 0],
  ['what another institution took', 'cimer', 6 * day, undefined, 0],
  ['what is said now', 'phone', 0, undefined, 0],
  ['a call dated in the future', 'phone', -day, undefined, 0],
  ['thirty days ago', 'phone', 30 * day, undefined, 30 * day],
  ['more than thirty days ago: a wrong clock, or history', 'phone', 30 * day + 1, undefined, 0],
  ['a mailbox that knows no date', 'email', hour, noon, 0],
])('the clock of %s', (_name, channel, saidAgo, heardAgo, startsAgo) => {
  const content = sampleMessage({
    channel,
    ...(heardAgo !== undefined && { heardAt: new Date(noon - heardAgo).toISOString() }),
  });
  expect(noon - firstHeardAt({ content, saidAt: noon - saidAgo, receivedAt: noon })).toBe(startsAgo);
});
