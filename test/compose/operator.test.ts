import { join } from 'node:path';
import { claimAnswer, messageReceipt } from '@kapi/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { root } from '../architecture/sources.ts';
import { type Shipped, startShipped } from './shipped.ts';

const alarmsAnswer = z.looseObject({
  alarms: z.array(z.looseObject({ kind: z.string(), subject: z.string() })),
});

/** What an operator asks of the gateway as it is shipped, whole and running. */
describe('the shipped gateway', () => {
  let shipped: Shipped;
  beforeAll(async () => {
    shipped = await startShipped();
  });
  afterAll(() => shipped.close());

  const post = (path: string, body: unknown) =>
    shipped.client.call(path, z.unknown(), { method: 'POST', body });
  const say = (sourceId: string, more: object = {}) =>
    shipped.client.call('/v1/messages', messageReceipt, {
      method: 'POST',
      body: { sourceId, channel: 'phone', text: 'Sokakta çukur var', ...more },
    });
  const claim = () =>
    shipped.client.call('/v1/queue/claim', claimAnswer, { method: 'POST', body: { waitSeconds: 5 } });

  it('alarms a person of a dead letter of the coordination queue, and counts it', async () => {
    await say('dead');
    for (let attempt = 1; attempt <= 20; attempt++) {
      const [item] = (await claim()).items;
      await post('/v1/queue/nack', { lease: item?.lease, reason: 'bozuk', retryAfterSeconds: 0 });
    }
    const { alarms } = await shipped.client.call('/v1/alarms', alarmsAnswer);
    expect(alarms).toContainEqual(expect.objectContaining({ kind: 'dead-letter', subject: 'coordination' }));
    const metrics = await (await fetch(new URL('/metrics', shipped.client.url))).text();
    expect(metrics).toContain('kapi_deliveries_total{destination="coordination",result="dead"} 1\n');
    expect(metrics).toContain('kapi_deliveries_total{destination="coordination",result="retried"} 19\n');
  });

  it('puts dead letters back and says how many, and refuses a destination that is none', async () => {
    const resend = (destination: string) =>
      shipped.kapi('deadletters', 'resend', '--destination', destination, '--json');
    expect(JSON.parse((await resend('coordination')).out)).toEqual({ resent: 1 });
    expect(JSON.parse((await resend('coordination')).out)).toEqual({ resent: 0 });
    const stranger = await resend('nope');
    expect(stranger.code).toBe(1);
    expect(JSON.parse(stranger.out)).toMatchObject({
      error: {
        code: 'not_found',
        message:
          'There is no destination «nope»; there are: coordination, e-belediye, yol-isleri-posta, kuyruk, akim.',
      },
    });
  });

  it('tries a destination: what the queue gave is what is printed, and each event its own version', async () => {
    const { number } = await say('outgoing');
    const given = (await claim()).items.find(({ event }) => event.subject === number);
    await post(`/v1/records/${number}/events`, { event: 'accepted' });
    const { out } = await shipped.kapi('try', 'coordination', number, '--json');
    const events: { data: { version: number } }[] = JSON.parse(out);
    expect(events[0]).toEqual(given?.event);
    expect(events.map(({ data }) => data.version)).toEqual([1, 2]);
    expect((await shipped.kapi('try', 'e-belediye', number)).code).toBe(0);
  });

  it.each(['email-imap', 'bilgi'])('tries a mail by «%s», whose account is off', async (name) => {
    const file = join(root, 'adapters/email-imap/fixtures/flowed-text.eml');
    const { code, out, err } = await shipped.kapi('try', name, file);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(out).messages).toHaveLength(1);
  });

  it('doctor finds nothing wrong', async () => {
    const { code, out } = await shipped.kapi('doctor', '--json');
    const found: { subject: string; ok: boolean; detail: string }[] = JSON.parse(out);
    expect(found.filter(({ ok }) => !ok)).toEqual([]);
    expect(found.map(({ subject }) => subject)).toEqual(
      expect.arrayContaining([
        'data folder',
        'parser fence',
        'account bilgi',
        'destination coordination',
        'audit chain',
      ]),
    );
    expect(code).toBe(0);
  });
});
