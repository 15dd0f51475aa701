import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConfigError,
  codeOf,
  type ErrorCode,
  errorTable,
  type FieldError,
  KapiError,
  TransientError,
} from '@kapi/contract';
import { z } from 'zod';
import { runningGateway } from './gateway-file.ts';

/** Problem details (RFC 9457) as the API answers them. */
const problemSchema = z.object({
  code: z.string(),
  detail: z.string().optional(),
  title: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string(), message: z.string() })).optional(),
});

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
}

/** The running gateway's API, with the admin key. */
export interface ApiClient {
  readonly url: string;
  readonly key: string;
  /**
   * One call; the answer is parsed by `answer`.
   * @throws KapiError with the code of the problem document, or `unavailable` where nothing answers
   */
  call<T>(path: string, answer: z.ZodType<T>, request?: ApiRequest): Promise<T>;
}

export function createApiClient(url: string, key: string): ApiClient {
  return {
    url,
    key,
    async call(path, answer, request = {}) {
      const target = new URL(path, url);
      for (const [name, value] of Object.entries(request.query ?? {})) {
        if (value !== undefined) target.searchParams.set(name, value);
      }
      const { status, text } = await send(target, key, request);
      const body = text === '' ? undefined : parseJson(text);
      if (status >= 200 && status < 300) return answer.parse(body);
      throw toError(status, body);
    },
  };
}

async function send(
  target: URL,
  key: string,
  request: ApiRequest,
): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(target, {
      method: request.method ?? 'GET',
      headers: {
        authorization: `Bearer ${key}`,
        ...(request.body !== undefined && { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
    });
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    throw new TransientError(
      'unavailable',
      `The gateway at ${target.origin} does not answer. Where none runs any more, delete gateway.json in the data folder and try again.`,
      { cause },
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toError(status: number, body: unknown): KapiError {
  const problem = problemSchema.safeParse(body).data;
  const code: ErrorCode = codeOf(problem) ?? (status >= 500 ? 'unavailable' : 'invalid_request');
  const errors: readonly FieldError[] = problem?.errors ?? [];
  const message = problem?.detail ?? problem?.title ?? `${errorTable[code].title} (HTTP ${status})`;
  return new KapiError(code, message, { errors });
}

/**
 * The client for the gateway that runs on this data folder, or undefined where none runs.
 * @throws ConfigError `key_missing` where it runs, but its admin key cannot be read
 */
export function clientFor(dataFolder: string): ApiClient | undefined {
  const running = runningGateway(dataFolder);
  if (!running) return undefined;
  const path = join(dataFolder, 'admin.key');
  try {
    return createApiClient(running.url, readFileSync(path, 'utf8').trim());
  } catch (cause) {
    throw new ConfigError(
      'key_missing',
      `The admin key ${path} cannot be read: run the command as the user the gateway runs as.`,
      { cause },
    );
  }
}
