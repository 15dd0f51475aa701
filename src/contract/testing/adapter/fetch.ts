import {
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
  kindOfError,
  TransientError,
} from '@kapi/contract';
import type { Check } from './check.ts';
import { describeThrown } from './check.ts';
import { type Heard, heardNothing, makeContext } from './context.ts';
import type { FetchRow } from './rows.ts';
import { leaks, secretsOf } from './secret-values.ts';
import type { Subject } from './subject.ts';

export interface FetchStory {
  readonly bytes?: Uint8Array;
  readonly thrown?: unknown;
  readonly calls: readonly { readonly url: string; readonly request: HttpRequest | undefined }[];
}

/** Runs `fetch` against an HTTP client that gives one answer; status 0 is a client that cannot connect. */
export async function fetchOnce(
  subject: Subject,
  row: FetchRow,
  status: number,
  heard: Heard = heardNothing(),
): Promise<FetchStory> {
  const calls: { url: string; request: HttpRequest | undefined }[] = [];
  const http: HttpClient = async (url, request) => {
    calls.push({ url, request });
    if (status === 0) throw new TransientError('provider_unavailable', 'no connection');
    return responseOf(status, status === 200 ? row.content : new Uint8Array());
  };
  try {
    const stream = await subject.adapter.fetch?.(row.part, makeContext(subject.config, heard, { http }));
    const chunks: Uint8Array[] = [];
    if (stream) for await (const chunk of stream) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), calls };
  } catch (thrown) {
    return { thrown, calls };
  }
}

function responseOf(status: number, content: Uint8Array): HttpResponse {
  return {
    status,
    headers: {},
    bytes: async () => content,
    text: async () => Buffer.from(content).toString('utf8'),
    stream: async function* () {
      yield content;
    },
  };
}

const owed: readonly (readonly [status: number, kind: 'transient' | 'rejected'])[] = [
  [404, 'rejected'],
  [410, 'rejected'],
  [403, 'rejected'],
  [429, 'transient'],
  [500, 'transient'],
  [503, 'transient'],
  [0, 'transient'],
];

/** What fetching media ends in, and who sees the credentials. */
export const fetchChecks: readonly Check[] = [
  {
    id: 'wrong-fetch',
    owes: 'fetches the bytes of its media',
    async find(subject, report) {
      for (const row of subject.rows.fetch ?? []) {
        const story = await fetchOnce(subject, row, 200);
        if (story.thrown !== undefined) report(row.name, `threw ${describeThrown(story.thrown)}`);
        else if (!Buffer.from(row.content).equals(story.bytes ?? new Uint8Array()))
          report(row.name, 'gave other bytes');
      }
    },
  },
  {
    id: 'wrong-fetch-error',
    owes: 'maps missing media to RejectedError and a failing provider to TransientError',
    async find(subject, report) {
      for (const row of subject.rows.fetch ?? []) {
        for (const [status, usual] of owed) {
          const kind = status === 404 && row.mayComeLate ? 'transient' : usual;
          const { thrown } = await fetchOnce(subject, row, status);
          const found = thrown === undefined ? 'no error' : kindOfError(thrown);
          if (found !== kind)
            report(`${row.name}: ${status || 'no connection'}`, `is ${found}, owed ${kind}`);
        }
      }
    },
  },
  {
    id: 'credentials-to-stranger',
    owes: 'shows its credentials to the provider’s own hosts only',
    async find(subject, report) {
      const secrets = secretsOf(subject);
      for (const row of subject.rows.fetch ?? []) {
        const { calls } = await fetchOnce(subject, row, 200);
        for (const { url, request } of calls) {
          const { hostname } = new URL(url);
          const said = JSON.stringify([url, request?.headers, request?.body]);
          if (!row.trustedHosts.includes(hostname) && leaks(said, secrets))
            report(row.name, `«${hostname}» saw a secret`);
        }
      }
    },
  },
];
