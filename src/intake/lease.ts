import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a reader holds of a delivery. */
export interface Lease {
  readonly destination: string;
  readonly id: string;
  readonly token: number;
  readonly attempt: number;
}

const macOf = (body: string, key: Uint8Array): string =>
  createHmac('sha256', key).update(body).digest('base64url').slice(0, 16);

/**
 * A lease as readers see it, opaque: everything its verbs need, so that none is kept in memory, and a
 * mark that only this house can make, so that no reader can end what another holds.
 */
export function toLease({ destination, id, token, attempt }: Lease, key: Uint8Array): string {
  const body = `${destination}.${id}.${token}.${attempt}`;
  return `${body}.${macOf(body, key)}`;
}

/** Undefined for anything `toLease` did not make for one of these queues. The longest name that fits is meant. */
export function fromLease(lease: string, key: Uint8Array, queues: readonly string[]): Lease | undefined {
  const [, body, rest, token, attempt, mac] =
    /^((.+)\.(\d{1,15})\.(\d{1,9}))\.([\w-]{16})$/.exec(lease) ?? [];
  if (body === undefined || rest === undefined || mac === undefined) return undefined;
  if (!timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(body, key)))) return undefined;
  const [destination] = queues
    .filter((name) => rest.startsWith(`${name}.`))
    .toSorted((a, b) => b.length - a.length);
  if (destination === undefined) return undefined;
  const id = rest.slice(destination.length + 1);
  return { destination, id, token: Number(token), attempt: Number(attempt) };
}
