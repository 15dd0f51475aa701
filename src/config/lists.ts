import { z } from 'zod';
import { idSchema } from './schema.ts';

/** The lists beside `kapi.yaml`: units, topics, routes, words. */

const id = idSchema.describe('Stands in records, routes and reports; never reused');
const name = (text: string) => z.string().trim().min(1).describe(text);
const reach = {
  email: z.email().optional().describe('Where a unit destination may write to'),
  phone: z.string().trim().min(3).optional().describe('As printed; for clerks'),
};

export const unitsSchema = z
  .strictObject({
    units: z
      .array(
        z.strictObject({
          id,
          name: name('Directorate as the organisation chart has it'),
          ...reach,
        }),
      )
      .min(1)
      .describe('Directorates of this institution'),
    districts: z
      .array(
        z.strictObject({
          id,
          name: name('District'),
          aliases: z.array(z.string()).default([]).describe('Other ways it is written'),
          institution: name('Municipality of the district'),
          address: name('Postal address of its town hall'),
          ...reach,
        }),
      )
      .default([])
      .describe('District municipalities'),
    districtUnits: z
      .array(z.strictObject({ id, name: name('Directorate that every district has') }))
      .default([])
      .describe('Directorates of a district municipality; topics name them'),
    partners: z
      .array(
        z.strictObject({
          id,
          name: name('Institution'),
          kind: z
            .enum(['affiliate', 'external'])
            .describe('Ours (water, transport) or another’s (power, roads)'),
          ...reach,
        }),
      )
      .default([])
      .describe('Other institutions that matters are passed to'),
  })
  .describe('units.yaml');
export type Units = z.output<typeof unitsSchema>;

/** Who may own a matter; `road-class`: the metropolitan body on main roads and regional facilities, else the district. */
export const topicOwners = ['metropolitan', 'district', 'road-class', 'affiliate', 'external'] as const;

export const topicsSchema = z
  .strictObject({
    topics: z
      .array(
        z.strictObject({
          code: z
            .string()
            .regex(/^[A-Z]{2}\d{2}$/, { error: 'two capital letters and two digits, such as SU01' })
            .describe('Stands in records and reports; never reused for another matter'),
          name: name('As clerks and citizens read it'),
          area: name('Activity area it is reported under'),
          owners: z
            .array(z.enum(topicOwners))
            .min(1)
            .describe('Likely owner first; where there are several a person decides'),
          unit: idSchema.optional().describe('Unit or partner on our side'),
          otherUnits: z.array(idSchema).default([]).describe('Further units or partners that may be meant'),
          districtUnit: idSchema.optional().describe('Directorate in the district municipality'),
          confidential: z.boolean().default(false).describe('On: seen by coordination alone'),
          stems: z
            .array(z.string().regex(/^[a-z0-9 -]+$/, { error: 'lower-case ASCII, as after folding' }))
            .min(1)
            .describe('Beginnings of words that speak for it, folded: lower case, no diacritics'),
        }),
      )
      .min(1)
      .describe('What citizens write about'),
  })
  .describe('topics.yaml');
export type Topics = z.output<typeof topicsSchema>;

export const routesSchema = z
  .strictObject({
    rules: z
      .array(
        z.strictObject({
          id,
          topics: z.array(z.string()).min(1).describe('Topic codes'),
          unit: idSchema.describe('Unit, district or partner the record goes to besides coordination'),
          mode: z
            .enum(['proposal', 'automatic'])
            .default('proposal')
            .describe('`proposal`: coordination confirms; `automatic`: sent at once'),
        }),
      )
      .default([])
      .describe('Read in order; the first that fits wins'),
  })
  .describe('routes.yaml');
export type Routes = z.output<typeof routesSchema>;

const words = (text: string) => z.array(z.string().trim().min(1)).default([]).describe(text);

/** Beginnings of words in any language, one or several side by side; case and Turkish diacritics do not matter. */
export const wordsSchema = z
  .strictObject({
    emergency: words('Words, phrases or pictures that make a message an emergency'),
    notEmergency: words('Phrases in which a word of `emergency` means something else'),
    greetings: words('A message of such words alone is a greeting, not a case'),
    applause: words('A message of such words and pictures alone is applause, not a case'),
    spam: words(
      'A message with two of these phrases, or one and a link, is spam, not a case; never where it names one of `matters`',
    ),
    matters: words('Words of a town’s matters'),
  })
  .describe('words.yaml');
export type Words = z.output<typeof wordsSchema>;
