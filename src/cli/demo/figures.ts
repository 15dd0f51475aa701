import { bookAnswer, queueStatsAnswer } from '@kapi/contract';
import type { ApiClient } from '../api-client.ts';
import { request } from './request.ts';

/** What the gateway says of itself at one moment. */
export interface Figures {
  readonly envelopes: number;
  readonly quarantined: number;
  readonly delivered: number;
  /** Envelopes unread, conversations that settle, notices on their way. */
  readonly underWay: number;
  /** Events that wait in queues, or are in somebody's hands. */
  readonly queued: number;
  /** Absent where `/metrics` is not for this address. */
  readonly receipts: number | undefined;
}

/** Reads the books, the queues and the metrics. */
export async function readFigures(client: ApiClient): Promise<Figures> {
  const { books } = await client.call('/v1/books', bookAnswer);
  const book = (unit: string) => books.find((row) => row.unit === unit);
  const part = (unit: string, name: string) => book(unit)?.parts[name] ?? 0;
  const { queues } = await client.call('/v1/queue/stats', queueStatsAnswer);
  const metrics = await readMetrics(client);
  return {
    envelopes: book('envelope')?.total ?? 0,
    quarantined: part('envelope', 'quarantined') + part('item', 'failed'),
    delivered: part('delivery', 'delivered'),
    underWay:
      part('envelope', 'unread') +
      part('message', 'settling') +
      sumOf(metrics ?? '', /^kapi_backlog_rows\{stage="notify"\} (\S+)$/gm),
    queued: queues.reduce((sum, { ready, behind, claimed }) => sum + ready + behind + claimed, 0),
    receipts:
      metrics === undefined
        ? undefined
        : sumOf(metrics, /^kapi_notices_total\{[^}]*state="sent"[^}]*\} (\S+)$/gm),
  };
}

/** `/metrics` is for listed addresses only; undefined for the others. */
async function readMetrics(client: ApiClient): Promise<string | undefined> {
  const response = await request(new URL('/metrics', client.url), {});
  return response.ok ? response.text() : undefined;
}

const sumOf = (text: string, line: RegExp): number =>
  [...text.matchAll(line)].reduce((sum, [, count]) => sum + Number(count), 0);
