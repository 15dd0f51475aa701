import {
  type AdapterContext,
  type Envelope,
  type PartRef,
  RejectedError,
  TransientError,
} from '@kapi/contract';
import type { Config } from './config.ts';
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

/**
 * Twilio answers a media address with a redirect to its content host. Credentials go to the API's host only;
 * the content host is asked without them.
 * https://www.twilio.com/docs/messaging/api/media-resource (read 2026-11)
 */
export async function fetch(
  ref: PartRef,
  context: AdapterContext<Config>,
): Promise<AsyncIterable<Uint8Array>> {
  const { accountSid, authTokens, apiUrl } = context.config;
  const url = new URL(ref.source ?? '');
  const trusted =
    url.protocol === 'https:' && (url.host === 'api.twilio.com' || url.host === new URL(apiUrl).host);
  const basic = Buffer.from(`${accountSid}:${authTokens[0] ?? ''}`).toString('base64');
  const headers: Readonly<Record<string, string>> = trusted ? { authorization: `Basic ${basic}` } : {};
  const limits = { timeoutMs, maxBytes: maxMediaBytes };
  let response = await context.http(url.href, { headers, ...limits });
  const location = response.headers.location;
  if (response.status >= 300 && response.status < 400 && location !== undefined) {
    response = await context.http(new URL(location, url).href, limits);
  }
  const { status } = response;
  if (status >= 200 && status < 300) return response.stream();
  if (status === 404 || status === 410)
    throw new RejectedError('media_expired', `Twilio has no such media: HTTP ${status}`);
  if (status === 429) throw new TransientError('provider_throttled', 'Twilio asks to slow down: HTTP 429');
  // A token that is refused is mended in the configuration; the photo waits for it.
  if (status === 401 || status >= 500)
    throw new TransientError('provider_unavailable', `Twilio gave no media: HTTP ${status}`);
  throw new RejectedError('media_refused', `Twilio refused the media: HTTP ${status}`);
}
