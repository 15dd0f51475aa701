import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * The hidden token of one shown form: `id.time.notice.mac`. The id makes a double submission one record,
 * the time tells machines and stale tabs from people, and the notice version says which KVKK text was shown.
 */
export interface FormToken {
  readonly id: string;
  readonly issuedAt: number;
  readonly noticeVersion: string;
}

export type TokenVerdict =
  | { readonly kind: 'good'; readonly token: FormToken }
  | { readonly kind: 'forged' | 'early' | 'expired' };

/** Nobody reads and fills the form faster than this. */
export const earliestMs = 2_000;
/** A tab left open overnight still sends. */
const latestMs = 24 * 3600_000;

const macOf = (payload: string, key: Uint8Array): Buffer =>
  createHmac('sha256', key).update(`kapi citizen form ${payload}`).digest();

/** `noticeVersion` may hold dots; id and time do not. */
export function issueToken(noticeVersion: string, now: number, key: Uint8Array): string {
  const payload = `${randomBytes(16).toString('base64url')}.${now.toString(36)}.${noticeVersion}`;
  return `${payload}.${macOf(payload, key).toString('base64url')}`;
}

export function readToken(text: string, now: number, key: Uint8Array): TokenVerdict {
  const match = /^(([\w-]{22})\.([0-9a-z]{1,11})\.([A-Za-z0-9.-]{1,40}))\.([\w-]{43})$/.exec(text);
  const [, payload, id, time, noticeVersion, mac] = match ?? [];
  if (!payload || !id || !time || !noticeVersion || !mac) return { kind: 'forged' };
  const given = Buffer.from(mac, 'base64url');
  const right = macOf(payload, key);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return { kind: 'forged' };
  const issuedAt = Number.parseInt(time, 36);
  if (now - issuedAt < earliestMs) return { kind: 'early' };
  if (now - issuedAt > latestMs) return { kind: 'expired' };
  return { kind: 'good', token: { id, issuedAt, noticeVersion } };
}
