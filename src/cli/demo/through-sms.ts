import { createHash, createHmac } from 'node:crypto';
import type { DemoMessage } from './corpus/message.ts';
import { request } from './request.ts';
import { refusal, type Sending } from './sending.ts';

/** What signing a webhook of an SMS account takes. */
export interface ShortMessageAccount {
  readonly id: string;
  readonly accountSid: string;
  readonly authToken: string;
}

/**
 * A short message as the provider calls with it: a form, signed over the public address and every parameter.
 * https://www.twilio.com/docs/usage/webhooks/webhooks-security (read 2026-11). `unreadable`: the message
 * id is missing, as if the provider had changed its format overnight.
 */
export function throughSms(
  address: { readonly url: string; readonly publicUrl: string },
  account: ShortMessageAccount,
  message: DemoMessage,
  sourceId: string,
  unreadable = false,
): Sending {
  const path = `/webhooks/sms-twilio/${account.id}`;
  const sid = `SM${createHash('sha256').update(sourceId).digest('hex').slice(0, 32)}`;
  const parameters = new URLSearchParams({
    AccountSid: account.accountSid,
    ApiVersion: '2010-04-01',
    Body: message.text,
    From: `+9${message.phone ?? ''}`,
    FromCountry: 'TR',
    NumMedia: '0',
    NumSegments: '1',
    ...(!unreadable && { MessageSid: sid, SmsMessageSid: sid, SmsSid: sid }),
    SmsStatus: 'received',
    To: '+905320000153',
    ToCountry: 'TR',
  });
  const signed = [...parameters]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flat()
    .join('');
  const signature = createHmac('sha1', account.authToken)
    .update(`${address.publicUrl}${path}${signed}`)
    .digest('base64');
  return async () => {
    const response = await request(new URL(path, address.url), {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': signature,
      },
      body: parameters.toString(),
    });
    if (!response.ok) throw await refusal(response, path);
    return undefined;
  };
}
