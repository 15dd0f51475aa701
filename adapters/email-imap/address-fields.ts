import { decodeWords } from './headers.ts';

/** Addresses and Message-IDs in header fields. Imports nothing heavy: the parser's child process loads it. */

export interface Address {
  /** Lower case. */
  readonly address: string;
  readonly name?: string;
}

const maxField = 16 * 1024;
/** Stands for an @ inside quotes until the field is taken apart. */
const quotedAt = '\ue000';

/**
 * Addresses of one field, in order. A quoted display name is never taken for an address, so
 * `"mayor@city.example" <someone@else.example>` is one address: the second.
 */
export function addressesOf(field: string): Address[] {
  const found: Address[] = [];
  let name = '';
  let inAngle: string | undefined;
  let depth = 0;
  const put = () => {
    const bare = inAngle ?? /^\s*(\S+@\S+)\s*$/.exec(name)?.[1] ?? '';
    const address = bare.trim().toLowerCase();
    if (/^[^\s<>@]{1,64}@[^\s<>@]{1,253}$/.test(address)) {
      const label = inAngle === undefined ? '' : decodeWords(name).slice(0, 200);
      found.push(label === '' ? { address } : { address, name: label });
    }
    name = '';
    inAngle = undefined;
  };
  const text = field.slice(0, maxField);
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (depth > 0) {
      if (char === '(') depth += 1;
      else if (char === ')') depth -= 1;
    } else if (char === '"') {
      let quoted = '';
      for (at += 1; at < text.length && text[at] !== '"'; at += 1) {
        if (text[at] === '\\') at += 1;
        quoted += text[at] ?? '';
      }
      // A quoted local part (`"a b"@x`) is not an address citizens have; it stays a name.
      name += quoted.replaceAll('@', quotedAt);
    } else if (char === '(') depth = 1;
    else if (char === '<') {
      const close = text.indexOf('>', at);
      const end = close === -1 ? text.length : close;
      inAngle = text.slice(at + 1, end);
      at = end;
    } else if (char === ',' || char === ';') put();
    else if (char === ':' && inAngle === undefined) name = '';
    else if (inAngle === undefined) name += char;
  }
  put();
  return found.map((entry) =>
    entry.name === undefined ? entry : { ...entry, name: entry.name.replaceAll(quotedAt, '@') },
  );
}

/** Message-IDs of one or more fields, brackets off, in order, without repeats; at most 50. */
export function messageIdsIn(fields: readonly (string | undefined)[]): string[] {
  const found = new Set<string>();
  for (const field of fields) {
    for (const match of (field ?? '').slice(0, maxField).matchAll(/<([^<>\s]{3,500})>/g)) {
      if (match[1] !== undefined && found.size < 50) found.add(match[1]);
    }
  }
  return [...found];
}
