/**
 * Errors say what happens next. Every error that crosses a border of the house carries a `code` from
 * this one table; callers decide by `code` and `kind`, never by `instanceof`, because an adapter from
 * outside may bring its own copy of this module.
 */

/** What the core does with it. */
export type ErrorKind = 'refused' | 'payload' | 'transient' | 'rejected' | 'config';

interface ErrorRow {
  readonly kind: ErrorKind;
  /** HTTP status where the error answers a request. */
  readonly status: number;
  /** One sentence for the reader of the answer or the log. */
  readonly title: string;
}

export const errorTable = {
  // refused: answer no, store nothing
  malformed_json: { kind: 'refused', status: 400, title: 'The body is not valid JSON.' },
  invalid_request: {
    kind: 'refused',
    status: 400,
    title: 'Fields of the request are missing or wrong; `errors` names each.',
  },
  unauthorized: { kind: 'refused', status: 401, title: 'The API key is missing, unknown or revoked.' },
  bad_signature: { kind: 'refused', status: 401, title: 'The signature does not match the bytes received.' },
  stale_request: {
    kind: 'refused',
    status: 401,
    title: 'The signed time of the request is too far from now.',
  },
  forbidden: { kind: 'refused', status: 403, title: 'The key lacks the scope this needs.' },
  wrong_account: { kind: 'refused', status: 403, title: 'The key is bound to another account.' },
  not_found: { kind: 'refused', status: 404, title: 'There is nothing under this address.' },
  unknown_account: { kind: 'refused', status: 404, title: 'No enabled account of that name exists.' },
  method_not_allowed: { kind: 'refused', status: 405, title: 'This address does not answer that method.' },
  request_timeout: { kind: 'refused', status: 408, title: 'The request did not arrive in time.' },
  illegal_transition: {
    kind: 'refused',
    status: 409,
    title: 'The record cannot move that way; `legal` names the moves it can make.',
  },
  link_conflict: { kind: 'refused', status: 409, title: 'The links of the records do not allow this.' },
  version_conflict: { kind: 'refused', status: 412, title: 'The record has changed since it was read.' },
  body_too_large: { kind: 'refused', status: 413, title: 'The body is larger than this address accepts.' },
  unsupported_media_type: {
    kind: 'refused',
    status: 415,
    title: 'This address does not accept that content type.',
  },
  idempotency_conflict: {
    kind: 'refused',
    status: 422,
    title: 'The same key was already used with other content.',
  },
  unknown_upload: {
    kind: 'refused',
    status: 422,
    title: 'An upload is unknown, expired, or was made by another key.',
  },
  locked: { kind: 'refused', status: 423, title: 'Too many wrong PINs; locked for an hour.' },
  rate_limited: { kind: 'refused', status: 429, title: 'Too many requests; see Retry-After.' },
  headers_too_large: { kind: 'refused', status: 431, title: 'The request headers are too large.' },
  lease_expired: {
    kind: 'refused',
    status: 409,
    title: 'The lease has ended; another reader may have the event.',
  },
  // payload: quarantine with this reason
  payload_unreadable: { kind: 'payload', status: 422, title: 'The bytes are not what the adapter expects.' },
  payload_charset: {
    kind: 'payload',
    status: 422,
    title: 'The text is in a character set that cannot be read.',
  },
  payload_too_deep: { kind: 'payload', status: 422, title: 'The structure is nested too deeply.' },
  payload_item: { kind: 'payload', status: 422, title: 'One item of the envelope cannot be read.' },
  data_damaged: {
    kind: 'payload',
    status: 500,
    title: 'What is stored cannot be opened: it is damaged, or was sealed with another key.',
  },
  parser_failed: { kind: 'payload', status: 422, title: 'The parser ended without a result.' },
  parser_limit: { kind: 'payload', status: 422, title: 'The parser passed its memory, time or size limit.' },
  // transient: try again later
  unavailable: { kind: 'transient', status: 503, title: 'Not now; see Retry-After.' },
  store_unavailable: { kind: 'transient', status: 503, title: 'The store cannot commit now.' },
  overloaded: { kind: 'transient', status: 503, title: 'The gateway is at its limit; see Retry-After.' },
  provider_unavailable: {
    kind: 'transient',
    status: 503,
    title: 'The provider did not answer or is failing.',
  },
  provider_throttled: { kind: 'transient', status: 503, title: 'The provider asks to slow down.' },
  destination_unavailable: {
    kind: 'transient',
    status: 503,
    title: 'The destination did not take the event.',
  },
  destination_gone: {
    kind: 'transient',
    status: 503,
    title: 'The destination asked not to be called any more; it is paused.',
  },
  // rejected: dead letter
  provider_rejected: { kind: 'rejected', status: 502, title: 'The provider refused this message for good.' },
  destination_rejected: {
    kind: 'rejected',
    status: 502,
    title: 'The destination refused this event for good.',
  },
  address_guarded: {
    kind: 'rejected',
    status: 502,
    title: 'The address leads to a private or forbidden network.',
  },
  media_refused: {
    kind: 'rejected',
    status: 502,
    title: 'The media is too large, of a forbidden type, or infected.',
  },
  media_expired: { kind: 'rejected', status: 502, title: 'The provider no longer has the media.' },
  // config: halt at start
  config_invalid: {
    kind: 'config',
    status: 500,
    title: 'The configuration is wrong; each problem is listed.',
  },
  config_missing_secret: {
    kind: 'config',
    status: 500,
    title: 'A secret that the configuration names is not set.',
  },
  missing_dependency: {
    kind: 'config',
    status: 500,
    title: 'An optional package that this part needs is not installed.',
  },
  data_locked: { kind: 'config', status: 500, title: 'Another process holds the data folder.' },
  schema_newer: { kind: 'config', status: 500, title: 'The store was written by a newer version.' },
  key_missing: { kind: 'config', status: 500, title: 'The sealing key of this data is missing or wrong.' },
  // ours
  internal: { kind: 'transient', status: 500, title: 'A fault of the gateway; it has been logged.' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;
type CodesOf<K extends ErrorKind> = {
  [C in ErrorCode]: (typeof errorTable)[C]['kind'] extends K ? C : never;
}[ErrorCode];

export interface FieldError {
  /** JSON pointer to the field. */
  readonly pointer: string;
  readonly message: string;
}

export interface ErrorDetails {
  readonly cause?: unknown;
  readonly retryAfterMs?: number;
  readonly errors?: readonly FieldError[];
  /** Extra members of the problem document, e.g. `legal`. Never personal data. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** @throws never; a plain carrier. `message` must hold no secret and no personal data. */
export class KapiError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly retryAfterMs: number | undefined;
  readonly errors: readonly FieldError[];
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.kind = errorTable[code].kind;
    this.retryAfterMs = details.retryAfterMs;
    this.errors = details.errors ?? [];
    this.extra = details.extra ?? {};
  }
}

/** Answer no, store nothing. */
export class RefusedRequest extends KapiError {
  constructor(code: CodesOf<'refused'>, message: string, details?: ErrorDetails) {
    super(code, message, details);
  }
}
/** Stored, but not understood: quarantine. */
export class PayloadError extends KapiError {
  constructor(code: CodesOf<'payload'>, message: string, details?: ErrorDetails) {
    super(code, message, details);
  }
}
/** Try again, after `retryAfterMs` where given. */
export class TransientError extends KapiError {
  constructor(code: CodesOf<'transient'>, message: string, details?: ErrorDetails) {
    super(code, message, details);
  }
}
/** Refused for good: dead letter. */
export class RejectedError extends KapiError {
  constructor(code: CodesOf<'rejected'>, message: string, details?: ErrorDetails) {
    super(code, message, details);
  }
}
/** Halt at start. The message names key, expected and found. */
export class ConfigError extends KapiError {
  constructor(code: CodesOf<'config'>, message: string, details?: ErrorDetails) {
    super(code, message, details);
  }
}

/** The code an unknown thrown value carries, or undefined: then it is our bug. */
export function codeOf(thrown: unknown): ErrorCode | undefined {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' && Object.hasOwn(errorTable, code) ? (code as ErrorCode) : undefined;
}

export function kindOfError(thrown: unknown): ErrorKind | 'bug' {
  const code = codeOf(thrown);
  return code === undefined || code === 'internal' ? 'bug' : errorTable[code].kind;
}
