import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalNumber } from '@kapi/contract';
import type { Config } from './config.ts';
import { decodeWords } from './headers.ts';

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

const mac = (purpose: string, value: string, secret: string) =>
  createHmac('sha256', secret).update(`${purpose}\n${value}`).digest('hex').slice(0, 16);

function same(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

const split = (address: string) => {
  const at = address.lastIndexOf('@');
  return { local: address.slice(0, at), domain: address.slice(at + 1) };
};

/** Domain of our Message-IDs. */
export const ownDomain = (config: Config): string => split(config.address).domain;

/** RFC 5321 allows 64 octets before the @; an address that would be longer is not made. */
function plus(config: Config, tag: string): string | undefined {
  const { local, domain } = split(config.address);
  return local.length + 1 + tag.length > 64 ? undefined : `${local}+${tag}@${domain}`;
}

function tagOf(config: Config, address: string): string | undefined {
  const { local, domain } = split(config.address);
  const lower = address.toLowerCase();
  return lower.startsWith(`${local}+`) && lower.endsWith(`@${domain}`)
    ? lower.slice(local.length + 1, -domain.length - 1)
    : undefined;
}

/** `kapi+sok-26-0001234-9.<mac>@…`: whoever writes there was given it by us, so they may join that record. */
export function replyAddress(config: Config, number: string): string | undefined {
  if (config.replySecret === undefined) return undefined;
  return plus(config, `${number.toLowerCase()}.${mac('reply', number, config.replySecret)}`);
}

/** The record number of a genuine signed reply address. */
export function numberOfReplyAddress(config: Config, address: string): string | undefined {
  const match = /^([a-z0-9-]{10,40})\.([0-9a-f]{16})$/.exec(tagOf(config, address) ?? '');
  if (match === null || config.replySecret === undefined) return undefined;
  const number = canonicalNumber(match[1] ?? '');
  if (number === undefined) return undefined;
  return same(match[2] ?? '', mac('reply', number, config.replySecret)) ? number : undefined;
}

/** Envelope sender of a notice: a bounce to it names the notice. Notice ids are UUIDs; others get none. */
export function bounceAddress(config: Config, noticeId: string): string | undefined {
  const hex = noticeId.toLowerCase().replaceAll('-', '');
  if (config.replySecret === undefined || !/^[0-9a-f]{32}$/.test(hex)) return undefined;
  return plus(config, `b${hex}${mac('bounce', hex, config.replySecret).slice(0, 12)}`);
}

/** The notice id of a genuine bounce address. */
export function noticeOfBounceAddress(config: Config, address: string): string | undefined {
  const match = /^b([0-9a-f]{32})([0-9a-f]{12})$/.exec(tagOf(config, address) ?? '');
  if (match === null || config.replySecret === undefined) return undefined;
  const hex = match[1] ?? '';
  if (!same(match[2] ?? '', mac('bounce', hex, config.replySecret).slice(0, 12))) return undefined;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** What `reply.send` returns as `ref`, and replies and bounces name: our Message-ID without brackets. */
export const messageIdOf = (config: Config, noticeId: string): string => `${noticeId}@${ownDomain(config)}`;

/** The notice id in a Message-ID of ours. Anyone may write one: it says which case is meant, and proves nothing. */
export function noticeOfMessageId(config: Config, messageId: string): string | undefined {
  const { local, domain } = split(messageId.toLowerCase());
  const isNotice = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(local);
  return isNotice && domain === ownDomain(config) ? local : undefined;
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
