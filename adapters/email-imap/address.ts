import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalNumber } from '@kapi/contract';
import type { Config } from './config.ts';

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
