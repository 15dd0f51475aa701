import type { Envelope, PartRef } from '@kapi/contract';
import { mailPart } from './payload.ts';

/** Set by the puller where only the beginning of a large mail was stored; its value is the full size. */
export const tooLargeHeader = 'x-kapi-too-large';

/** One part, the parsed mail; its attachments follow from it. The beginning of a too large mail is not parsed. */
export function parts(envelope: Envelope): PartRef[] {
  if (envelope.headers[tooLargeHeader] !== undefined) return [];
  return [
    {
      key: mailPart,
      kind: 'parsed',
      wait: 'needed',
      mediaType: 'message/rfc822',
      bytes: envelope.body.length,
    },
  ];
}
