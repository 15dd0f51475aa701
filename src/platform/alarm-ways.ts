import type { HttpClient } from '@kapi/contract';
import { TransientError } from '@kapi/contract';
import type { Transporter } from 'nodemailer';
import { Webhook } from 'standardwebhooks';
import type { AlarmPerson, AlarmsOptions, Telling } from './alarms.ts';
import type { Clock } from './clock.ts';

type Way = AlarmsOptions['ways'][number];

export interface AlarmMailSettings {
  readonly host: string;
  readonly port: number;
  readonly security: 'starttls' | 'tls' | 'none';
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly from: string;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 200);

/** Alarms by mail through a server of their own, which no account of citizens uses. */
export function alarmsByMail(settings: AlarmMailSettings, institution: string): Way & { close(): void } {
  const { host, port, security, user, password } = settings;
  let transport: Promise<Transporter> | undefined;
  const connect = async (): Promise<Transporter> =>
    (await import('nodemailer')).createTransport({
      host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 20_000,
      ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    });
  return {
    reaches: (person) => person.email !== undefined,
    async tell(person, telling) {
      const title = telling.type === 'heartbeat' ? 'çalışıyorum' : `${telling.kind} ${telling.subject}`;
      transport ??= connect();
      await (await transport).sendMail({
        from: settings.from,
        to: person.email ?? '',
        subject: oneLine(`[kapı ${institution}] ${title}`),
        text: mailText(telling),
        messageId: `<alarm-${telling.id}@${settings.from.split('@').at(-1)}>`,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      });
    },
    close: () =>
      void transport?.then(
        (opened) => opened.close(),
        () => undefined,
      ),
  };
}

function mailText({ type, at, text, severity, count }: Telling): string {
  if (type === 'heartbeat') return `${text}\n\n${at}\n`;
  const often = count !== undefined && count > 1 ? ` (${count} kez)` : '';
  return `${text}\n\n${severity}${often}, ${at}\nBu alarm, biri üstlenene kadar yinelenir.\n`;
}

/** Alarms as a JSON POST signed by Standard Webhooks 1.0 (https://www.standardwebhooks.com). */
export function alarmsByWebhook(http: HttpClient, institution: string, clock: Pick<Clock, 'now'>): Way {
  return {
    reaches: (person) => person.webhook !== undefined,
    async tell(person: AlarmPerson, telling) {
      if (person.webhook === undefined) return;
      const { id, type, at, ...data } = telling;
      const body = JSON.stringify({ type: `kapi.${type}`, timestamp: at, data: { institution, ...data } });
      const sentAt = new Date(clock.now());
      const { url, secret } = person.webhook;
      const response = await http(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
          ...(secret !== undefined && { 'webhook-signature': new Webhook(secret).sign(id, sentAt, body) }),
        },
        body,
        timeoutMs: 10_000,
        maxBytes: 65_536,
      });
      await response.bytes();
      if (response.status < 200 || response.status > 299) {
        throw new TransientError('destination_unavailable', `the alarm webhook answered ${response.status}`);
      }
    },
  };
}
