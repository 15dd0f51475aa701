import type {
  AcceptEntry,
  BlobRef,
  Blobs,
  Change,
  ClaimOptions,
  Pipeline,
  Save,
  SaveOutcome,
  Stage,
  WorkOf,
} from '@kapi/contract';
import type { Grouping } from './grouping.ts';
import { maxRowBytes, packEntry, packSave } from './pack.ts';
import { unpackWork, type Work } from './unpack.ts';

/** The pipeline port over grouped commands: documents are turned to JSON and back on the caller's side. */
export function createPipeline(
  grouping: Grouping,
  blobs: Blobs,
  loadBody: (blobId: string) => Promise<Uint8Array>,
  onKeysChanged: () => void,
): Pipeline {
  /** A large body must be durable in the blob store before the row that refers to it. */
  const storeBody = async ({ envelope: { body } }: AcceptEntry): Promise<BlobRef | undefined> =>
    body.byteLength > maxRowBytes ? blobs.put(body, body.byteLength) : undefined;

  const load = async (unpacked: Work): Promise<Work> => {
    const { stage, work, blobId } = unpacked;
    if (blobId === undefined || (stage !== 'read' && stage !== 'fetch')) return unpacked;
    const envelope = { ...work.envelope, body: await loadBody(blobId) };
    return stage === 'read' ? { stage, work: { ...work, envelope } } : { stage, work: { ...work, envelope } };
  };

  return {
    accept: async (entries) => {
      if (!entries.some((entry) => entry.envelope.body.byteLength > maxRowBytes))
        return grouping.run({ verb: 'accept', entries: entries.map((entry) => packEntry(entry)) });
      const stored = await Promise.all(entries.map(storeBody));
      return grouping.run({
        verb: 'accept',
        entries: entries.map((entry, index) => packEntry(entry, stored[index])),
      });
    },
    claim: async <S extends Stage>(stage: S, options: ClaimOptions): Promise<readonly WorkOf[S][]> => {
      const packed = await grouping.run({ verb: 'claim', stage, options });
      const works = await Promise.all(packed.map(unpackWork).map(load));
      return works.flatMap((work) => (isOf(work, stage) ? [work.work] : []));
    },
    save: async (saves) => {
      const outcomes = await grouping.run({ verb: 'save', saves: saves.map(packSave) });
      if (saves.some(touchesKeys)) onKeysChanged();
      return outcomes;
    },
    settle: (settlements): Promise<readonly SaveOutcome[]> => grouping.run({ verb: 'settle', settlements }),
    reserveNumbers: (prefix, year, count) => grouping.run({ verb: 'reserve', prefix, year, count }),
  };
}

const isOf = <S extends Stage>(
  work: Work,
  stage: S,
): work is Extract<Work, { stage: S }> & { work: WorkOf[S] } => work.stage === stage;

const touchesKeys = (save: Save): boolean =>
  save.changes.some((change: Change) => change.do === 'put-api-key' || change.do === 'revoke-api-key');
