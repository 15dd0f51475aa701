import { calls } from './corpus/calls.ts';
import { deskMessages } from './corpus/desks.ts';
import { letters } from './corpus/letters.ts';
import type { ApiMessage, DemoMessage } from './corpus/message.ts';
import { shortMessages } from './corpus/sms.ts';
import { socialMessages } from './corpus/social.ts';
import { webMessages } from './corpus/web.ts';

/** What citizens say in the hour, by the door they use. */
export interface Hour {
  readonly calls: readonly DemoMessage[];
  readonly web: readonly DemoMessage[];
  readonly sms: readonly DemoMessage[];
  /** What other software hands in: desks, letters, social media. */
  readonly software: readonly (readonly ApiMessage[])[];
}

export const wholeHour: Hour = {
  calls,
  web: webMessages,
  sms: shortMessages,
  software: [deskMessages, letters, socialMessages],
};
