import { appendFileSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/** What a client did and heard, in its order; kept in a file that no fault reaches. */
const fact = z.discriminatedUnion('what', [
  z.object({ what: z.literal('intent'), marker: z.string(), at: z.number() }),
  z.object({
    what: z.literal('ack'),
    marker: z.string(),
    at: z.number(),
    /** When the acknowledged request was sent. */
    sentAt: z.number(),
    status: z.number(),
    /** Where the answer gave one. */
    number: z.string().optional(),
  }),
  z.object({
    what: z.literal('refused'),
    marker: z.string(),
    at: z.number(),
    sentAt: z.number(),
    status: z.number(),
  }),
  z.object({ what: z.literal('broken'), marker: z.string(), at: z.number(), sentAt: z.number() }),
]);
export type Fact = z.output<typeof fact>;

export interface History {
  note(fact: Fact): void;
  read(): readonly Fact[];
}

export function openHistory(path: string): History {
  return {
    note: (one) => appendFileSync(path, `${JSON.stringify(one)}\n`),
    read: () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => fact.parse(JSON.parse(line))),
  };
}
