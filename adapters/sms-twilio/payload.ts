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
  const from = (value('From') ?? '').trim();
  if (from === '' || from.length > 64) throw new PayloadError('payload_unreadable', 'a message without From');
  const count = Math.min(Math.max(Math.trunc(Number(value('NumMedia'))) || 0, 0), maxMedia);
  const media = Array.from({ length: count }, (_, index): Media | undefined => {
    const url = value(`MediaUrl${index}`);
    if (url === undefined || !URL.canParse(url) || new URL(url).protocol !== 'https:') return undefined;
    return {
      url,
      contentType:
        parseContentType(value(`MediaContentType${index}`) ?? '').type || 'application/octet-stream',
    };
  });
  return { kind: 'message', sid, from, body: value('Body') ?? '', media, optOutType: value('OptOutType') };
}
