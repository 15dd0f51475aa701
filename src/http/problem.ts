import { codeOf, type ErrorCode, errorTable, type FieldError, kindOfError } from '@kapi/contract';
import type { z } from 'zod';

/** RFC 9457 problem details, with the stable `code` of the error table. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly instance?: string;
  readonly errors?: readonly FieldError[];
  readonly [extra: string]: unknown;
}

export const problemType = 'application/problem+json; charset=utf-8';
/** Served by the gateway itself. */
export const errorPage = '/docs/errors';

export interface ProblemDetails {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly extra?: Readonly<Record<string, unknown>>;
}

export function problem(code: ErrorCode, details: ProblemDetails = {}, instance?: string): Problem {
  const { status, title } = errorTable[code];
  return {
    ...details.extra,
    type: `${errorPage}#${code}`,
    title,
    status,
    code,
    ...(details.detail !== undefined && { detail: details.detail }),
    ...(instance !== undefined && { instance }),
    ...(details.errors !== undefined && details.errors.length > 0 && { errors: details.errors }),
  };
}

/** Fastify's and Node's own refusals, by their code. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_NOT_FOUND: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  FST_ERR_HANDLER_TIMEOUT: 'unavailable',
  FST_REQ_FILE_TOO_LARGE: 'body_too_large',
  FST_PARTS_LIMIT: 'invalid_request',
  FST_FILES_LIMIT: 'invalid_request',
  FST_FIELDS_LIMIT: 'invalid_request',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'unsupported_media_type',
  ECONNRESET: 'request_timeout',
  ERR_STREAM_PREMATURE_CLOSE: 'request_timeout',
};

const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  431: 'headers_too_large',
  503: 'unavailable',
};

const field = (thrown: unknown, name: string): unknown =>
  typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, name) : undefined;

export interface Verdict {
  readonly problem: Problem;
  readonly retryAfterMs?: number;
  /** Not the caller's doing: to be logged. */
  readonly fault: boolean;
}

/** What to answer for anything thrown. Text of unknown errors never leaves the house. */
export function toProblem(thrown: unknown, instance: string): Verdict {
  const own = codeOf(thrown);
  if (own !== undefined && kindOfError(thrown) !== 'bug' && errorTable[own].kind !== 'config') {
    const message = field(thrown, 'message');
    const errors = field(thrown, 'errors');
    const extra = field(thrown, 'extra');
    const retryAfterMs = field(thrown, 'retryAfterMs');
    return {
      problem: problem(
        own,
        {
          ...(typeof message === 'string' && message !== '' && { detail: message }),
          ...(isFieldErrors(errors) && { errors }),
          ...(typeof extra === 'object' && extra !== null && { extra: { ...extra } }),
        },
        instance,
      ),
      ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
      fault: errorTable[own].status >= 500,
    };
  }
  const name = field(thrown, 'code');
  const status = field(thrown, 'statusCode');
  const framework =
    (typeof name === 'string' && Object.hasOwn(frameworkCodes, name) ? frameworkCodes[name] : undefined) ??
    (own === undefined && typeof status === 'number' && (status === 503 || (status >= 400 && status < 500))
      ? (byStatus[status] ?? 'invalid_request')
      : undefined);
  return framework === undefined
    ? { problem: problem('internal', {}, instance), fault: true }
    : { problem: problem(framework, {}, instance), fault: false };
}

const isFieldErrors = (value: unknown): value is readonly FieldError[] =>
  Array.isArray(value) &&
  value.every(
    (entry) => typeof field(entry, 'pointer') === 'string' && typeof field(entry, 'message') === 'string',
  );

const escapePointer = (key: PropertyKey): string => String(key).replaceAll('~', '~0').replaceAll('/', '~1');

export const toPointer = (base: string, path: readonly PropertyKey[]): string =>
  path.reduce<string>((pointer, key) => `${pointer}/${escapePointer(key)}`, base);

const mostErrors = 50;

/** Zod issues as JSON pointers under `base`; unknown keys are named one by one, unions by their nearest branch. */
export function toFieldErrors(issues: readonly z.core.$ZodIssue[], base = ''): FieldError[] {
  return issues
    .flatMap((issue): FieldError[] => {
      const at = toPointer(base, issue.path);
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => ({ pointer: toPointer(at, [key]), message: 'Unknown field.' }));
      }
      if (issue.code === 'invalid_union') {
        const nearest = [...issue.errors].sort((a, b) => a.length - b.length)[0];
        if (nearest !== undefined && nearest.length > 0) return toFieldErrors(nearest, at);
      }
      return [{ pointer: at, message: issue.message }];
    })
    .slice(0, mostErrors);
}

const kindMeaning = {
  refused: 'Nothing was stored. Repeat only after changing the request.',
  payload:
    'Bytes could not be read. From a provider they are kept in quarantine; from an API call nothing was stored.',
  transient: 'Nothing is wrong with the request. Repeat it, after Retry-After where given.',
  rejected: 'Another system refused for good; listed under dead letters.',
  config: 'Seen at start and on the command line, never in an answer.',
} as const;

/** `docs/reference/errors.md`. */
export function errorReference(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { kind, status, title }]) =>
      `| <a id="${code}"></a>\`${code}\` | ${status} | ${kind} | ${title} |`,
  );
  const meanings = Object.entries(kindMeaning).map(([kind, meaning]) => `| ${kind} | ${meaning} |`);
  return [
    '# Errors',
    '',
    'Every error answer is a problem document (RFC 9457, `application/problem+json`) with `type`, `title`,',
    '`status`, `code`, and where they help `detail`, `instance` and `errors`: one `{pointer, message}` for each',
    'wrong field. Pointers are JSON pointers into the body; `/query/…`, `/path/…` and `/headers/…` name the rest',
    'of the request. Decide by `code`: it never changes its meaning.',
    '',
    '| kind | what to do |',
    '|---|---|',
    ...meanings,
    '',
    '| code | status | kind | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
