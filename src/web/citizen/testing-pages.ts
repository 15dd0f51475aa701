import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  formatNumber,
  type MessageReceipt,
  type MessageSubmission,
  PayloadError,
  promiseClock,
  RefusedRequest,
} from '@kapi/contract';
import Fastify, { type FastifyInstance } from 'fastify';
import { contactErrors } from '../../intake/contact-errors.ts';
import type { Tracking } from '../../intake/gateway.ts';
import { type CitizenGateway, type CitizenPagesOptions, citizenPages, readNotice } from '../citizen-pages.ts';
import { issueToken } from './form-token.ts';

/** 22 November 2026, 12:00 in Türkiye. */
export const noon = Date.UTC(2026, 10, 22, 9);
export const tokenKey = Buffer.alloc(32, 7);

const notices = new URL('../../../config/notices/', import.meta.url);
export const notice = readNotice({
  tr: readFileSync(new URL('kvkk.tr.md', notices), 'utf8'),
  en: readFileSync(new URL('kvkk.en.md', notices), 'utf8'),
});

/** A token of a form shown a minute before `noon`. */
export const readyToken = (): string => issueToken(notice.version, noon - 60_000, tokenKey);

interface StoredUpload {
  readonly id: string;
  readonly name: string;
  readonly mediaType: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A gateway in memory that keeps the promises these pages lean on: one key, one record; five wrong PINs, locked. */
export class FakeGateway implements CitizenGateway {
  readonly submissions: MessageSubmission[] = [];
  readonly uploads: StoredUpload[] = [];
  readonly #byKey = new Map<string, { content: string; receipt: MessageReceipt }>();
  readonly #wrong = new Map<string, number>();
  /** Thrown by the next `receive`, once. */
  failure: Error | undefined;

  readonly entrance: CitizenGateway['entrance'] = {
    receive: async (submission, key) => {
      const failure = this.failure;
      this.failure = undefined;
      if (failure) throw failure;
      const content = this.#contentOf(submission);
      const known = this.#byKey.get(key);
      if (known) {
        if (known.content !== content) throw new RefusedRequest('idempotency_conflict', 'Other content.');
        return { ...known.receipt, duplicate: true };
      }
      this.submissions.push(submission);
      const receipt = {
        id: '0198c0de-0000-7000-8000-000000000001',
        number: formatNumber('SOK', 2026, this.submissions.length),
        trackingPin: '402913',
        trackingToken: `token-${this.submissions.length}`,
        promiseDueAt: promiseClock(noon).dueAt,
        duplicate: false,
        warnings: contactErrors(submission.citizen),
      };
      this.#byKey.set(key, { content, receipt });
      return receipt;
    },
    upload: async (file, actor) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of file.content) {
        const program = chunks.length === 0 && Buffer.from(chunk).subarray(0, 2).toString() === 'MZ';
        if (program) throw new PayloadError('parser_limit', 'A program.');
        chunks.push(chunk);
      }
      const content = Buffer.concat(chunks);
      const upload = {
        id: `up_${this.uploads.length + 1}`,
        owner: actor.name,
        name: file.name,
        mediaType: file.mediaType,
        bytes: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
        blobId: `blob-${this.uploads.length + 1}`,
        createdAt: noon,
      };
      this.uploads.push(upload);
      return upload;
    },
  };

  readonly records: CitizenGateway['records'] = {
    track: async (number, pin) => {
      const wrong = this.#wrong.get(number) ?? 0;
      if (wrong >= 5) throw new RefusedRequest('locked', 'Locked.');
      if (number !== tracked.number || pin !== '402913') {
        this.#wrong.set(number, wrong + 1);
        throw new RefusedRequest('not_found', 'No such record.');
      }
      return tracked;
    },
    trackByToken: async (token) => {
      if (!token.startsWith('token-')) throw new RefusedRequest('not_found', 'No such record.');
      return tracked;
    },
  };

  /** Upload ids change with every sending; what the files hold does not. */
  #contentOf(submission: MessageSubmission): string {
    const files = (submission.attachments ?? []).map((attachment) =>
      'upload' in attachment
        ? this.uploads.find((upload) => upload.id === attachment.upload)?.sha256
        : attachment.url,
    );
    return JSON.stringify({ ...submission, attachments: files });
  }
}

export const tracked: Tracking = {
  number: formatNumber('SOK', 2026, 1),
  status: 'forwarded',
  statusLabel: 'İlgili birime iletildi',
  receivedAt: '2026-11-22T12:00:00.000+03:00',
  promiseDueAt: '2026-11-24T12:00:00.000+03:00',
  unit: 'Fen İşleri Dairesi Başkanlığı',
  history: [
    { at: '2026-11-22T12:00:00.000+03:00', event: 'received', label: 'Alındı' },
    {
      at: '2026-11-22T13:20:00.000+03:00',
      event: 'forwarded',
      label: 'İlgili birime iletildi',
      text: 'Başvurunuz Fen İşleri’ne iletildi.\nEkip salı günü çukuru kapatacak. <b>Teşekkürler</b>',
    },
    { at: '2026-11-22T13:25:00.000+03:00', label: 'Not eklendi' },
  ],
};

export const institution = {
  name: 'Örnek Büyükşehir Belediyesi',
  prefix: 'SOK',
  province: 'Bursa',
  districts: ['Gemlik', 'İnegöl', 'Mudanya', 'Nilüfer', 'Osmangazi', 'Yıldırım'],
};

export const limits = { maxFiles: 3, maxFileBytes: 2 ** 20, maxTextCharacters: 5000 };

/** The pages on a server of their own, not yet listening. */
export async function servePages(changes: Partial<CitizenPagesOptions> = {}): Promise<{
  readonly app: FastifyInstance;
  readonly gateway: FakeGateway;
}> {
  const gateway = new FakeGateway();
  const app = Fastify({ bodyLimit: 2 ** 20 });
  await app.register(
    citizenPages({
      gateway,
      institution,
      notice,
      limits,
      publicUrl: 'https://kapi.example',
      tokenKey,
      account: 'form',
      now: () => noon,
      ...changes,
    }),
  );
  return { app, gateway };
}
