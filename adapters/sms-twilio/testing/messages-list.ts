import { createServer } from 'node:http';
import type { Answer } from '../twilio-counterpart.ts';
import { account } from './samples.ts';

/** Twilio's Messages and Media lists on loopback, in the words of its documentation. */

export interface Kept {
  readonly sid: string;
  readonly at: Date;
  readonly body?: string;
  readonly from?: string;
  readonly to?: string;
  readonly direction?: string;
  readonly status?: string;
  readonly media?: readonly { readonly sid: string; readonly contentType: string }[];
}

export interface MessagesList {
  readonly url: string;
  readonly kept: Kept[];
  /** Path and query of every request so far. */
  readonly asked: string[];
  /** Credentials of every request so far. */
  readonly authorizations: Set<string | undefined>;
  /** Every further request gets this; undefined: the list. */
  refuseWith(answer: Answer | 'hang up' | undefined): void;
  stop(): Promise<void>;
}

const base = `/2010-04-01/Accounts/${account}`;
/** RFC 2822, as Twilio writes it. */
const written = (at: Date): string => at.toUTCString().replace('GMT', '+0000');

const resource = ({ sid, at, body = 'Çöp alınmadı', media = [], ...more }: Kept) => ({
  account_sid: account,
  api_version: '2010-04-01',
  body,
  date_created: written(at),
  date_sent: written(at),
  date_updated: written(at),
  direction: more.direction ?? 'inbound',
  error_code: null,
  error_message: null,
  from: more.from ?? '+905321234567',
  messaging_service_sid: null,
  num_media: String(media.length),
  num_segments: '1',
  price: null,
  price_unit: 'USD',
  sid,
  status: more.status ?? 'received',
  subresource_uris: {
    media: `${base}/Messages/${sid}/Media.json`,
    feedback: `${base}/Messages/${sid}/Feedback.json`,
  },
  to: more.to ?? '+908505550153',
  uri: `${base}/Messages/${sid}.json`,
});

const mediaResource = (kept: Kept, { sid, contentType }: { sid: string; contentType: string }) => ({
  account_sid: account,
  content_type: contentType,
  date_created: written(kept.at),
  date_updated: written(kept.at),
  parent_sid: kept.sid,
  sid,
  uri: `${base}/Messages/${kept.sid}/Media/${sid}.json`,
});

/** `pageOf`: messages on one page at most, whatever is asked for. */
export async function startMessagesList(kept: readonly Kept[], pageOf = 1000): Promise<MessagesList> {
  const list = [...kept];
  const asked: string[] = [];
  const authorizations = new Set<string | undefined>();
  let refusal: Answer | 'hang up' | undefined;

  function answer(url: URL): unknown {
    const [, , , , , sid] = url.pathname.split('/');
    const one = list.find((message) => message.sid === sid);
    if (one) {
      const media_list = (one.media ?? []).map((media) => mediaResource(one, media));
      return { media_list, next_page_uri: null, page: 0, page_size: 50, uri: url.pathname };
    }
    const { To: to, DateSent: day, Page: page = '0', ...rest } = Object.fromEntries(url.searchParams);
    const size = Math.min(Number(rest.PageSize ?? 50), pageOf);
    const found = list
      .map(resource)
      .filter((message) => message.to === to)
      .filter((message) => new Date(message.date_sent).toISOString().slice(0, 10) === day)
      .sort((a, b) => Date.parse(b.date_sent) - Date.parse(a.date_sent));
    const start = Number(page) * size;
    const messages = found.slice(start, start + size);
    const query = (number: number) => {
      const next = new URLSearchParams(url.searchParams);
      next.set('Page', String(number));
      next.set('PageToken', `PA${messages.at(-1)?.sid ?? ''}`);
      return `${url.pathname}?${next}`;
    };
    return {
      end: start + messages.length - 1,
      first_page_uri: query(0),
      messages,
      next_page_uri: start + size < found.length ? query(Number(page) + 1) : null,
      page: Number(page),
      page_size: size,
      previous_page_uri: null,
      start,
      uri: `${url.pathname}${url.search}`,
    };
  }

  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    authorizations.add(request.headers.authorization);
    if (refusal === 'hang up') return void request.socket.destroy();
    const { status, code, retryAfter } = refusal ?? { status: 200 };
    const headers = {
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
    };
    const body = refusal
      ? {
          code,
          message: 'about +905321234567',
          more_info: `https://www.twilio.com/docs/errors/${code}`,
          status,
        }
      : answer(new URL(request.url ?? '/', 'http://localhost'));
    response.writeHead(status, headers).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    kept: list,
    asked,
    authorizations,
    refuseWith(next) {
      refusal = next;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
