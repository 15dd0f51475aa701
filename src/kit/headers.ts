/** Header names in lower case; a doubled header is an array. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The value of a header that may stand once. A missing or doubled one is undefined: nobody chooses for the sender. */
export function singleHeader(headers: Headers, name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (typeof value === 'string') return value;
  return value?.length === 1 ? value[0] : undefined;
}

/** `Text/HTML; charset="utf-8"` → `{ type: 'text/html', charset: 'utf-8' }`. Never throws. */
export function parseContentType(contentType: string): {
  readonly type: string;
  readonly charset: string | undefined;
} {
  const [type = '', ...parameters] = contentType.split(';');
  let charset: string | undefined;
  for (const parameter of parameters) {
    const match = /^\s*charset\s*=\s*"?([^"\s]+)"?\s*$/i.exec(parameter);
    if (match?.[1] !== undefined) charset ??= match[1].toLowerCase();
  }
  return { type: type.trim().toLowerCase(), charset };
}
