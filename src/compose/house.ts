import type { Blobs, Logger, Store } from '@kapi/contract';
import { fileTypeFromBuffer } from 'file-type';
import type { PlanNotices } from '../intake/changes.ts';
import type { House, TrackingTokens } from '../intake/house.ts';
import { numberSource } from '../intake/numbers.ts';
import type { IntakeSettings } from '../intake/settings.ts';
import { newId, newPin, newToken, systemClock } from '../platform/index.ts';

/** Intake's ports over the real store, clock and randomness. */
export function createHouse(
  store: Store & { readonly blobs: Blobs },
  log: Logger,
  settings: () => IntakeSettings,
  planNotices: PlanNotices,
  tracking: TrackingTokens,
): House {
  return {
    pipeline: store.pipeline,
    reader: store.reader,
    watch: store.watch,
    blobs: store.blobs,
    clock: systemClock,
    tracking,
    ids: { uuid: newId, pin: newPin, token: newToken },
    log,
    numbers: numberSource(store.pipeline, settings().prefix),
    planNotices,
    settings,
    sniff: async (head) => (await fileTypeFromBuffer(head))?.mime,
  };
}

/** Files that are kept; anything else ends as refused, with its reason on the record. */
export const keptMediaTypes: ReadonlySet<string> = new Set([
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/gif',
  'image/heic',
  'image/heif',
  'image/avif',
  'image/tiff',
  'image/bmp',
  'video/mp4',
  'video/quicktime',
  'video/webm',
  'video/3gpp',
  'video/3gpp2',
  'video/x-msvideo',
  'video/matroska',
  'audio/ogg',
  'audio/ogg; codecs=opus',
  'audio/mpeg',
  'audio/mp4',
  'audio/x-m4a',
  'audio/aac',
  'audio/amr',
  'audio/wav',
  'application/pdf',
  'application/msword',
  'application/x-cfb',
  'application/rtf',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.oasis.opendocument.text',
  'text/plain',
  'text/csv',
  'text/vcard',
]);
