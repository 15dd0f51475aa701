import { inspect } from 'node:util';
import type { AdapterContext, HttpClient, Logger } from '@kapi/contract';

/** What an adapter said while it ran. */
export interface Heard {
  readonly logs: string[];
  readonly health: string[];
}

export const heardNothing = (): Heard => ({ logs: [], health: [] });

/** Everything an object would show to whoever prints it: causes, own members, nested lists. */
export const show = (value: unknown): string =>
  `${value instanceof Error ? `${value.message}\n${value.stack ?? ''}\n` : ''}${inspect(value, { depth: 12, maxArrayLength: null, maxStringLength: null, showHidden: false })}`;

const noHttp: HttpClient = () => Promise.reject(new Error('this row gives no HTTP client'));

export function makeContext(
  config: unknown,
  heard: Heard,
  more: {
    readonly http?: HttpClient | undefined;
    readonly signal?: AbortSignal;
    readonly cursor?: string;
  } = {},
): AdapterContext<unknown> {
  const line = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    heard.logs.push(`${message} ${show(fields)}`);
  };
  const log: Logger = { debug: line, info: line, warn: line, error: line };
  return {
    account: 'kit',
    config,
    signal: more.signal ?? new AbortController().signal,
    cursor: more.cursor,
    http: more.http ?? noHttp,
    log,
    health: (state) => void heard.health.push(show(state)),
  };
}
