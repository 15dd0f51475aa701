import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Variable envelope return paths: `bounce+<event id>.<mac>@domain`, so that a bounce names the event it
 * is about and cannot be forged. Hex throughout: mail systems may fold the case of a local part, which
 * holds 64 characters at most (RFC 5321 §4.5.3.1.1).
 */
const macOf = (eventId: string, secret: string): string =>
  createHmac('sha256', secret).update(`bounce:${eventId}`).digest('hex').slice(0, 16);

/** @param base the mailbox that takes bounces, e.g. `bounce@bursa.example` */
export function toBounceAddress(base: string, eventId: string, secret: string): string {
  const at = base.lastIndexOf('@');
  return `${base.slice(0, at)}+${eventId}.${macOf(eventId, secret)}${base.slice(at)}`;
}

/** The event a bounce came back for, or undefined where the address is not one of ours. */
export function fromBounceAddress(address: string, secret: string): string | undefined {
  const match = /^[^+@]+\+([0-9a-f-]{1,40})\.([0-9a-f]{16})@/.exec(address.toLowerCase());
  const [, eventId, mac] = match ?? [];
  if (eventId === undefined || mac === undefined) return undefined;
  return timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(eventId, secret))) ? eventId : undefined;
}
