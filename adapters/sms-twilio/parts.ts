import {
  type AdapterContext,
  type Envelope,
  type PartRef,
  RejectedError,
  TransientError,
} from '@kapi/contract';
import type { Config } from './config.ts';
import { basicAuth } from './messages-api.ts';
import { type Media, readPayload } from './payload.ts';

export const mediaPartKey = (index: number): string => `media-${index}`;

const extensions: Readonly<Record<string, string>> = {
  'image/jpeg': '.jpg',
  'image/png': '.png',
  'image/gif': '.gif',
  'image/webp': '.webp',
  'video/mp4': '.mp4',
  'video/3gpp': '.3gp',
  'audio/amr': '.amr',
  'audio/mpeg': '.mp3',
  'application/pdf': '.pdf',
  'text/vcard': '.vcf',
};

/** Twilio gives media no name. */
export const mediaName = ({ contentType }: Media, index: number): string =>
  `mms-${index + 1}${(Object.hasOwn(extensions, contentType) && extensions[contentType]) || ''}`;

/** The text of an MMS does not wait for its media. */
export function parts(envelope: Envelope): readonly PartRef[] {
  const event = readPayload(envelope.contentType, envelope.body);
  if (event.kind !== 'message' || event.from.includes(':')) return [];
  return event.media.flatMap((medium, index): readonly PartRef[] =>
    medium === undefined
      ? []
      : [
          {
            key: mediaPartKey(index),
            kind: 'media',
            wait: 'optional',
            name: mediaName(medium, index),
            mediaType: medium.contentType,
            source: medium.url,
          },
        ],
  );
}

const timeoutMs = 30_000;
const maxMediaBytes = 25 * 1024 * 1024;
const maxRedirects = 3;

/**
 * Twilio redirects a media address to its content host, to a link that is good for four hours
 * (https://support.twilio.com/hc/en-us/articles/223183748, read 2026-11; the status of the redirect stands on no page).
 * Credentials go to the API's host only; the content host is asked without them.
 */
export async function fetch(
  ref: PartRef,
  context: AdapterContext<Config>,
): Promise<AsyncIterable<Uint8Array>> {
  const { config } = context;
  const apiHosts = new Set(['api.twilio.com', new URL(config.apiUrl).host]);
  let url = new URL(ref.source ?? '');
  for (let redirects = 0; ; redirects += 1) {
    const trusted = url.protocol === 'https:' && apiHosts.has(url.host);
    const headers: Readonly<Record<string, string>> = trusted ? { authorization: basicAuth(config) } : {};
    const response = await context.http(url.href, { headers, timeoutMs, maxBytes: maxMediaBytes });
    const { status } = response;
    const { location } = response.headers;
    if (status >= 200 && status < 300) return response.stream();
    if (status < 300 || status >= 400 || location === undefined || redirects === maxRedirects)
      throw refusal(status);
    url = new URL(location, url);
  }
}

function refusal(status: number): Error {
  if (status === 410) return new RejectedError('media_expired', `Twilio has no such media: HTTP ${status}`);
  if (status === 429) return new TransientError('provider_throttled', 'Twilio asks to slow down: HTTP 429');
  // A webhook may come before its media can be had («treat an initial 404 as a transient condition»,
  // https://support.twilio.com/hc/en-us/articles/44750147594523, read 2026-11); what stays away is given up by the core.
  // A token that is refused is mended in the configuration; the photo waits for it.
  if (status === 404 || status === 401 || status >= 500)
    return new TransientError('provider_unavailable', `Twilio gave no media: HTTP ${status}`);
  return new RejectedError('media_refused', `Twilio refused the media: HTTP ${status}`);
}
