import { expect, test } from 'vitest';
import { config as schema } from './config.ts';
import { normalize } from './normalize.ts';

const config = schema.parse({
  address: 'sok@bursa.example',
  imapHost: 'imap.bursa.example',
  imapUser: 'sok',
  imapPassword: 'gizli-parola-1',
});

test.each([
  ['2026-11-20T06:00:00.000Z', '2026-11-20T06:00:00.000Z'],
  [undefined, undefined],
])(
  'a mail that reached the mailbox at %s was heard at %s, whatever its sender’s clock says',
  (arrived, heard) => {
    const text = 'From: ayse@example.org\r\nDate: Mon, 16 Nov 2026 09:00:00 +0300\r\n\r\nSu yok';
    const { messages } = normalize(
      {
        id: '01980000-0000-7000-8000-000000000000',
        adapter: 'email-imap',
        account: 'eposta',
        receivedAt: '2026-11-22T09:15:00+03:00',
        contentType: 'message/rfc822',
        headers: arrived === undefined ? {} : { 'x-kapi-arrived': arrived },
        body: new TextEncoder().encode(text),
      },
      [],
      config,
    );
    expect(messages[0]?.heardAt).toBe(heard);
  },
);
