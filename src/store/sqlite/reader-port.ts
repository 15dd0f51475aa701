import type { ApiKey, Reader } from '@kapi/contract';
import type { SyncReader } from './read/reader.ts';
import type { ReaderThread } from './thread-host.ts';

const maxApiKeys = 10_000;

/**
 * The reader port: single rows are read at once on this thread (less than the way to another one and
 * back), lists and counts in the reader's thread where there is one. Known API keys are remembered
 * until one is made or revoked: every request asks for one.
 */
export function createReaderPort(
  near: SyncReader,
  far: ReaderThread | undefined,
  apiKeys: Map<string, ApiKey>,
  loadBody: (blobId: string) => Promise<Uint8Array>,
): Reader {
  return {
    record: async (ref) => near.record(ref),
    history: async (number, profile) =>
      far ? far.call('history', number, profile) : near.history(number, profile),
    messages: async (recordId) => near.messages(recordId),
    recordByNotice: async (noticeId) => near.recordByNotice(noticeId),
    apiKey: async (hash) => {
      const known = apiKeys.get(hash);
      if (known) return known;
      const found = near.apiKey(hash);
      if (found && apiKeys.size < maxApiKeys) apiKeys.set(hash, found);
      return found;
    },
    apiKeys: async () => near.apiKeys(),
    upload: async (id) => near.upload(id),
    optedOut: async (account, address) => near.optedOut(account, address),
    cursor: async (account) => near.cursor(account),
    queue: async (destination) => near.queue(destination),
    books: async () => near.books(),
    envelope: async (id) => {
      const found = near.envelope(id);
      if (!found) return undefined;
      const { blobId, ...view } = found;
      if (blobId === undefined) return view;
      return { ...view, envelope: { ...view.envelope, body: await loadBody(blobId) } };
    },
    records: async (query) => (far ? far.call('records', query) : near.records(query)),
    stream: async (after, max) => (far ? far.call('stream', after, max) : near.stream(after, max)),
    recount: async () => (far ? far.call('recount') : near.recount()),
    quarantine: async (options) => (far ? far.call('quarantine', options) : near.quarantine(options)),
    deadLetters: async (options) => (far ? far.call('deadLetters', options) : near.deadLetters(options)),
    notCases: async (options) => (far ? far.call('notCases', options) : near.notCases(options)),
    callbacks: async (options) => (far ? far.call('callbacks', options) : near.callbacks(options)),
    lateRecords: async (before, options) =>
      far ? far.call('lateRecords', before, options) : near.lateRecords(before, options),
    envelopesSince: async (since, options) =>
      far ? far.call('envelopesSince', since, options) : near.envelopesSince(since, options),
    audit: async (options) => (far ? far.call('audit', options) : near.audit(options)),
    verifyAudit: async (options) => (far ? far.call('verifyAudit', options) : near.verifyAudit(options)),
    backlog: async () => (far ? far.call('backlog') : near.backlog()),
  };
}
