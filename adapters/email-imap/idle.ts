import type { ImapFlow } from 'imapflow';

/**
 * Resolves when there may be new mail: the server says so by IDLE (RFC 2177, only a hint), the poll is
 * due, or the signal aborts. Each poll ends the IDLE and starts another, well before the 29 minutes after
 * which servers drop it.
 * @throws Error where the connection has ended
 */
export async function waitForMail(
  client: ImapFlow,
  watch: { readonly folder: string; readonly lastUid: number; readonly pollMs: number },
  signal: AbortSignal,
): Promise<void> {
  const mailbox = await client.mailboxOpen(watch.folder);
  // Came while the folders were read, when nobody listened.
  if (signal.aborted || mailbox.uidNext > watch.lastUid + 1) return;
  const wake = Promise.withResolvers<void>();
  const end = () => wake.resolve();
  const timer = setTimeout(end, watch.pollMs);
  client.on('exists', end);
  client.once('close', end);
  signal.addEventListener('abort', end, { once: true });
  // Ends with the next command; its failure shows there.
  client.idle().catch(end);
  await wake.promise;
  clearTimeout(timer);
  client.off('exists', end);
  client.off('close', end);
  signal.removeEventListener('abort', end);
  if (!client.usable && !signal.aborted)
    throw Object.assign(new Error('The connection ended'), { code: 'ClosedByServer' });
}
