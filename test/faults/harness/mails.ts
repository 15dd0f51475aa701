import { ImapFlow } from 'imapflow';
import type { Dovecot } from '../../support/dovecot.ts';
import type { History } from './history.ts';

/** A citizen's mail; its number stands in its text. */
export const mail = (n: number, messageId: string): Buffer =>
  Buffer.from(
    [
      `From: Vatandaş <v${n}@posta.example>`,
      'To: bilgi@ornek.example',
      `Subject: Lamba ${n}`,
      'Date: Sun, 22 Nov 2026 09:14:03 +0300',
      `Message-ID: <${messageId}@posta.example>`,
      'Content-Type: text/plain; charset=utf-8',
      '',
      `Sokak lambası iki haftadır yanmıyor, akşamları yürünmüyor. [m:mail-${n}]`,
      '',
    ].join('\r\n'),
  );

export async function clientOf(dovecot: Dovecot): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: dovecot.port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: dovecot.user, pass: dovecot.password },
    logger: false,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** In the mailbox is as good as acknowledged: the citizen has been told so by their mail server. */
export async function deliver(
  client: ImapFlow,
  history: History,
  n: number,
  messageId = `m${n}`,
): Promise<void> {
  const at = Date.now();
  const marker = `mail-${n}`;
  history.note({ what: 'intent', marker, at });
  await client.append('INBOX', mail(n, messageId));
  history.note({ what: 'ack', marker, at: Date.now(), sentAt: at, status: 250 });
}

export async function unseen(client: ImapFlow): Promise<number> {
  await client.mailboxOpen('INBOX');
  const found = await client.search({ seen: false }, { uid: true });
  return Array.isArray(found) ? found.length : 0;
}
