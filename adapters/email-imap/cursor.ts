import { z } from 'zod';

/** How far each folder has been read. Opaque to the core. */
const cursorSchema = z.object({
  /** First connection, ISO 8601: older mail was taken or passed over by `backlog` then. */
  since: z.string(),
  folders: z.record(
    z.string(),
    z.object({
      uidValidity: z.string(),
      lastUid: z.int().min(0),
      /** HIGHESTMODSEQ at the last look, where the server has CONDSTORE: unchanged means nothing happened. */
      modseq: z.string().optional(),
      /** Mail at or below `lastUid` that the store did not take. */
      left: z.array(z.int().min(1)).optional(),
    }),
  ),
});
export type Cursor = z.output<typeof cursorSchema>;
export type FolderCursor = Cursor['folders'][string];

/** The committed cursor; undefined for none, or one that cannot be read: then everything is looked at again. */
export function readCursor(text: string | undefined): Cursor | undefined {
  if (text === undefined) return undefined;
  try {
    const read = cursorSchema.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
