import { type Channel, toEpoch } from '@kapi/contract';
import type { Said } from './to-record.ts';

/**
 * Channels on which the institution hears a message when it is said: a clerk, a team or an exchange takes it
 * down, or a platform has it and says when. What another institution took, or a citizen's own device dates
 * (`web`, `open311` …), is heard when it reaches us.
 */
const heardAsSaid: ReadonlySet<Channel> = new Set([
  'phone',
  'switchboard',
  'mayor_call',
  'front_desk',
  'mobile_team',
  'neighbourhood_meeting',
  'idea_box',
  'private_office',
  'petition',
  'email',
  'kep',
  'sms',
  'whatsapp',
  'facebook',
  'instagram',
  'x',
  'telegram',
]);

/** An earlier time is believed this far back; what claims more has a wrong clock, or is history taken over. */
const farthestBackMs = 30 * 86_400_000;

/**
 * Moment (epoch ms) the institution first heard a message, from which the 48-hour promise runs: the mailbox's
 * or gateway's own time where the adapter knows it, else when it was said where the channel allows that; never
 * later than it reached us, and not more than thirty days earlier: then it counts as heard when it reached us.
 * Pure.
 */
export function firstHeardAt({
  content,
  saidAt,
  receivedAt,
}: Pick<Said, 'content' | 'saidAt' | 'receivedAt'>): number {
  const claimed =
    content.heardAt !== undefined
      ? toEpoch(content.heardAt)
      : heardAsSaid.has(content.channel)
        ? saidAt
        : receivedAt;
  return claimed <= receivedAt && claimed >= receivedAt - farthestBackMs ? claimed : receivedAt;
}
