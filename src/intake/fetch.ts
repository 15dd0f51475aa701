import {
  type Change,
  codeOf,
  type FetchWork,
  kindOfError,
  type ParseResult,
  type ParserEntry,
  type Part,
  PayloadError,
  RejectedError,
  type Save,
  TransientError,
} from '@kapi/contract';
import { writeEvent } from './changes.ts';
import { recordHeader } from './entrance.ts';
import type { House } from './house.ts';
import type { RunningAccount, RunningAccounts } from './running.ts';
import { describe } from './stage.ts';
import { toAttachment } from './to-record.ts';
import { peek, safeTextType } from './upload.ts';

/** Runs a parser in a child process with caps. @throws PayloadError `parser_failed`, `parser_limit` */
export interface ParserPool {
  parse(entry: ParserEntry, body: Uint8Array, signal?: AbortSignal): Promise<ParseResult>;
}

export interface FetchOptions {
  readonly accounts: RunningAccounts;
  readonly parsers: ParserPool;
  /** Fetches a URL a citizen or integrator named, through the guarded client. */
  readonly fetchUrl: (url: string, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;
  readonly maxBytes: number;
  /** Media types that are kept; others end as refused. */
  readonly mediaTypes: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** A part that keeps failing for this long is given up. */
const horizonAttempts = 8;

/**
 * The fetch stage: one pending part to its end. `stored` with its blob or value; `refused`, `expired`
 * for good; a passing failure is retried. However it ends, the envelope's reading goes on.
 */
export async function fetchPart(house: House, options: FetchOptions, work: FetchWork): Promise<Save> {
  try {
    const parts =
      work.ref.kind === 'parsed'
        ? await derive(house, options, work)
        : [await download(house, options, work)];
    return await save(house, work, parts);
  } catch (error) {
    const kind = kindOfError(error);
    if (kind === 'transient' && work.attempt < horizonAttempts) throw error;
    if (kind === 'bug') house.log.error({ part: work.id, error: describe(error) }, 'a part failed on a bug');
    const state = codeOf(error) === 'media_expired' ? 'expired' : 'refused';
    return save(house, work, [{ ...work.ref, state, reason: codeOf(error) ?? 'internal' }]);
  }
}

/**
 * The parts at their end, and the envelope read anew with them: one that was read already gives the
 * same items and a revision of those that show a part; one that waits is read now.
 */
async function save(house: House, work: FetchWork, parts: readonly Part[]): Promise<Save> {
  const { id, headers } = work.envelope;
  const recordId = headers[recordHeader];
  const changes = parts.map((part): Change => ({ do: 'put-part', envelopeId: id, part }));
  return {
    work: { stage: 'fetch', id: work.id, token: work.token, ending: { end: 'done' } },
    changes:
      recordId === undefined
        ? [...changes, { do: 'replay-envelope', id, at: house.clock.now() }]
        : [...changes, ...(await amended(house, recordId, parts))],
  };
}

/** An entrance's message is in its record already: the late file amends that. */
async function amended(house: House, recordId: string, parts: readonly Part[]): Promise<readonly Change[]> {
  const view = await house.reader.record({ id: recordId });
  if (view === undefined) return [];
  const { record } = view;
  const attachments = record.attachments.map((attachment) => {
    const part = parts.find(({ key }) => key === attachment.id);
    return part ? toAttachment(part, attachment.name) : attachment;
  });
  const seed = {
    id: house.ids.uuid(),
    name: 'amended',
    at: house.clock.now(),
    actor: 'fetch',
    data: {},
  } as const;
  return writeEvent(record, { ...record, attachments }, seed, house.settings(), house.planNotices).changes;
}

function accountOf(options: FetchOptions, work: FetchWork): RunningAccount {
  const account = options.accounts().get(work.envelope.account);
  if (!account) throw new TransientError('unavailable', `account «${work.envelope.account}» is not running`);
  return account;
}

async function derive(house: House, options: FetchOptions, work: FetchWork): Promise<Part[]> {
  const { adapter } = accountOf(options, work);
  if (!adapter.parser) throw new PayloadError('parser_failed', `adapter ${adapter.id} has no parser`);
  const result = await options.parsers.parse(adapter.parser, work.envelope.body, options.signal);
  const files = await Promise.all(
    result.files.map(async (file): Promise<Part> => {
      const reference = {
        key: file.key,
        kind: 'media',
        wait: 'optional',
        name: file.name,
        mediaType: file.mediaType,
      } as const;
      if (file.body.byteLength > options.maxBytes)
        return { ...reference, state: 'refused', reason: 'media_refused' };
      const mediaType = (await house.sniff(file.body.subarray(0, 4100))) ?? safeTextType(file.mediaType);
      if (!options.mediaTypes.has(mediaType))
        return { ...reference, state: 'refused', reason: `type ${mediaType}` };
      const blob = await house.blobs.put(file.body, options.maxBytes);
      return { ...reference, state: 'stored', blob: { ...blob, mediaType } };
    }),
  );
  return [{ ...work.ref, state: 'stored', value: result.value }, ...files];
}

async function download(house: House, options: FetchOptions, work: FetchWork): Promise<Part> {
  const { ref } = work;
  const account = options.accounts().get(work.envelope.account);
  const stream = account?.adapter.fetch
    ? await account.adapter.fetch(ref, account.context(options.signal))
    : await options.fetchUrl(ref.source ?? '', options.signal);
  const { head, content } = await peek(stream);
  if (head.byteLength === 0) throw new RejectedError('media_refused', 'the file is empty');
  const mediaType = (await house.sniff(head)) ?? safeTextType(ref.mediaType ?? '');
  if (!options.mediaTypes.has(mediaType))
    throw new RejectedError('media_refused', `type ${mediaType} is not taken`);
  const blob = await house.blobs.put(content, options.maxBytes);
  return { ...ref, state: 'stored', blob: { ...blob, mediaType } };
}
