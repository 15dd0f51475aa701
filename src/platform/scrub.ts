import { digitGap, maskEmail } from '@kapi/contract';

/**
 * Keeps personal data and secrets out of logs: the second net under the rule that a log line carries
 * structured ids only. Structured ids (UUIDs, record numbers, instants) pass unchanged.
 */
export interface Scrubber {
  /** Values that must appear no more, besides those of before; short ones are ignored. */
  hide(secrets: readonly string[]): void;
  text(value: string): string;
  /** Plain objects, arrays and errors are copied; instances of other classes are left to the serializers. */
  value(value: unknown): unknown;
}

/** Keys whose value is personal or secret whatever it looks like. Compared in lower case. */
const sensitiveKeys = new Set(
  [
    'address authorization body citizen citizentext cookie email emails findings fulltext handle handles',
    'headers internalnote mail name newpassword password phone phones pin raw secret set-cookie subject',
    'tckn taxno text to token trackingpin trackingtoken',
  ]
    .join(' ')
    .split(' '),
);

// The first alternatives are what may stay; what they match cannot be taken for a phone by the last.
const patterns = new RegExp(
  [
    '(?<keep>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Z]{2,8}-\\d{2}-\\d{7,}-\\d(?!\\d)|\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?(?:Z|[+-]\\d{2}:\\d{2})?)',
    '(?<email>[\\p{L}\\p{N}._%+-]{1,64}@[\\p{L}\\p{N}-]{1,63}(?:\\.[\\p{L}\\p{N}-]{1,63}){1,8})',
    `(?<digits>\\+?\\d(?:${digitGap}\\d){9,25})`,
  ].join('|'),
  'giu',
);
const mayHold = new RegExp(`@|\\d(?:${digitGap}\\d){8}`, 'u');

const masked = (digits: string): string => `***${digits.slice(-2)}`;
const maxDepth = 6;
const maxItems = 100;

/** @param secrets values that must never appear, e.g. every secret of a configuration; short ones are ignored */
export function createScrubber(secrets: readonly string[] = []): Scrubber {
  let known: readonly string[] = [];
  function hide(more: readonly string[]): void {
    const all = new Set([...known, ...more.filter((secret) => secret.length >= 6)]);
    // The longest first: one may stand within another.
    known = [...all].sort((a, b) => b.length - a.length);
  }
  hide(secrets);

  function text(value: string): string {
    let clean = value;
    for (const secret of known) if (clean.includes(secret)) clean = clean.replaceAll(secret, '[secret]');
    if (!mayHold.test(clean)) return clean;
    return clean.replace(patterns, (...match) => {
      const groups: { keep?: string; email?: string; digits?: string } = match.at(-1);
      if (groups.email !== undefined) return maskEmail(groups.email);
      if (groups.digits !== undefined) return masked(groups.digits);
      return groups.keep ?? '';
    });
  }

  function number(value: number): unknown {
    // Ten digits from 5, eleven, twelve: a phone or an identity number, never an epoch time (13).
    const digits = Number.isInteger(value) ? String(Math.abs(value)) : '';
    const personal =
      digits.length === 11 || digits.length === 12 || (digits.length === 10 && digits[0] === '5');
    return personal ? masked(digits) : value;
  }

  // A syntax error quotes what it could not parse.
  const said = (thrown: Error, line: string): string =>
    text(thrown instanceof SyntaxError ? line.replaceAll(/"[^\n]*"/g, '"…"') : line);

  function error(thrown: Error, depth: number): Record<string, unknown> {
    const extra: Record<string, unknown> = {};
    for (const key of ['code', 'kind', 'status', 'errno', 'syscall']) {
      const value = Object.getOwnPropertyDescriptor(thrown, key)?.value;
      if (value !== undefined) extra[key] = walk(value, depth + 1);
    }
    return {
      type: thrown.name,
      message: said(thrown, thrown.message),
      ...extra,
      ...(thrown.stack !== undefined && { stack: said(thrown, thrown.stack) }),
      ...(thrown.cause !== undefined && { cause: walk(thrown.cause, depth + 1) }),
    };
  }

  function walk(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return text(value);
    if (typeof value === 'number') return number(value);
    if (typeof value === 'bigint') return text(String(value));
    if (typeof value !== 'object' || value === null) return value;
    if (depth > maxDepth) return '[deep]';
    if (value instanceof Error) return error(value, depth);
    if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => walk(item, depth + 1));
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        sensitiveKeys.has(key.toLowerCase()) && item !== undefined && item !== null
          ? '[redacted]'
          : walk(item, depth + 1),
      ]),
    );
  }

  return { hide, text, value: (value) => walk(value, 0) };
}
