import type { Logger } from '@kapi/contract';
import { type Logger as Pino, pino } from 'pino';
import { createScrubber, type Scrubber } from './scrub.ts';

export interface LogOptions {
  readonly level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Whoever holds it has more secrets hidden as they become known. */
  readonly scrubber?: Scrubber;
  /** Where lines go; standard output where absent. */
  readonly write?: (line: string) => void;
}

/**
 * The process log: JSON lines. Every argument of every call, of children and of the HTTP server too,
 * passes the scrubber; requests are logged as method and path, never with query, headers or body.
 */
export function createLog(options: LogOptions = {}): Pino {
  const { write, scrubber = createScrubber() } = options;
  return pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['req.headers', 'res.headers', 'request.headers', 'response.headers', 'request.body'],
        remove: true,
      },
      serializers: {
        req: (request: { method?: string; url?: string; id?: unknown }) => ({
          method: request.method,
          path: scrubber.text(request.url?.split('?', 1)[0] ?? ''),
          id: request.id,
        }),
        res: (response: { statusCode?: number }) => ({ status: response.statusCode }),
        err: (thrown: unknown) => scrubber.value(thrown),
        error: (thrown: unknown) => scrubber.value(thrown),
      },
      hooks: {
        logMethod(values, method) {
          const clean = values.map((value: unknown) =>
            value instanceof Error ? { err: scrubber.value(value) } : scrubber.value(value),
          );
          Reflect.apply(method, this, clean);
        },
      },
    },
    write ? { write } : pino.destination({ fd: 1, sync: false }),
  );
}

/** A contract logger over a pino: scrubs the secrets of one account besides what the process log scrubs. */
export function redactingLogger(
  log: Pick<Pino, 'debug' | 'info' | 'warn' | 'error' | 'isLevelEnabled'>,
  secrets: readonly string[] = [],
): Logger {
  const scrubber = createScrubber(secrets);
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error'): Logger['info'] =>
    (fields, message) => {
      if (log.isLevelEnabled(level)) log[level](scrubber.value(fields), scrubber.text(message));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
