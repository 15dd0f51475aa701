import { join } from 'node:path';
import type { AccountHealth } from '@kapi/contract';
import { toInstant } from '@kapi/contract';
import type { Bell } from '../intake/clocks.ts';
import type { OpenAlarm } from '../intake/gateway.ts';
import {
  alarmFile,
  alarmsByMail,
  alarmsByWebhook,
  createAlarms,
  createHttpClient,
  type Metrics,
  systemClock,
} from '../platform/index.ts';
import type { Opened } from './open.ts';

export interface Bells extends Bell {
  /** What an account says of itself: one that has been failing for ten minutes is told of. */
  account(id: string, health: AccountHealth): void;
  open(): Promise<readonly OpenAlarm[]>;
  acknowledge(id: string, by: string): Promise<boolean>;
  close(): void;
}

const failingMs = 10 * 60_000;

/** The alarms of the configuration, ringing for as long as the signal lasts. */
export function startAlarms(
  opened: Opened,
  dataFolder: string,
  metrics: Metrics,
  signal: AbortSignal,
): Bells {
  const { alarms: wishes, institution } = opened.config();
  const origins = wishes.people.flatMap(({ webhook }) => (webhook ? [new URL(webhook.url).origin] : []));
  // Addresses of alarms are the operator's own: they may be inside the house.
  const http = createHttpClient({ allowedOrigins: origins });
  const mail = wishes.smtp && alarmsByMail(wishes.smtp, institution.name);
  const alarms = createAlarms({
    institution: institution.name,
    people: wishes.people.map(({ name, email, webhook }) => ({
      name,
      ...(email !== undefined && { email }),
      ...(webhook && {
        webhook: { url: webhook.url, ...(webhook.secret !== undefined && { secret: webhook.secret }) },
      }),
    })),
    ways: [...(mail ? [mail] : []), alarmsByWebhook(http, institution.name, systemClock)],
    repeatMinutes: wishes.repeatMinutes,
    dailyHeartbeatAt: wishes.dailyHeartbeatAt,
    store: alarmFile(join(dataFolder, 'alarms.json')),
    clock: systemClock,
    log: opened.log,
    metrics,
  });
  void alarms.start(signal);
  const failingSince = new Map<string, number>();
  return {
    account(id, { state, detail }) {
      if (state === 'connected' && failingSince.delete(id)) void alarms.clear('account-failing', id);
      if (state !== 'failing') return;
      const now = systemClock.now();
      const since = failingSince.get(id) ?? now;
      failingSince.set(id, since);
      if (now - since < failingMs) return;
      void alarms.raise('account-failing', id, `${id} hesabı okunamıyor: ${detail ?? 'neden bilinmiyor'}`);
    },
    raise: (kind, subject, text, severity) => alarms.raise(kind, subject, text, severity),
    clear: (kind, subject) => alarms.clear(kind, subject),
    async open() {
      const list = await alarms.open();
      return list
        .toSorted((a, b) => a.raisedAt - b.raisedAt)
        .map(({ id, kind, subject, text, severity, raisedAt, count, acknowledgedBy }) => ({
          id,
          kind,
          subject,
          text,
          severity,
          raisedAt: toInstant(raisedAt),
          count,
          ...(acknowledgedBy !== undefined && { acknowledgedBy }),
        }));
    },
    acknowledge: (id, by) => alarms.acknowledge(id, by),
    close() {
      mail?.close();
      http.close();
    },
  };
}
