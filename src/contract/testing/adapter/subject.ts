import { readFile } from 'node:fs/promises';
import type {
  Adapter,
  Envelope,
  Normalized,
  ParseResult,
  Part,
  PartRef,
  PushRequest,
  PushSource,
} from '@kapi/contract';
import type { AdapterRows, Bytes, EnvelopeRow, PushRows, RawConfig } from './rows.ts';

/** An adapter with its rows read: bytes loaded, configuration parsed, parts made. */
export interface Subject {
  readonly adapter: Adapter;
  readonly rows: AdapterRows;
  /** Parsed by the adapter's own schema. */
  readonly config: unknown;
  readonly envelopes: readonly LoadedRow[];
  readonly malformed: readonly { readonly name: string; readonly envelope: Envelope }[];
  readonly push: { readonly source: PushSource<unknown>; readonly rows: PushRows } | undefined;
}

export interface LoadedRow {
  readonly row: EnvelopeRow;
  readonly envelope: Envelope;
  readonly refs: readonly PartRef[];
  readonly parts: readonly Part[];
  readonly reordered: Uint8Array | undefined;
}

export const rowTime = '2026-11-22T09:14:03.000+03:00';

/** The kit's own limit for a parser run in this process; the core's caps are another matter. */
const parserLimits = { maxMs: 30_000, maxMemoryMb: 512 };

export const parseConfig = (adapter: Adapter, config: RawConfig): unknown => adapter.config.parse(config);

export async function load(adapter: Adapter, rows: AdapterRows): Promise<Subject> {
  const config = parseConfig(adapter, rows.config);
  const envelopes: LoadedRow[] = [];
  for (const row of rows.envelopes) envelopes.push(await loadRow(adapter, config, row));
  const malformed: { name: string; envelope: Envelope }[] = [];
  for (const row of rows.malformed) {
    malformed.push({
      name: row.name,
      envelope: toEnvelope(adapter, row.contentType, await bytesOf(row.body)),
    });
  }
  const source = adapter.sources.find((candidate) => candidate.kind === 'push');
  return {
    adapter,
    rows,
    config,
    envelopes,
    malformed,
    push: source && rows.push ? { source, rows: rows.push } : undefined,
  };
}

async function loadRow(adapter: Adapter, config: unknown, row: EnvelopeRow): Promise<LoadedRow> {
  const body = await bytesOf(row.body);
  const envelope = toEnvelope(adapter, row.contentType, body, row);
  const refs = adapter.parts?.(envelope, config) ?? [];
  const parts = row.givenParts ?? (await makeParts(adapter, envelope, refs, row));
  const reordered =
    row.reordered === undefined
      ? reverseJson(body)
      : row.reordered === false
        ? undefined
        : await bytesOf(row.reordered);
  return { row, envelope, refs, parts, reordered };
}

export async function bytesOf(bytes: Bytes): Promise<Uint8Array> {
  if (typeof bytes === 'string') return new TextEncoder().encode(bytes);
  return bytes instanceof URL ? new Uint8Array(await readFile(bytes)) : bytes;
}

export function toEnvelope(
  adapter: Adapter,
  contentType: string,
  body: Uint8Array,
  row?: Pick<EnvelopeRow, 'headers' | 'receivedAt'>,
): Envelope {
  return {
    id: '01980000-0000-7000-8000-000000000000',
    adapter: adapter.id,
    account: 'kit',
    receivedAt: row?.receivedAt ?? rowTime,
    contentType,
    headers: row?.headers ?? {},
    body,
  };
}

async function makeParts(
  adapter: Adapter,
  envelope: Envelope,
  refs: readonly PartRef[],
  row: EnvelopeRow,
): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for (const ref of refs) {
    if (ref.kind === 'media') parts.push(mediaPart(ref, row.partState ?? 'stored'));
    else if (adapter.parser) {
      const result = await runParser(adapter.parser.module, envelope.body);
      parts.push({ ...ref, state: 'stored', value: result.value });
      for (const file of result.files) {
        const found: PartRef = {
          key: file.key,
          kind: 'media',
          wait: 'needed',
          name: file.name,
          mediaType: file.mediaType,
          bytes: file.body.byteLength,
        };
        parts.push(mediaPart(found, row.partState ?? 'stored'));
      }
    }
  }
  return parts;
}

export function mediaPart(ref: PartRef, state: Part['state']): Part {
  if (state !== 'stored') return { ...ref, state };
  const blob = {
    id: `blob-${ref.key}`,
    mediaType: ref.mediaType ?? 'application/octet-stream',
    bytes: ref.bytes ?? 1,
    sha256: '0'.repeat(64),
  };
  return { ...ref, state, blob };
}

async function runParser(module: URL, body: Uint8Array): Promise<ParseResult> {
  const loaded: { default: (body: Uint8Array, limits: typeof parserLimits) => Promise<ParseResult> } =
    await import(module.href);
  return loaded.default(body, parserLimits);
}

/** The JSON body with every list of two or more objects reversed; undefined where there is none or it is not JSON. */
function reverseJson(body: Uint8Array): Uint8Array | undefined {
  let reversed = false;
  const isObject = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body), (_key, inner: unknown) => {
      if (!Array.isArray(inner) || inner.length < 2 || !inner.every(isObject)) return inner;
      reversed = true;
      return inner.toReversed();
    });
    return reversed ? new TextEncoder().encode(JSON.stringify(value)) : undefined;
  } catch {
    return undefined;
  }
}

/** The request the provider would have made for this envelope, before it is signed. */
export function unsigned(push: PushRows, envelope: Envelope, target = push.target): PushRequest {
  const publicUrl = (push.publicOrigin ?? 'https://kapi.example.bel.tr') + target;
  return {
    method: 'POST',
    target,
    publicUrl,
    query: new URL(publicUrl).searchParams,
    headers: { 'content-type': envelope.contentType, ...envelope.headers },
    body: envelope.body,
    remoteAddress: '203.0.113.7',
  };
}

/** The same request as the provider would have sent it. */
export function signed(push: PushRows, envelope: Envelope, now: number): PushRequest {
  const request = unsigned(push, envelope);
  const proof = push.sign(request, now);
  const moved = proof.target === undefined ? request : unsigned(push, envelope, proof.target);
  return {
    ...moved,
    headers: { ...moved.headers, ...proof.headers },
    remoteAddress: proof.remoteAddress ?? moved.remoteAddress,
  };
}

export const itemKeys = (items: Normalized): readonly string[] =>
  [items.messages, items.statuses, items.ignored, items.failed].flatMap((list) =>
    list.map((item) => item.key),
  );
