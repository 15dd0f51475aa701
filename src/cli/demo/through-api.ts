import { type Channel, type MessageSubmission, messageReceipt, uploadAnswer } from '@kapi/contract';
import type { ApiClient } from '../api-client.ts';
import type { ApiMessage } from './corpus/message.ts';
import { photo } from './photos.ts';
import { request } from './request.ts';
import { refusal, type Sending } from './sending.ts';

/** A message handed in by software: its photos first, then the message that names them. */
export function throughApi(
  client: ApiClient,
  message: ApiMessage,
  from: {
    readonly account: string;
    readonly sourceId: string;
    readonly occurredAt: string;
    readonly seed: number;
  },
): Sending {
  let submission: MessageSubmission | undefined;
  return async () => {
    submission ??= toSubmission(message, from, await upload(client, message, from.seed));
    const response = await request(new URL('/v1/messages', client.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${client.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(submission),
    });
    if (!response.ok) throw await refusal(response, from.sourceId);
    return messageReceipt.parse(await response.json()).number;
  };
}

async function upload(client: ApiClient, message: ApiMessage, seed: number): Promise<string[]> {
  const uploads: string[] = [];
  for (const [index, kind] of (message.photos ?? []).entries()) {
    const { name, mediaType, bytes } = photo(kind, seed * 10 + index);
    const response = await request(new URL('/v1/uploads', client.url), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${client.key}`,
        'content-type': mediaType,
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
      },
      body: Buffer.from(bytes),
    });
    if (!response.ok) throw await refusal(response, name);
    uploads.push(uploadAnswer.parse(await response.json()).upload);
  }
  return uploads;
}

/** The 153 line's clerk writes down a telephone call; a desk's, what somebody said there. */
const taken: ReadonlySet<Channel> = new Set([
  'phone',
  'switchboard',
  'mayor_call',
  'front_desk',
  'mobile_team',
]);

function toSubmission(
  message: ApiMessage,
  { account, sourceId, occurredAt }: { account: string; sourceId: string; occurredAt: string },
  uploads: readonly string[],
): MessageSubmission {
  const { channel, text, name, phone, email, tckn, language, type, anonymity, place } = message;
  return {
    sourceId,
    channel,
    account,
    occurredAt,
    text,
    citizen: { name, phone, email, tckn, language },
    applicationType: type,
    anonymity,
    place,
    gathering: message.gathering,
    external: message.external,
    createdBy: taken.has(channel) ? 'gösterim' : undefined,
    attachments: uploads.length === 0 ? undefined : uploads.map((id) => ({ upload: id })),
  };
}
