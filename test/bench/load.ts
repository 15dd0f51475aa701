import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runChild } from './child.ts';

const generator = fileURLToPath(import.meta.resolve('autocannon'));

const report = z.object({
  duration: z.number(),
  '2xx': z.number(),
  non2xx: z.number(),
  errors: z.number(),
  latency: z.object({ p50: z.number(), p99: z.number() }),
});

export interface Load {
  readonly perSecond: number;
  readonly accepted: number;
  readonly refused: number;
  readonly p50: number;
  readonly p99: number;
}

/** A call as a call centre posts it a minute after it was taken; `[<id>]` is another one each time. */
export const message = JSON.stringify({
  sourceId: 'CC-[<id>]',
  channel: 'phone',
  occurredAt: new Date(Date.now() - 60_000).toISOString(),
  citizen: { name: 'Ayşe Yılmaz', phone: '0532 123 45 67', preferredReply: 'sms', language: 'tr' },
  applicationType: 'complaint',
  subject: 'Çukur',
  text: 'Sokağımızda iki haftadır kapatılmayan bir çukur var, motosikletler düşüyor. Geçen hafta aradım, ekip gelecek denildi, gelen olmadı. Okul yolu olduğu için çok tehlikeli, lütfen bir an önce kapatılsın.',
  place: { district: 'Nilüfer', neighbourhood: 'Görükle', street: 'Atatürk Caddesi', text: 'okulun arkası' },
  extra: { queue: '153-genel', agent: '4417' },
});

/** Posts the message as fast as it is answered, from a process of its own. */
export async function load(
  url: string,
  options: { readonly connections: number; readonly seconds: number; readonly key?: string },
): Promise<Load> {
  const text = await runChild([
    generator,
    ...['--json', '--no-progress', '--method', 'POST', '--idReplacement'],
    ...['--connections', String(options.connections), '--duration', String(options.seconds)],
    ...['--headers', 'content-type=application/json'],
    ...(options.key === undefined ? [] : ['--headers', `authorization=Bearer ${options.key}`]),
    ...['--body', message],
    url,
  ]);
  const told = report.parse(JSON.parse(text));
  return {
    perSecond: told['2xx'] / told.duration,
    accepted: told['2xx'],
    refused: told.non2xx + told.errors,
    p50: told.latency.p50,
    p99: told.latency.p99,
  };
}
