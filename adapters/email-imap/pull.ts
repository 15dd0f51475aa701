import {
  type AdapterContext,
  ConfigError,
  type PullBatch,
  type PullOutcome,
  type PullSource,
} from '@kapi/contract';
import type { FetchMessageObject, ImapFlow, MailboxObject } from 'imapflow';
import type { Config } from './config.ts';
import { connect, failure } from './connection.ts';
import { type Cursor, type FolderCursor, readCursor } from './cursor.ts';
import { type Fetched, fetchMails, type Listed, takeBatch } from './fetch-mails.ts';
import { waitForMail } from './idle.ts';

/**
 * Reads the folders of one mailbox account, oldest mail first. A mail is marked (`\Seen`, moved, or
 * `\Flagged` where too large) only in `settle`, after its envelope is committed; BODY.PEEK leaves no mark.
 *
 * The identity of a mail is (folder, UIDVALIDITY, UID) in the cursor; the key of its envelope is its
 * content, so a copy in another folder and a folder that was numbered anew repeat and add nothing.
 * Whatever a crash leaves between commit and mark is still unseen, and is looked at again on connecting.
 */
export const pull: PullSource<Config> = { kind: 'pull', open };

async function* open(context: AdapterContext<Config>): AsyncGenerator<PullBatch, void, undefined> {
  const cursor = readCursor(context.cursor) ?? { since: wholeSecond(new Date()), folders: {} };
  let client: ImapFlow | undefined;
  try {
    client = await connect(context);
    if (context.config.moveTo !== undefined) await client.mailboxCreate(context.config.moveTo);
    /** Folders where mail at or below the cursor may be unmarked, or was left by the store. */
    const doubtful = new Set(context.config.folders);
    while (!context.signal.aborted) {
      const closed: string[] = [];
      for (const folder of context.config.folders) {
        const mailbox = await openFolder(client, folder);
        if (mailbox === undefined) closed.push(folder);
        else yield* readFolder(client, folder, mailbox, cursor, doubtful, context);
      }
      const read = context.config.folders.filter((folder) => !closed.includes(folder));
      const [watched] = read;
      if (watched === undefined) throw closedFolders(closed);
      // One folder that is gone or forbidden does not keep the mail of the others.
      context.health(
        closed.length === 0
          ? { state: 'connected', detail: `Reading ${read.join(', ')}` }
          : { state: 'failing', detail: `${closedFolders(closed).message}; reading ${read.join(', ')}` },
      );
      const lastUid = cursor.folders[watched]?.lastUid ?? 0;
      await waitForMail(
        client,
        { folder: watched, lastUid, pollMs: context.config.pollSeconds * 1000 },
        context.signal,
      );
    }
  } catch (thrown) {
    if (context.signal.aborted) return;
    throw failure(thrown, context);
  } finally {
    client?.close();
  }
}

/** Undefined where the server refuses it: no such folder, or no right to it. */
async function openFolder(client: ImapFlow, folder: string): Promise<MailboxObject | undefined> {
  try {
    return await client.mailboxOpen(folder);
  } catch (thrown) {
    if ((thrown as { responseStatus?: unknown } | null)?.responseStatus === 'NO') return undefined;
    throw thrown;
  }
}

const closedFolders = (folders: readonly string[]): ConfigError =>
  new ConfigError(
    'config_invalid',
    `folders: expected folders of this mailbox, found ${folders.join(', ')}, which the server does not open`,
  );

/** INTERNALDATE knows no fractions. */
const wholeSecond = (date: Date) => new Date(Math.floor(date.getTime() / 1000) * 1000).toISOString();

/** Batches of what is new in a folder; the cursor object moves with them. */
async function* readFolder(
  client: ImapFlow,
  folder: string,
  mailbox: MailboxObject,
  cursor: Cursor,
  doubtful: Set<string>,
  context: AdapterContext<Config>,
): AsyncGenerator<PullBatch, void, undefined> {
  const known = cursor.folders[folder];
  const here = String(mailbox.uidValidity);
  const modseq = mailbox.highestModseq === undefined ? undefined : String(mailbox.highestModseq);
  const same = known?.uidValidity === here;
  const recheck = doubtful.delete(folder);
  if (
    !recheck &&
    same &&
    known.modseq !== undefined &&
    known.modseq === modseq &&
    mailbox.uidNext <= known.lastUid + 1
  )
    return;
  if (known !== undefined && !same)
    context.log.warn({ folder }, 'The folder was numbered anew; all of it is looked at again');

  const lastUid = same ? known.lastUid : 0;
  const again = recheck && same ? (known.left ?? []) : undefined;
  const listed = await list(client, mailbox, lastUid, again);
  const wanted = listed.filter(
    (mail) => mail.uid > lastUid && wants(mail, known === undefined, cursor, context.config),
  );
  const unmarked = listed.filter((mail) => mail.uid <= lastUid);
  const highest = Math.max(lastUid, mailbox.uidNext - 1, ...listed.slice(-1).map((mail) => mail.uid));
  const state = { uidValidity: here, lastUid, ...(modseq === undefined ? {} : { modseq }) };
  const left = new Set(
    same ? known.left?.filter((uid) => !again || listed.some((mail) => mail.uid === uid)) : [],
  );
  const queue = [...unmarked, ...wanted];
  // A folder seen for the first time commits where it begins, even when there is nothing to take.
  let due = queue.length > 0 || !same;
  while (due && !context.signal.aborted) {
    const some = takeBatch(queue, context.config);
    const mails = await fetchMails(client, folder, here, some, context.config);
    const reached = queue.length === 0 ? highest : Math.max(state.lastUid, ...some.map((mail) => mail.uid));
    const next = { ...state, lastUid: Math.max(state.lastUid, reached) };
    // What is offered now stands for itself; of a cursor only mail that was left before is left.
    for (const { uid } of some) left.delete(uid);
    let outcomes: readonly PullOutcome[] = [];
    yield {
      envelopes: mails.map((mail) => mail.envelope),
      cursor: JSON.stringify({ ...cursor, folders: { ...cursor.folders, [folder]: stateOf(next, left) } }),
      settle: async (settled) => {
        outcomes = settled;
        await mark(client, mails, settled, context);
      },
    };
    // One that alone could not be committed is tried again at the next look; the rest goes on.
    for (const [index, { uid }] of mails.entries()) if (outcomes[index] !== 'stored') left.add(uid);
    due = queue.length > 0;
    state.lastUid = next.lastUid;
    cursor.folders[folder] = stateOf(state, left);
  }
  if (left.size > 0) doubtful.add(folder);
  cursor.folders[folder] = stateOf({ ...state, lastUid: highest }, left);
}

const stateOf = (state: Omit<FolderCursor, 'left'>, left: ReadonlySet<number>): FolderCursor => ({
  ...state,
  ...(left.size > 0 && { left: [...left] }),
});

/** At the first connection by `backlog`; after a new numbering whatever came since then, or is unread. */
function wants(mail: Listed, firstLook: boolean, cursor: Cursor, config: Config): boolean {
  if (config.backlog === 'all') return true;
  if (mail.arrivedAt >= cursor.since) return true;
  if (firstLook) return config.backlog === 'unseen' && !mail.seen;
  return config.backlog === 'unseen' ? !mail.seen : false;
}

/** Sizes first: bodies are asked for in batches that fit. `again` adds these, and older mail that is still unseen. */
async function list(
  client: ImapFlow,
  mailbox: MailboxObject,
  lastUid: number,
  again: readonly number[] | undefined,
): Promise<Listed[]> {
  if (mailbox.exists === 0) return [];
  const fields = { uid: true, size: true, internalDate: true, flags: true } as const;
  const found: FetchMessageObject[] = [];
  const old = new Set(again);
  if (again !== undefined && lastUid > 0) {
    const query = { uid: `1:${lastUid}`, seen: false, flagged: false };
    const unseen = await client.search(query, { uid: true });
    for (const uid of Array.isArray(unseen) ? unseen : []) old.add(uid);
    if (old.size > 0) found.push(...(await client.fetchAll([...old], fields, { uid: true })));
  }
  found.push(...(await client.fetchAll(`${lastUid + 1}:*`, fields, { uid: true })));
  const byUid = new Map<number, Listed>();
  for (const mail of found) {
    byUid.set(mail.uid, {
      uid: mail.uid,
      size: mail.size ?? 0,
      arrivedAt: new Date(mail.internalDate ?? 0).toISOString(),
      seen: mail.flags?.has('\\Seen') ?? false,
    });
  }
  // `n:*` names the last mail even where nothing is newer.
  return [...byUid.values()]
    .filter((mail) => mail.uid > lastUid || old.has(mail.uid))
    .sort((a, b) => a.uid - b.uid);
}

/** Marks what is committed. A connection lost here loses nothing: unmarked mail is looked at again on connecting. */
async function mark(
  client: ImapFlow,
  mails: readonly Fetched[],
  outcomes: readonly PullOutcome[],
  context: AdapterContext<Config>,
): Promise<void> {
  const stored = mails.filter((_, index) => outcomes[index] === 'stored');
  const whole = stored.filter((mail) => !mail.tooLarge).map((mail) => mail.uid);
  const large = stored.filter((mail) => mail.tooLarge).map((mail) => mail.uid);
  try {
    if (large.length > 0) await client.messageFlagsAdd(large, ['\\Flagged'], { uid: true });
    if (whole.length === 0) return;
    await client.messageFlagsAdd(whole, ['\\Seen'], { uid: true });
    const { moveTo } = context.config;
    if (moveTo !== undefined && (await client.messageMove(whole, moveTo, { uid: true })) === false) {
      context.log.warn(
        { folder: moveTo },
        'Stored mails could not be moved; they are marked as seen and stay',
      );
    }
  } catch (thrown) {
    context.log.warn(
      { mails: stored.length },
      'Stored mails could not be marked in the mailbox; they will be on the next connection',
    );
    failure(thrown, context);
  }
}
