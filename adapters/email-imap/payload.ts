import { type Part, PayloadError } from '@kapi/contract';
import { z } from 'zod';

/** Key of the part that holds the parsed mail. */
export const mailPart = 'mail';

/** What `parse.ts` makes of a mail, as it is stored and read back. */
export const parsedMail = z.object({
  /** Text a person reads: the plain body, or the HTML body as text. */
  text: z.string(),
  from: z.enum(['plain', 'html', 'none']),
  calendarMethod: z.string().optional(),
  /** Machine-readable bodies of a multipart/report. */
  reports: z.array(z.object({ type: z.string(), text: z.string() })),
  /** Message-ID of the mail a report returns. */
  returnedMessageId: z.string().optional(),
  /** Mails inside this mail. */
  nested: z.array(z.object({ from: z.string(), subject: z.string(), date: z.string(), text: z.string() })),
  attachments: z.array(
    z.object({
      part: z.string(),
      name: z.string(),
      mediaType: z.string(),
      bytes: z.number(),
      inline: z.boolean(),
    }),
  ),
  warnings: z.array(z.string()),
});
export type ParsedMail = z.output<typeof parsedMail>;

/** The parsed mail among the parts; undefined where the parser ended without a result. */
export function parsedMailOf(parts: readonly Part[]): ParsedMail | undefined {
  const part = parts.find((candidate) => candidate.key === mailPart);
  if (part?.state !== 'stored' || part.value === undefined) return undefined;
  const read = parsedMail.safeParse(part.value);
  if (!read.success)
    throw new PayloadError('payload_unreadable', 'The stored result of the mail parser has another shape');
  return read.data;
}
