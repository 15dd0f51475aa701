import { PayloadError } from '@kapi/contract';
import { parseContentType, parseJson } from '@kapi/kit';
import { z } from 'zod';

/**
 * Parameters of a webhook by name, all values of a name in the order they came.
 * https://www.twilio.com/docs/messaging/guides/webhook-request (read 2026-11): form parameters, «subject to
 * change», new ones without notice.
 */
export type Parameters = ReadonlyMap<string, readonly string[]>;

export const maxBytes = 64 * 1024;

/** What a sweep stores: one message of the Messages list beside its media list, both as the API gave them. */
export const sweptType = 'application/vnd.kapi.twilio-message+json';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const jsonParameters = z.record(z.string(), scalar);

/** The parameters of a form body, untrimmed; undefined where the bytes are no text. */
export function readForm(body: Uint8Array): Parameters | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
  const parameters = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    const values = parameters.get(name);
    if (values) values.push(value);
    else parameters.set(name, [value]);
  }
  return parameters;
}

function readParameters(contentType: string, body: Uint8Array): Parameters {
  if (parseContentType(contentType).type !== 'application/json') {
    const form = readForm(body);
    if (form === undefined) throw new PayloadError('payload_unreadable', 'the form is not UTF-8');
    return form;
  }
  const parsed = jsonParameters.safeParse(parseJson(body, { maxBytes }));
  if (!parsed.success) throw new PayloadError('payload_unreadable', 'the JSON is no flat object');
  return new Map(
    Object.entries(parsed.data).map(([name, value]) => [name, [value === null ? '' : String(value)]]),
  );
}

export interface Media {
  readonly url: string;
  readonly contentType: string;
}

export type TwilioEvent =
  | {
      readonly kind: 'message';
      readonly sid: string;
      readonly from: string;
      readonly body: string;
      /** One entry per medium that `NumMedia` counts; undefined where Twilio sent no usable address. */
      readonly media: readonly (Media | undefined)[];
      readonly optOutType: string | undefined;
    }
  | {
      readonly kind: 'status';
      readonly sid: string;
      readonly status: string;
      readonly errorCode: string | undefined;
    };

/** Twilio takes ten media a message at most. */
const maxMedia = 10;

/**
 * One webhook call: a citizen's message, or what became of one of ours.
 * @throws PayloadError `payload_unreadable` where there is no message id, or a message without sender
 */
export function readPayload(contentType: string, body: Uint8Array): TwilioEvent {
  if (parseContentType(contentType).type === sweptType) return readSwept(body);
  const parameters = readParameters(contentType, body);
  const value = (name: string): string | undefined => parameters.get(name)?.[0];
  const sid = value('MessageSid') ?? value('SmsSid') ?? '';
  if (!/^[A-Z]{2}[0-9a-f]{32}$/.test(sid)) throw new PayloadError('payload_unreadable', 'no MessageSid');
  const status = value('MessageStatus') ?? value('SmsStatus');
  if (status !== undefined && status !== 'received' && status !== 'receiving') {
    if (!/^[a-z-]{1,32}$/.test(status))
      throw new PayloadError('payload_unreadable', 'MessageStatus is no word');
    const errorCode = value('ErrorCode');
    return {
      kind: 'status',
      sid,
      status,
      errorCode: errorCode && /^\d{1,6}$/.test(errorCode) ? errorCode : undefined,
    };
  }
  return {
    kind: 'message',
    sid,
    from: sender(value('From')),
    body: value('Body') ?? '',
    media: mediaOf(value('NumMedia'), (index) => [
      value(`MediaUrl${index}`),
      value(`MediaContentType${index}`),
    ]),
    optOutType: value('OptOutType'),
  };
}

function sender(from: string | undefined): string {
  const text = (from ?? '').trim();
  if (text === '' || text.length > 64) throw new PayloadError('payload_unreadable', 'a message without From');
  return text;
}

function mediaOf(
  counted: unknown,
  at: (index: number) => readonly [url: string | undefined, contentType: string | undefined],
): (Media | undefined)[] {
  const count = Math.min(Math.max(Math.trunc(Number(counted)) || 0, 0), maxMedia);
  return Array.from({ length: count }, (_, index) => {
    const [url, contentType] = at(index);
    if (url === undefined || !URL.canParse(url) || new URL(url).protocol !== 'https:') return undefined;
    return { url, contentType: parseContentType(contentType ?? '').type || 'application/octet-stream' };
  });
}

const swept = z.object({
  message: z.object({
    sid: z.string().regex(/^[A-Z]{2}[0-9a-f]{32}$/),
    from: z.string().nullable(),
    body: z.string().nullable(),
    num_media: z.union([z.string(), z.number()]).nullish(),
  }),
  media_list: z.array(z.object({ uri: z.string(), content_type: z.string().nullish() })),
});

/** «The URI of this Media resource, relative to https://api.twilio.com», with `.json` for its description. */
const mediaHost = 'https://api.twilio.com';

/**
 * A message as the Messages and Media lists show it: the same facts under other names, without country, city
 * and `OptOutType`. Its time, which no webhook has, is the envelope's: the same message says the same here
 * whichever way it came.
 * https://www.twilio.com/docs/messaging/api/message-resource and …/media-resource (read 2026-11)
 */
function readSwept(body: Uint8Array): TwilioEvent {
  const parsed = swept.safeParse(parseJson(body, { maxBytes }));
  if (!parsed.success) throw new PayloadError('payload_unreadable', 'the JSON is no message of the list');
  const { message, media_list } = parsed.data;
  return {
    kind: 'message',
    sid: message.sid,
    from: sender(message.from ?? undefined),
    body: message.body ?? '',
    media: mediaOf(message.num_media, (index) => {
      const { uri, content_type } = media_list[index] ?? {};
      return [uri && mediaHost + uri.replace(/\.json$/, ''), content_type ?? undefined];
    }),
    optOutType: undefined,
  };
}
